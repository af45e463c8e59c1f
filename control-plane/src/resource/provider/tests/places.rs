//! Who is upstream, and where.

use super::*;

fn of(vendor: &str) -> v1::Provider {
    v1::Provider { display_name: "A".into(), vendor: vendor.into(), ..Default::default() }
}

fn described(message: v1::Provider) -> Vec<(String, String)> {
    let rules = Rules { addresses: AddressPolicy::Public, targets: &OnlyProduction, source: Source::Request };
    let mut violations = FieldViolations::new();
    let _ = Provider::read(message, &"projects/p/providers/a".parse().unwrap(), (), &rules, &mut violations);
    violations.iter().map(|one| (one.field.clone(), one.description.clone())).collect()
}

#[test]
fn an_alias_is_stored_as_what_it_stands_for_and_may_be_sent_again() {
    for (alias, vendor) in [("gemini", "google"), ("azure-openai", "azure"), ("aws", "bedrock")] {
        let base_url = "https://upstream.example".to_owned();
        let given = v1::Provider { base_url, region: "us-east-1".into(), ..of(alias) };
        let provider = read(given.clone()).unwrap();
        assert_eq!(provider.vendor, vendor);
        let mut violations = FieldViolations::new();
        let _ = Provider::apply(provider.write(), given, &mut Merge::new(&Mask::Populated, &mut violations));
        assert!(violations.is_empty(), "{violations}");
    }
}

#[test]
fn an_unknown_vendor_needs_an_adapter_and_a_base_url_and_the_nearest_is_named() {
    let told = described(of("opnai"));
    let fields: Vec<_> = told.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["adapter", "base_url"]);
    assert!(told.iter().all(|(_, description)| description.contains("did you mean openai?")), "{told:?}");
    assert!(described(of("my-own-upstream")).iter().all(|(_, description)| !description.contains("did you mean")));
}

/// Or its key would go to the adapter's own vendor.
#[test]
fn a_vendor_on_another_adapter_than_the_catalogs_needs_a_base_url() {
    for (vendor, adapter) in [
        ("my-vllm", v1::Adapter::Openai),
        ("anthropic", v1::Adapter::Openai),
        ("openai", v1::Adapter::Cohere),
        ("my-bedrock", v1::Adapter::Bedrock),
        ("gateway", v1::Adapter::Openai),
    ] {
        let message = v1::Provider { adapter: adapter.into(), region: "us-east-1".into(), ..of(vendor) };
        assert_eq!(read(message).unwrap_err(), [("base_url".to_owned(), FieldReason::Required)], "{vendor}");
    }
}

#[test]
fn a_region_gives_the_base_url_and_a_standard_one_holds_the_region() {
    let bedrock = read(v1::Provider { region: "eu-west-1".into(), ..of("bedrock") }).unwrap();
    assert_eq!(bedrock.base_url.as_str(), "https://bedrock-runtime.eu-west-1.amazonaws.com");
    let vertex = read(v1::Provider { region: "us-central1".into(), ..of("vertex") }).unwrap();
    assert_eq!(vertex.place().base_url.as_str(), "https://us-central1-aiplatform.googleapis.com");
    let held = "https://bedrock-runtime.us-west-2.amazonaws.com".to_owned();
    assert_eq!(read(v1::Provider { base_url: held, ..of("bedrock") }).unwrap().region, None);
    let own = v1::Provider { base_url: "https://bedrock.internal.example".into(), ..of("bedrock") };
    for message in [of("bedrock"), of("vertex"), own] {
        assert_eq!(read(message).unwrap_err(), [("region".to_owned(), FieldReason::Required)]);
    }
    let bad = v1::Provider { region: "not a region".into(), ..of("bedrock") };
    assert_eq!(read(bad).unwrap_err(), [("region".to_owned(), FieldReason::Malformed)]);
}

#[test]
fn a_base_url_that_the_region_gave_follows_a_new_region_and_another_stays() {
    let moved = |base_url: &str, given: v1::Provider, mask: &Mask| {
        let stored = v1::Provider { base_url: base_url.into(), region: "us-east-1".into(), ..of("bedrock") };
        let stored = read(stored).unwrap().write();
        let mut violations = FieldViolations::new();
        read(Provider::apply(stored, given, &mut Merge::new(mask, &mut violations))).unwrap()
    };
    let to_europe = v1::Provider { region: "eu-west-1".into(), ..Default::default() };
    let followed = moved("", to_europe.clone(), &Mask::Populated);
    assert_eq!(followed.base_url.as_str(), "https://bedrock-runtime.eu-west-1.amazonaws.com");
    // Read, changed and sent back whole, it says the same.
    let read_before = "https://bedrock-runtime.us-east-1.amazonaws.com/".to_owned();
    let sent_back = v1::Provider { base_url: read_before, display_name: "A".into(), ..to_europe.clone() };
    assert_eq!(moved("", sent_back, &Mask::All).base_url, followed.base_url);
    let own = moved("https://bedrock.internal.example", to_europe, &Mask::Populated);
    assert_eq!((own.base_url.as_str(), own.region.as_deref()), ("https://bedrock.internal.example", Some("eu-west-1")));
}

#[test]
fn a_callers_own_key_passes_where_it_is_one_header() {
    let passing = |message: v1::Provider| v1::Provider { auth_mode: v1::AuthMode::Passthrough.into(), ..message };
    for vendor in ["openai", "anthropic", "google", "cohere"] {
        assert_eq!(read(passing(of(vendor))).unwrap().auth_mode, AuthMode::Passthrough, "{vendor}");
    }
    for vendor in ["bedrock", "vertex"] {
        let message = passing(v1::Provider { region: "us-east1".into(), ..of(vendor) });
        assert_eq!(read(message).unwrap_err(), [("auth_mode".to_owned(), FieldReason::Unsupported)], "{vendor}");
    }
}

#[test]
fn known_keys_of_the_config_are_checked_and_others_are_kept() {
    let config = struct_of(&[("api_version", text("2025-01-01-preview")), ("other", number(1.0))]);
    let azure = v1::Provider { base_url: "my-resource".into(), config: Some(config.clone()), ..of("azure") };
    let provider = read(azure).unwrap();
    assert_eq!(provider.base_url.host(), "my-resource.openai.azure.com");
    assert_eq!(provider.settings.api_version.as_deref(), Some("2025-01-01-preview"));
    assert_eq!(provider.write().config, Some(config));
    let chat = Some(struct_of(&[("openai_api", text("chat"))]));
    let settings = read(v1::Provider { config: chat, ..of("openai") }).unwrap().settings;
    assert_eq!(settings.openai_api, Some(shared::adapter::OpenAiApi::Chat));
    let messages = Some(struct_of(&[("openai_api", text("messages"))]));
    let expected_api = [("config.openai_api".to_owned(), FieldReason::Malformed)];
    assert_eq!(read(v1::Provider { config: messages, ..of("openai") }).unwrap_err(), expected_api);
    let bad = Some(struct_of(&[("project", text("../x")), ("location", number(3.0))]));
    let vertex = v1::Provider { region: "us-central1".into(), config: bad, ..of("vertex") };
    let expected = ["config.project", "config.location"].map(|field| (field.to_owned(), FieldReason::Malformed));
    assert_eq!(read(vertex).unwrap_err(), expected);
}
