use proto::admin::v1::{
    self as v1, Adapter, CatalogEntry, CredentialError, CredentialType, Provider, credential_value::Value,
};

use super::super::draft::Known;
use super::*;

pub(super) fn entry(vendor: &str, adapter: Adapter, base_url: &str, types: &[CredentialType]) -> CatalogEntry {
    CatalogEntry {
        vendor: vendor.into(),
        display_name: vendor.to_uppercase(),
        adapter: adapter.into(),
        default_base_url: base_url.into(),
        region_required: base_url.contains("{region}"),
        credential_types: types.iter().map(|kind| i32::from(*kind)).collect(),
        ..Default::default()
    }
}

fn known() -> Known {
    use CredentialType::{AccessKeyPair, ApiKey, ClientSecret, ServiceAccount};
    Known {
        project: "projects/p".into(),
        catalog: vec![
            entry("custom", Adapter::Openai, "", &[ApiKey]),
            entry("azure", Adapter::AzureOpenai, "", &[ApiKey, ClientSecret]),
            entry("bedrock", Adapter::Bedrock, "https://bedrock.{region}.example", &[ApiKey, AccessKeyPair]),
            entry("ollama", Adapter::Openai, "http://localhost/v1", &[]),
            entry("openai", Adapter::Openai, "https://api.openai.com/v1", &[ApiKey]),
            entry("vertex", Adapter::Vertex, "https://{region}.vertex.example", &[ServiceAccount]),
        ],
        environments: vec!["projects/p/environments/production".into(), "projects/p/environments/staging".into()],
    }
}

fn wizard() -> Wizard {
    Wizard::new(Draft { known: known(), ..Default::default() })
}

fn good() -> TestConnectionResponse {
    let upstream_models = vec!["gpt-4o".into(), "gpt-4o-mini".into()];
    TestConnectionResponse { state: CredentialState::Active.into(), upstream_models, ..Default::default() }
}

fn bad(reason: &str) -> TestConnectionResponse {
    let error = Some(CredentialError { reason: reason.into(), ..Default::default() });
    TestConnectionResponse { state: CredentialState::Inactive.into(), error, ..Default::default() }
}

fn asked(wizard: &Wizard) -> Question {
    match wizard.next() {
        Next::Ask(ask) => ask.question,
        other => unreachable!("{other:?}"),
    }
}

/// Answers one question after the other, each of which has to be the one expected.
fn say(wizard: &mut Wizard, answers: &[(Question, &str)]) {
    for (question, text) in answers {
        assert_eq!(asked(wizard), *question, "before {text:?}");
        wizard.answer(&Answer::Text((*text).into())).unwrap();
    }
}

fn back(wizard: &mut Wizard, times: usize) {
    (0..times).for_each(|_| wizard.answer(&Answer::Back).unwrap());
}

/// Past the first part, with OpenAI.
fn past_the_credential() -> Wizard {
    let mut wizard = wizard();
    say(&mut wizard, &[(Question::Vendor, "openai"), (Question::Value, "sk-1")]);
    assert!(matches!(wizard.next(), Next::Test(_)));
    wizard.tested(good());
    wizard
}

const REST: [(Question, &str); 5] = [
    (Question::DisplayName, ""),
    (Question::Id, "open"),
    (Question::ExposedModels, "1 gpt-4o-mini"),
    (Question::Environments, "production, 2"),
    (Question::Models, "assistant=gpt-4o gpt-4o-mini"),
];

#[test]
fn all_answers_end_in_one_request() {
    let mut wizard = past_the_credential();
    say(&mut wizard, &REST);
    assert!(matches!(wizard.next(), Next::Review(_)));
    wizard.answer(&Answer::Text("yes".into())).unwrap();
    let Next::Connect(request) = wizard.next() else { unreachable!() };
    let provider = request.provider.unwrap();
    assert_eq!((&*provider.vendor, &*provider.display_name, &*request.provider_id), ("openai", "OPENAI", "open"));
    let exposed: Vec<_> = provider.exposed_models.iter().map(|model| &*model.upstream_model).collect();
    assert_eq!(exposed, ["gpt-4o", "gpt-4o-mini"]);
    assert_eq!(provider.environments, known().environments);
    let value = request.credential.unwrap().value.unwrap().value;
    assert_eq!(value, Some(Value::ApiKey("sk-1".into())));
    let models: Vec<_> = request.models.iter().map(|made| &*made.model_id).collect();
    assert_eq!((models, request.parent.as_str()), (vec!["assistant", "gpt-4o-mini"], "projects/p"));
}

