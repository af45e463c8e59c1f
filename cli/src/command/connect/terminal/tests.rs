use std::collections::VecDeque;

use proto::admin::v1::{Adapter, CatalogEntry, CredentialState, CredentialType};

use super::super::draft::{Draft, Known};
use super::*;

/// Types what a script says, and keeps what it was told.
#[derive(Debug, Default)]
struct Scripted {
    typed: VecDeque<&'static str>,
    told: String,
    hidden: usize,
}

impl Person for Scripted {
    fn tell(&mut self, text: &str) -> Result<(), Error> {
        self.told.push_str(text);
        self.told.push('\n');
        Ok(())
    }

    fn line(&mut self, prompt: &str) -> Result<Option<String>, Error> {
        self.tell(prompt)?;
        Ok(self.typed.pop_front().map(str::to_owned))
    }

    fn hidden(&mut self, prompt: &str) -> Result<Option<String>, Error> {
        self.hidden += 1;
        self.line(prompt)
    }
}

async fn walked(typed: &[&'static str]) -> (Option<ConnectProviderRequest>, Scripted) {
    let openai = CatalogEntry {
        vendor: "openai".into(),
        display_name: "OpenAI".into(),
        adapter: Adapter::Openai.into(),
        default_base_url: "https://api.openai.com/v1".into(),
        credential_types: vec![CredentialType::ApiKey.into()],
        ..Default::default()
    };
    let environments = vec!["projects/p/environments/production".to_owned()];
    let known = Known { project: "projects/p".into(), catalog: vec![openai], environments };
    let mut person = Scripted { typed: typed.iter().copied().collect(), ..Default::default() };
    let test = async |_| {
        Ok(TestConnectionResponse {
            state: CredentialState::Active.into(),
            upstream_models: vec!["gpt-4o".into()],
            base_url: "https://api.openai.com/v1".into(),
            ..Default::default()
        })
    };
    let wizard = Wizard::new(Draft { known, ..Default::default() });
    (walk(wizard, &mut person, test).await.unwrap(), person)
}

const ALL: [&str; 8] = ["openai\n", "sk-canary-1\n", "\n", "\n", "1\n", "production\n", "assistant=gpt-4o\n", "yes\n"];

#[tokio::test]
async fn a_person_sees_what_was_found_and_what_would_be_made_but_never_the_value() {
    let (request, person) = walked(&ALL).await;
    assert_eq!(request.unwrap().models[0].model_id, "assistant");
    for shown in ["1 of 4: credential", "4 of 4: models", "ACTIVE", "1 model: gpt-4o", "1  production"] {
        assert!(person.told.contains(shown), "{shown}: {}", person.told);
    }
    for line in ["provider      OpenAI", "credential    one, ACTIVE", "active in     production"] {
        assert!(person.told.contains(line), "{line}: {}", person.told);
    }
    assert!(!person.told.contains("canary"), "{}", person.told);
    assert_eq!(person.hidden, 1);
}

#[tokio::test]
async fn leaving_makes_nothing() {
    for end in 0..ALL.len() {
        assert_eq!(walked(&ALL[..end]).await.0, None, "after {end} answers");
    }
}

#[tokio::test]
async fn one_can_go_back_from_anywhere() {
    let typed = [&ALL[..6], &["<", "<", "<", "<", "Other\n", "\n", "\n", "\n"], &ALL[6..]].concat();
    let (request, person) = walked(&typed).await;
    assert_eq!(request.unwrap().provider.unwrap().display_name, "Other", "{}", person.told);
}
