use super::*;

fn config() -> ProviderConfig {
    ProviderConfig {
        adapter: UpstreamAdapter::Openai.into(),
        base_url: "https://h.example/v1".into(),
        auth: UpstreamAuth::Managed.into(),
        ..Default::default()
    }
}

fn parsed(config: ProviderConfig) -> Result<Provider, Unusable> {
    Provider::parse(AddressPolicy::Public, config)
}

fn pair(key: &str, value: &str) -> Pair {
    Pair { key: key.into(), value: value.into() }
}

#[test]
fn every_field_is_read_and_what_is_absent_is_the_default() {
    let plain = parsed(config()).unwrap();
    assert_eq!((plain.patience, plain.dialing), (Patience::default(), Dialing::default()));
    assert_eq!((&plain.edits, &plain.place.settings), (&Edits::default(), &Settings::default()));
    let full = parsed(ProviderConfig {
        adapter: UpstreamAdapter::Vertex.into(),
        region: "eu".into(),
        config_json: r#"{"project":"p","kept":1}"#.into(),
        strip_headers: vec!["cookie".into(), "x-a".into()],
        telemetry_tags: vec![pair("team", "search")],
        key_header: "x-key".into(),
        additional_key_header: "x-second".into(),
        request_headers: vec![pair("x-b", "1")],
        request_defaults_json: r#"{"a":1}"#.into(),
        connect_timeout_ms: 1,
        first_byte_timeout_ms: 2,
        idle_timeout_ms: 3,
        ..config()
    })
    .unwrap();
    assert_eq!((full.place.region.as_deref(), full.place.settings.project.as_deref()), (Some("eu"), Some("p")));
    assert_eq!(full.place.key_header, Some(HeaderName::from_static("x-key")));
    assert_eq!(full.place.additional_key_header, Some(HeaderName::from_static("x-second")));
    assert_eq!(full.edits.strip_headers, [HeaderName::from_static("x-a")], "a cookie never passes");
    assert_eq!(full.edits.request_headers.len(), 1);
    assert_eq!(full.edits.request_defaults, Defaults::parse(br#"{"a":1}"#).unwrap());
    assert_eq!(full.dialing.connect_timeout, Duration::from_millis(1));
    let patience = Patience { first_byte: Duration::from_millis(2), idle: Duration::from_millis(3) };
    assert_eq!((full.patience, full.telemetry_tags), (patience, vec![("team".into(), "search".into())]));
}

#[test]
fn what_is_malformed_is_unusable_and_says_why() {
    let vertex = UpstreamAdapter::Vertex.into();
    for (config, reason) in [
        (ProviderConfig { config_json: "[]".into(), ..config() }, "config"),
        (ProviderConfig { config_json: r#"{"project":5}"#.into(), adapter: vertex, ..config() }, "project"),
        (ProviderConfig { strip_headers: vec!["a b".into()], ..config() }, "strip_headers"),
        (ProviderConfig { request_headers: vec![pair("x", "a\nb")], ..config() }, "request_headers"),
        (ProviderConfig { request_headers: vec![pair("authorization", "x")], ..config() }, "request_headers"),
        (ProviderConfig { request_headers: vec![pair("x-keyplane-key", "x")], ..config() }, "request_headers"),
        (ProviderConfig { key_header: "connection".into(), ..config() }, "key_header"),
        (ProviderConfig { additional_key_header: "a b".into(), ..config() }, "additional_key_header"),
        (ProviderConfig { request_defaults_json: r#"{"model":"x"}"#.into(), ..config() }, "request_defaults"),
        (ProviderConfig { ca_certificates: "not PEM".into(), ..config() }, "ca_certificates"),
        (ProviderConfig { auth: 99, ..config() }, "authentication"),
        (ProviderConfig { adapter: 99, ..config() }, "adapter"),
        (ProviderConfig { base_url: "x".into(), ..config() }, "base URL"),
    ] {
        let error = parsed(config).unwrap_err().to_string();
        assert!(error.contains(reason), "{error:?} does not say {reason}");
    }
}