#[test]
fn a_vendor_is_asked_for_what_it_needs_and_nothing_else() {
    use Question::{
        AccessKeyId, Adapter, AuthMode, BaseUrl, ClientId, CloudProject, Region, ServiceAccount, TenantId, Type, Value,
        Vendor,
    };
    for (answers, provider) in [
        (&[(Vendor, "openai"), (Value, "k")][..], ""),
        (&[(Vendor, "mine"), (Adapter, "OpenAI"), (BaseUrl, "https://h"), (AuthMode, ""), (Value, "k")], "https://h"),
        (&[(Vendor, "custom"), (Adapter, ""), (BaseUrl, "https://h"), (AuthMode, "none")], "https://h"),
        (&[(Vendor, "custom"), (Adapter, "anthropic"), (BaseUrl, "https://h"), (Value, "k")], "https://h"),
        (&[(Vendor, "azure"), (BaseUrl, "mine"), (Type, "api_key"), (Value, "k")], "mine"),
        (
            &[
                (Vendor, "azure"),
                (BaseUrl, "mine"),
                (Type, "CLIENT_SECRET"),
                (TenantId, "t"),
                (ClientId, "c"),
                (Value, "k"),
            ],
            "mine",
        ),
        (&[(Vendor, "bedrock"), (Region, "eu"), (Type, "access_key_pair"), (AccessKeyId, "AKIA"), (Value, "k")], ""),
        (&[(Vendor, "vertex"), (Region, "eu"), (CloudProject, "g"), (ServiceAccount, "{}")], ""),
        (&[(Vendor, "ollama")], ""),
    ] {
        let mut wizard = wizard();
        say(&mut wizard, answers);
        let Next::Test(request) = wizard.next() else { unreachable!("after {answers:?}: {:?}", wizard.next()) };
        let tested: Provider = request.provider.unwrap();
        assert_eq!(tested.base_url, provider, "{answers:?}");
        let wants_none = answers[0].1 == "ollama" || answers.contains(&(AuthMode, "none"));
        assert_eq!((request.credential.is_none(), tested.auth_mode() == v1::AuthMode::None), (wants_none, wants_none));
    }
}

#[test]
fn a_part_does_not_open_before_the_one_before_it_is_complete() {
    let mut wizard = wizard();
    for (question, answer) in [(Question::Vendor, "openai"), (Question::Value, "sk-1")] {
        assert_eq!(asked(&wizard), question);
        let refused = wizard.answer(&Answer::Text(" ".into())).unwrap_err();
        assert!(refused.contains(question.flag()), "{refused}");
        assert_eq!(asked(&wizard), question, "still");
        wizard.answer(&Answer::Text(answer.into())).unwrap();
    }
    wizard.tested(bad("CREDENTIAL_REJECTED"));
    assert_eq!(asked(&wizard), Question::Vendor, "a key that is refused opens nothing");
    say(&mut wizard, &[(Question::Vendor, ""), (Question::Value, "sk-2")]);
    wizard.tested(good());
    say(&mut wizard, &REST[..2]);
    assert!(wizard.answer(&Answer::Text(String::new())).is_err(), "nothing is exposed");
    assert!(wizard.answer(&Answer::Text("7".into())).unwrap_err().contains("no number 7"));
    say(&mut wizard, &REST[2..3]);
    assert!(wizard.answer(&Answer::Text("nowhere".into())).is_err());
    assert!(wizard.answer(&Answer::Text(String::new())).is_err());
    say(&mut wizard, &REST[3..4]);
    let refused = wizard.answer(&Answer::Text("a=o1".into())).unwrap_err();
    assert!(refused.contains("o1"), "{refused}");
}

