use shared::address::AddressPolicy;
use shared::name::ResourceName as _;

use crate::error::FieldReason;

use super::super::{Exposure, Mask, Source, Targets};
use super::*;

mod fields;
mod masks;
mod places;

#[derive(Debug)]
struct OnlyProduction;

impl Targets for OnlyProduction {
    fn has_environment(&self, name: &EnvironmentName) -> bool {
        name.id() == "production"
    }

    fn exposure(&self, _provider: &ProviderName, _upstream_model: &str) -> Exposure {
        Exposure::NoProvider
    }

    fn auth_mode(&self, _provider: &ProviderName) -> Option<AuthMode> {
        None
    }
}

fn read(message: v1::Provider) -> Result<Provider, Vec<(String, FieldReason)>> {
    let rules = Rules { addresses: AddressPolicy::Public, targets: &OnlyProduction, source: Source::Request };
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

fn text(value: &str) -> prost_types::Value {
    prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(value.to_owned())) }
}

fn number(value: f64) -> prost_types::Value {
    prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(value)) }
}

fn struct_of(fields: &[(&str, prost_types::Value)]) -> prost_types::Struct {
    prost_types::Struct { fields: fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect() }
}
