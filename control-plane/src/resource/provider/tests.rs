use shared::address::AddressPolicy;

use super::super::{Exposure, Mask, Targets};
use super::*;

#[derive(Debug)]
struct OnlyProduction;

impl Targets for OnlyProduction {
    fn has_environment(&self, name: &EnvironmentName) -> bool {
        name.id() == "production"
    }

    fn exposure(&self, _provider: &ProviderName, _upstream_model: &str) -> Exposure {
        Exposure::NoProvider
    }
}

use shared::name::ResourceName as _;

fn read(message: v1::Provider) -> Result<Provider, Vec<(String, FieldReason)>> {
    let rules = Rules { addresses: AddressPolicy::Public, targets: &OnlyProduction };
    let mut violations = FieldViolations::new();
    let provider = Provider::read(message, &"projects/p/providers/a".parse().unwrap(), (), &rules, &mut violations);
    violations
        .into_result(provider)
        .map_err(|violations| violations.iter().map(|one| (one.field.clone(), one.reason)).collect())
}

fn openai() -> v1::Provider {
    v1::Provider { display_name: "OpenAI".into(), vendor: "openai".into(), ..Default::default() }
}

#[test]
fn the_catalog_fills_in_what_a_known_vendor_leaves_out() {
    let provider = read(openai()).unwrap();
    assert_eq!(provider.base_url.as_str(), "https://api.openai.com/v1");
    assert!(provider.enabled);
    assert_eq!(provider.auth_mode, AuthMode::Managed);
}

#[test]
fn a_foreign_vendor_without_a_base_url_is_refused() {
    let message = v1::Provider { vendor: "my-vllm".into(), adapter: v1::Adapter::Openai.into(), ..openai() };
    assert_eq!(read(message).unwrap_err(), [("base_url".to_owned(), FieldReason::Required)]);
}

#[test]
fn every_bad_field_is_named() {
    let message = v1::Provider {
        vendor: "Open AI".into(),
        base_url: "ftp://x".into(),
        environments: vec!["projects/p/environments/staging".into(), "projects/q/environments/production".into()],
        exposed_models: vec![
            v1::ExposedModel { upstream_model: "*".into(), ..Default::default() },
            v1::ExposedModel { upstream_model: "a b".into(), ..Default::default() },
        ],
        default_model: "*".into(),
        auth_mode: 77,
        ..Default::default()
    };
    let fields: Vec<_> = read(message).unwrap_err().into_iter().map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        [
            "display_name",
            "vendor",
            "adapter",
            "base_url",
            "auth_mode",
            "environments[0]",
            "environments[1]",
            "exposed_models[0].upstream_model",
            "exposed_models[1].upstream_model",
            "default_model"
        ]
    );
}

#[test]
fn a_default_model_has_to_be_exposed() {
    let message = v1::Provider { default_model: "gpt-4o".into(), ..openai() };
    assert_eq!(read(message).unwrap_err(), [("default_model".to_owned(), FieldReason::NotExposed)]);
}

fn merged(given: v1::Provider, paths: Option<&[&str]>) -> Result<v1::Provider, FieldViolations> {
    let mask = Mask::from(
        paths.map(|paths| prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
    );
    let mut violations = FieldViolations::new();
    let mut merge = Merge::new(&mask, &mut violations);
    let current = v1::Provider { base_url: "https://a.example".into(), enabled: Some(true), ..openai() };
    let message = Provider::apply(current, given, &mut merge);
    let unknown = merge.finish();
    violations.append(unknown);
    violations.into_result(Some(message))
}

#[test]
fn a_mask_takes_what_it_names_and_an_absent_one_what_is_set() {
    let given = v1::Provider { display_name: "New".into(), enabled: Some(false), ..Default::default() };
    let all = merged(given.clone(), None).unwrap();
    assert_eq!(
        (all.display_name.as_str(), all.enabled, all.base_url.as_str()),
        ("New", Some(false), "https://a.example")
    );
    let one = merged(given.clone(), Some(&["enabled", "uid", "credential_counts"])).unwrap();
    assert_eq!((one.display_name.as_str(), one.enabled), ("OpenAI", Some(false)));
    let replaced = merged(given, Some(&["*"])).unwrap();
    assert_eq!((replaced.base_url.as_str(), replaced.vendor.as_str()), ("", "openai"));
}

#[test]
fn unknown_paths_and_changes_of_what_never_changes_are_refused() {
    let given = v1::Provider { vendor: "groq".into(), ..Default::default() };
    for paths in [None, Some(&["vendor"][..]), Some(&["*"])] {
        let violations = merged(given.clone(), paths).unwrap_err();
        assert_eq!(violations.iter().next().unwrap().reason, FieldReason::Immutable);
    }
    let violations = merged(openai(), Some(&["exposed_models.upstream_model", "nonsense"])).unwrap_err();
    assert_eq!(violations.iter().filter(|one| one.reason == FieldReason::UnknownPath).count(), 2);
}
