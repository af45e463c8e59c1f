use clap::Parser as _;
use proto::admin::v1::{Adapter, CatalogEntry, CredentialState, CredentialType, TestConnectionResponse};

use super::wizard::{Answer, Next};
use super::*;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    flags: Flags,
}

fn known() -> Known {
    let entry = |vendor: &str, adapter: Adapter, types: &[CredentialType]| CatalogEntry {
        vendor: vendor.into(),
        display_name: vendor.to_uppercase(),
        adapter: adapter.into(),
        default_base_url: "https://{region}.example".into(),
        region_required: adapter == Adapter::Bedrock,
        credential_types: types.iter().map(|kind| i32::from(*kind)).collect(),
        ..Default::default()
    };
    let bedrock = entry("bedrock", Adapter::Bedrock, &[CredentialType::ApiKey, CredentialType::AccessKeyPair]);
    Known {
        project: "projects/p".into(),
        catalog: vec![bedrock, entry("openai", Adapter::Openai, &[CredentialType::ApiKey])],
        environments: vec!["projects/p/environments/production".into()],
    }
}

fn draft(words: &str) -> Draft {
    let line = ["line", "--project", "p"].into_iter().chain(words.split_whitespace());
    Line::try_parse_from(line).unwrap().flags.draft(known()).unwrap()
}

fn value_file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, content).unwrap();
    file
}

#[test]
fn every_missing_flag_is_named_at_once() {
    let all = missing(&draft(""));
    assert_eq!(all.len(), 5, "{all:?}");
    for flag in ["--vendor", "--display-name", "--exposed-model", "--environment"] {
        assert!(all.contains(&flag), "{flag}: {all:?}");
    }
    assert!(all.iter().any(|flag| flag.contains("--value-file")), "{all:?}");
    assert_eq!(missing(&draft("--vendor openai --environment production")), ["--value-file", "--exposed-model"]);
    let unknown = missing(&draft("--vendor mine --exposed-model * --environment production"));
    assert_eq!(unknown, ["--adapter", "--base-url", "--value-file"]);
    let bedrock = missing(&draft("--vendor bedrock --exposed-model * --environment production"));
    assert_eq!(bedrock[0], "--region");
    assert!(bedrock[1].contains("--access-key-id"), "{bedrock:?}");
    let passthrough = "--vendor openai --auth-mode passthrough --exposed-model * --environment production";
    assert!(missing(&draft(passthrough)).is_empty(), "nothing is stored, so nothing is asked for");
    assert!(missing(&draft(&passthrough.replace("--auth-mode passthrough", "--secret shared"))).is_empty());
    assert_eq!(missing(&draft(&format!("{passthrough} --exposed-model a --model m=b"))), Vec::<&str>::new());
}

#[test]
fn a_model_that_is_not_exposed_is_missing_its_target() {
    let words = "--vendor openai --secret s --environment production --exposed-model a --model m=b";
    assert_eq!(missing(&draft(words)), ["--model"]);
}

#[test]
fn what_is_missing_comes_with_what_was_likely_meant() {
    let hints = |words: &str| {
        let draft = draft(words);
        hints(&draft, &missing(&draft))
    };
    assert_eq!(hints("--vendor openai"), "");
    assert!(hints("--vendor opena").contains("did you mean --vendor openai?"));
    assert!(hints("--vendor mine --adapter openai --base-url http://h/v1").contains("--auth-mode none"));
    let unexposed = hints("--vendor openai --secret s --environment production --exposed-model a --model m=b");
    assert_eq!(unexposed, "; --model goes to b, which no --exposed-model names");
}

#[test]
fn a_base_url_that_a_flag_gave_can_be_mended_and_taken_back() {
    let mut wizard = Wizard::new(draft("--vendor openai --base-url http://wrong.example"));
    wizard.answer(&Answer::Text(String::new())).unwrap();
    let Next::Ask(ask) = wizard.next() else { unreachable!() };
    assert_eq!((ask.question, &*ask.known), (Question::BaseUrl, "http://wrong.example"));
    wizard.answer(&Answer::Text("-".into())).unwrap();
    let Next::Ask(ask) = wizard.next() else { unreachable!() };
    assert_eq!(ask.question, Question::Value, "the default is back, and nothing else is skipped");
}

#[test]
fn a_service_account_needs_its_project_and_an_express_key_none() {
    let mut known = known();
    known.catalog.push(CatalogEntry {
        vendor: "vertex".into(),
        adapter: Adapter::Vertex.into(),
        region_required: true,
        credential_types: vec![CredentialType::ServiceAccount.into(), CredentialType::ApiKey.into()],
        ..Default::default()
    });
    let file = value_file("{}");
    let missing_of = |flag: &str, config: &str| {
        let words = format!(
            "line --vendor vertex --region r --display-name V --environment production --exposed-model * {flag} {} {config}",
            file.path().display()
        );
        missing(&Line::try_parse_from(words.split_whitespace()).unwrap().flags.draft(known.clone()).unwrap())
    };
    assert_eq!(missing_of("--service-account-file", ""), ["--config project=…"]);
    assert!(missing_of("--service-account-file", "--config project=p").is_empty());
    assert!(missing_of("--value-file", "").is_empty());
}

#[test]
fn flags_and_answers_make_the_same_request() {
    let file = value_file("s3cret\n");
    let words = format!(
        "--vendor bedrock --region eu-west-1 --access-key-id AKIA1 --value-file {} --display-name Claude --id claude \
         --exposed-model opus --exposed-model haiku --environment production --model big=opus --model haiku",
        file.path().display()
    );
    let by_flags = draft(&words);
    assert!(missing(&by_flags).is_empty());

    let mut wizard = Wizard::new(draft(""));
    let mut answers = [
        "bedrock",
        "eu-west-1",
        "access_key_pair",
        "AKIA1",
        "s3cret",
        "Claude",
        "claude",
        "opus haiku",
        "1",
        "big=opus haiku",
        "yes",
    ]
    .into_iter();
    let by_answers = loop {
        match wizard.next() {
            Next::Connect(request) => break *request,
            Next::Test(_) => wizard
                .tested(TestConnectionResponse { state: CredentialState::Unverified.into(), ..Default::default() }),
            Next::Ask(_) | Next::Review(_) => {
                wizard.answer(&Answer::Text(answers.next().unwrap().to_owned())).unwrap();
            }
        }
    };
    assert_eq!(by_flags.request(), by_answers);
}

#[test]
fn a_draft_prints_no_secret() {
    let file = value_file("s3cret-canary");
    let path = file.path().display();
    let words = format!("--access-key-id AKIA-canary --value-file {path} --session-token-file {path}");
    let draft = draft(&format!("--vendor bedrock --additional-key-file {path} {words}"));
    assert_eq!(draft.credential.additional_key, "s3cret-canary");
    let printed = format!("{draft:?} {:?} {:?}", draft.request(), Wizard::new(draft.clone()).next());
    assert!(!printed.contains("canary"), "{printed}");
}

#[test]
fn what_flags_say_is_what_an_empty_answer_keeps() {
    let file = value_file("sk-1");
    let words = format!("--vendor openai --value-file {} --request-header x-a=b", file.path().display());
    let mut wizard = Wizard::new(draft(&words));
    for _ in 0..2 {
        wizard.answer(&Answer::Text(String::new())).unwrap();
    }
    let Next::Test(request) = wizard.next() else { unreachable!() };
    assert_eq!(request.provider.unwrap().request_headers["x-a"], "b", "fields that are not asked for are kept");
}
