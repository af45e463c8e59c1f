//! A provider in the form in which proxies get it. Equal content is equal bytes: what has no order of its own is sorted.

mod rules;

use std::time::Duration;

use http::HeaderMap;
use proto::sync::v1;
use shared::adapter::AdapterKind;

use crate::resource::{AuthMode, Provider};

pub(super) fn provider(provider: &Provider) -> v1::ProviderConfig {
    let header =
        |name: &Option<http::HeaderName>| name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default();
    v1::ProviderConfig {
        adapter: adapter(provider.adapter).into(),
        base_url: provider.base_url.as_str().to_owned(),
        disabled: !provider.enabled,
        auth: auth(provider.auth_mode).into(),
        exposed_models: provider.exposed_models.iter().map(|exposed| exposed.upstream_model.clone()).collect(),
        default_model: provider.default_model.clone().unwrap_or_default(),
        vendor: provider.vendor.clone(),
        region: provider.region.clone().unwrap_or_default(),
        config_json: provider.config.to_json(),
        strip_headers: provider.strip_headers.iter().cloned().collect(),
        telemetry_tags: pairs(provider.telemetry_tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
        key_header: header(&provider.key_header),
        additional_key_header: header(&provider.additional_key_header),
        request_headers: headers(&provider.request_headers),
        request_defaults_json: provider.request_defaults.to_json(),
        ca_certificates: provider.ca_certificates.clone(),
        connect_timeout_ms: millis(provider.timeouts.connect),
        first_byte_timeout_ms: millis(provider.timeouts.first_byte),
        idle_timeout_ms: millis(provider.timeouts.idle),
        model_rules: rules::model_rules(&provider.vendor, provider.adapter),
    }
}

fn headers(headers: &HeaderMap) -> Vec<v1::Pair> {
    let mut sorted: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect();
    sorted.sort_unstable();
    pairs(sorted.into_iter())
}

fn pairs<'a>(sorted: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<v1::Pair> {
    sorted.map(|(key, value)| v1::Pair { key: key.to_owned(), value: value.to_owned() }).collect()
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn adapter(adapter: AdapterKind) -> v1::UpstreamAdapter {
    match adapter {
        AdapterKind::OpenAi => v1::UpstreamAdapter::Openai,
        AdapterKind::AzureOpenAi => v1::UpstreamAdapter::AzureOpenai,
        AdapterKind::Anthropic => v1::UpstreamAdapter::Anthropic,
        AdapterKind::Gemini => v1::UpstreamAdapter::Gemini,
        AdapterKind::Vertex => v1::UpstreamAdapter::Vertex,
        AdapterKind::Bedrock => v1::UpstreamAdapter::Bedrock,
        AdapterKind::Cohere => v1::UpstreamAdapter::Cohere,
    }
}

fn auth(mode: AuthMode) -> v1::UpstreamAuth {
    match mode {
        AuthMode::Managed => v1::UpstreamAuth::Managed,
        AuthMode::None => v1::UpstreamAuth::None,
        AuthMode::Passthrough => v1::UpstreamAuth::Passthrough,
    }
}

#[cfg(test)]
mod tests {
    use proto::admin::v1 as admin;
    use shared::address::AddressPolicy;
    use shared::base_url::BaseUrl;

    use super::*;
    use crate::error::FieldViolations;
    use crate::resource::{Resource as _, Rules, Source};
    use crate::store::{Store as _, memory::MemoryStore};
    use crate::view::View;

    fn pair(key: &str, value: &str) -> v1::Pair {
        v1::Pair { key: key.into(), value: value.into() }
    }

    fn read(message: admin::Provider) -> Provider {
        let view = View::empty(MemoryStore::new().identity());
        let rules = Rules { addresses: AddressPolicy::Public, targets: &view, source: Source::Request };
        let name = "projects/p/providers/a".parse().unwrap();
        let mut violations = FieldViolations::new();
        Provider::read(message, &name, (), &rules, &mut violations).unwrap_or_else(|| panic!("{violations}"))
    }

    #[test]
    fn a_proxy_gets_every_field_in_its_one_form() {
        let text = |text: &str| prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(text.into())) };
        let object =
            |keys: [&str; 2]| prost_types::Struct { fields: keys.map(|key| (key.to_owned(), text("v"))).into() };
        let entries = |keys: [&str; 2]| keys.map(|key| (key.to_owned(), "v".to_owned())).into();
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let message = admin::Provider {
            display_name: "A".into(),
            vendor: "my-upstream".into(),
            adapter: admin::Adapter::Cohere.into(),
            base_url: "https://upstream.example/api".into(),
            region: "eu".into(),
            enabled: Some(false),
            config: Some(object(["z", "a"])),
            strip_headers: vec!["X-B".into(), "x-a".into()],
            telemetry_tags: entries(["z", "a"]),
            key_header: "X-Key".into(),
            additional_key_header: "x-second".into(),
            request_headers: entries(["x-z", "x-a"]),
            request_defaults: Some(object(["y", "b"])),
            connect_timeout: seconds(1),
            first_byte_timeout: seconds(2),
            idle_timeout: seconds(3),
            ..Default::default()
        };
        let expected = v1::ProviderConfig {
            adapter: v1::UpstreamAdapter::Cohere.into(),
            base_url: "https://upstream.example/api".into(),
            disabled: true,
            auth: v1::UpstreamAuth::Managed.into(),
            vendor: "my-upstream".into(),
            region: "eu".into(),
            config_json: r#"{"a":"v","z":"v"}"#.into(),
            strip_headers: vec!["x-a".into(), "x-b".into()],
            telemetry_tags: vec![pair("a", "v"), pair("featured", "false"), pair("z", "v")],
            key_header: "x-key".into(),
            additional_key_header: "x-second".into(),
            request_headers: vec![pair("x-a", "v"), pair("x-z", "v")],
            request_defaults_json: r#"{"b":"v","y":"v"}"#.into(),
            connect_timeout_ms: 1000,
            first_byte_timeout_ms: 2000,
            idle_timeout_ms: 3000,
            model_rules: rules::model_rules("my-upstream", AdapterKind::Cohere),
            ..Default::default()
        };
        assert_eq!(provider(&read(message)), expected);
    }

    #[test]
    fn a_provider_that_says_nothing_sends_the_defaults() {
        let base_url = BaseUrl::parse(AdapterKind::OpenAi, "https://a.example/v1", AddressPolicy::Public).unwrap();
        let form = provider(&Provider::stand_in(base_url));
        assert_eq!(form.strip_headers, ["authorization", "cookie", "set-cookie", "x-api-key"]);
        let timeouts = (form.connect_timeout_ms, form.first_byte_timeout_ms, form.idle_timeout_ms);
        assert_eq!(timeouts, (5000, 300_000, 300_000));
        assert_eq!((form.config_json.as_str(), form.request_defaults_json.as_str()), ("", ""));
    }
}