#[test]
fn going_back_keeps_what_was_typed() {
    let mut wizard = past_the_credential();
    say(&mut wizard, &REST);
    let Next::Review(before) = wizard.next() else { unreachable!() };
    let questions = Part::ALL.iter().flat_map(|part| wizard.questions(*part)).count();
    back(&mut wizard, questions);
    assert_eq!(asked(&wizard), Question::Vendor);
    assert!(wizard.answer(&Answer::Back).is_err());
    for _ in 0..questions {
        let Next::Ask(ask) = wizard.next() else { unreachable!() };
        assert!(!ask.known.is_empty() && !ask.known.contains("sk-1"), "{ask:?}");
        wizard.answer(&Answer::Text(String::new())).unwrap();
    }
    let Next::Review(after) = wizard.next() else { unreachable!("nothing changed, so nothing is tested again") };
    assert_eq!(before, after);
}

#[test]
fn another_answer_in_the_first_part_is_tested_again_and_the_rest_stays() {
    let mut wizard = past_the_credential();
    say(&mut wizard, &REST[..3]);
    back(&mut wizard, 5);
    say(&mut wizard, &[(Question::Vendor, ""), (Question::Value, "sk-2")]);
    let Next::Test(request) = wizard.next() else { unreachable!("another key is another connection") };
    assert!(request.provider.unwrap().exposed_models.is_empty());
    wizard.tested(good());
    say(&mut wizard, &[(Question::DisplayName, ""), (Question::Id, "")]);
    let Next::Ask(ask) = wizard.next() else { unreachable!() };
    assert_eq!(ask.known, "gpt-4o gpt-4o-mini");
}

#[test]
fn models_that_are_no_longer_exposed_are_asked_for_again() {
    let mut wizard = past_the_credential();
    say(&mut wizard, &REST);
    back(&mut wizard, 3);
    say(&mut wizard, &[(Question::ExposedModels, "gpt-4o"), (Question::Environments, "")]);
    assert!(wizard.answer(&Answer::Text(String::new())).is_err(), "one of them goes nowhere");
    say(&mut wizard, &[(Question::Models, "assistant=gpt-4o")]);
    assert!(matches!(wizard.next(), Next::Review(_)));
}

#[test]
fn what_can_t_be_checked_is_stored_if_somebody_says_so() {
    let mut wizard = wizard();
    say(&mut wizard, &[(Question::Vendor, "openai"), (Question::Value, "sk-1")]);
    wizard.tested(bad("UPSTREAM_UNREACHABLE"));
    say(&mut wizard, &[(Question::Unverified, "no")]);
    say(&mut wizard, &[(Question::Vendor, ""), (Question::Value, "")]);
    assert!(matches!(wizard.next(), Next::Test(_)), "it is tried again");
    wizard.tested(bad("UPSTREAM_UNREACHABLE"));
    say(&mut wizard, &[(Question::Unverified, "yes"), (Question::DisplayName, ""), (Question::Id, "")]);
    say(&mut wizard, &[(Question::ExposedModels, "*"), (Question::Environments, "1"), (Question::Models, "")]);
    let Next::Review(request) = wizard.next() else { unreachable!() };
    assert!(request.skip_validation);
}

#[test]
fn what_may_be_empty_can_be_emptied_again() {
    let mut wizard = past_the_credential();
    say(&mut wizard, &REST);
    back(&mut wizard, 1);
    say(&mut wizard, &[(Question::Models, "-")]);
    back(&mut wizard, 4);
    say(&mut wizard, &[(Question::Id, "-"), (Question::ExposedModels, ""), (Question::Environments, "")]);
    say(&mut wizard, &[(Question::Models, "")]);
    let Next::Review(request) = wizard.next() else { unreachable!() };
    assert!(request.models.is_empty() && request.provider_id.is_empty());
}

#[test]
fn a_review_that_is_not_agreed_to_makes_nothing() {
    let mut wizard = past_the_credential();
    say(&mut wizard, &REST);
    assert!(wizard.answer(&Answer::Text(String::new())).is_err(), "it has to be said");
    wizard.answer(&Answer::Text("no".into())).unwrap();
    assert_eq!(asked(&wizard), Question::Models);
}
