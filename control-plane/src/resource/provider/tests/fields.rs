//! The rules of single fields.

use std::time::Duration;

use proptest::prelude::*;

use super::super::super::record::RecordError;
use super::super::super::{Meta, Stored};
use super::*;

fn reasons(message: v1::Provider) -> Vec<(String, FieldReason)> {
    read(message).unwrap_err()
}

fn one(field: &str, reason: FieldReason) -> Vec<(String, FieldReason)> {
    vec![(field.to_owned(), reason)]
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_provider_that_says_nothing_has_the_defaults() {
    let provider = read(openai()).unwrap();
    let stripped: Vec<_> = provider.strip_headers.iter().map(String::as_str).collect();
    assert_eq!(stripped, ["authorization", "cookie", "set-cookie", "x-api-key"]);
    assert_eq!(provider.telemetry_tags, map(&[("featured", "false")]));
    let Timeouts { connect, first_byte, idle } = provider.timeouts;
    assert_eq!(
        (connect, first_byte, idle),
        (Duration::from_secs(5), Duration::from_secs(300), Duration::from_secs(300))
    );
    assert_eq!((provider.config.to_json(), provider.request_defaults.to_json()), (String::new(), String::new()));
    assert!(provider.key_header.is_none() && provider.additional_key_header.is_none() && provider.region.is_none());
    assert!(provider.request_headers.is_empty() && provider.ca_certificates.is_empty());
}

#[test]
fn stripped_headers_are_lower_case_and_without_doubles() {
    let given = ["X-Team", "cookie", " x-team ", "COOKIE"].map(str::to_owned).to_vec();
    let provider = read(v1::Provider { strip_headers: given, ..openai() }).unwrap();
    assert_eq!(provider.strip_headers, ["cookie", "x-team"].map(str::to_owned).into());
    let bad = vec!["x-a".to_owned(), "x a".to_owned(), "é".to_owned()];
    let found = reasons(v1::Provider { strip_headers: bad, ..openai() });
    assert_eq!(
        found,
        [one("strip_headers[1]", FieldReason::Malformed), one("strip_headers[2]", FieldReason::Malformed)].concat()
    );
    let many = (0..33).map(|n| format!("x-{n}")).collect();
    assert_eq!(reasons(v1::Provider { strip_headers: many, ..openai() }), one("strip_headers", FieldReason::TooLong));
}

#[test]
fn sixteen_tags_fit_and_featured_is_false_unless_it_is_given() {
    let tags = |count: usize| (0..count).map(|n| (format!("tag-{n}"), "x".to_owned())).collect::<BTreeMap<_, _>>();
    let provider = read(v1::Provider { telemetry_tags: tags(16), ..openai() }).unwrap();
    assert_eq!((provider.telemetry_tags.len(), provider.telemetry_tags["featured"].as_str()), (17, "false"));
    // What is answered can be sent back.
    assert_eq!(read(provider.write()).unwrap(), provider);
    let found = reasons(v1::Provider { telemetry_tags: tags(17), ..openai() });
    assert_eq!(found, one("telemetry_tags", FieldReason::TooLong));
    let featured = read(v1::Provider { telemetry_tags: map(&[("featured", "true")]), ..openai() }).unwrap();
    assert_eq!(featured.telemetry_tags, map(&[("featured", "true")]));
    for (key, value) in [("", "x"), ("A", "x"), ("a b", "x"), ("a", "line\nbreak"), ("a", &"x".repeat(201))] {
        let found = reasons(v1::Provider { telemetry_tags: map(&[(key, value)]), ..openai() });
        assert_eq!(found, one(&format!("telemetry_tags[{key:?}]"), FieldReason::Malformed));
    }
}

#[test]
fn added_headers_never_authenticate_and_are_of_no_connection() {
    let keys = v1::Provider { key_header: "X-Key".into(), additional_key_header: "x-second-key".into(), ..openai() };
    for name in [
        "Authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cookie",
        "proxy-authorization",
        "x-keyplane-key",
        "X-KEY",
        "x-second-key",
        "connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "host",
        "content-length",
        "accept-encoding",
    ] {
        let message = v1::Provider { request_headers: map(&[(name, "v")]), ..keys.clone() };
        assert_eq!(reasons(message), one(&format!("request_headers[{name:?}]"), FieldReason::Unsupported));
    }
    for (name, value) in [("x y", "v"), ("x", ""), ("x", "a\r\nb: c"), ("x", "é"), ("x", &"v".repeat(1025))] {
        let message = v1::Provider { request_headers: map(&[(name, value)]), ..openai() };
        assert_eq!(reasons(message), one(&format!("request_headers[{name:?}]"), FieldReason::Malformed));
    }
    let twice = v1::Provider { request_headers: map(&[("x-a", "1"), ("X-A", "2")]), ..openai() };
    assert_eq!(reasons(twice), one("request_headers[\"x-a\"]", FieldReason::Duplicate));
    let good = v1::Provider { request_headers: map(&[("OpenAI-Organization", " org-1 ")]), ..openai() };
    let provider = read(good).unwrap();
    assert_eq!(provider.request_headers["openai-organization"], "org-1");
    assert_eq!(provider.write().request_headers, map(&[("openai-organization", "org-1")]));
}

#[test]
fn a_key_goes_into_a_header_that_can_carry_one() {
    let provider = read(v1::Provider { key_header: "X-Key".into(), ..openai() }).unwrap();
    assert_eq!(provider.place().key_header.unwrap(), "x-key");
    for bad in ["host", "content-length", "cookie", "x-keyplane-key", "connection"] {
        let found = reasons(v1::Provider { key_header: bad.into(), ..openai() });
        assert_eq!(found, one("key_header", FieldReason::Unsupported));
    }
    let found = reasons(v1::Provider { additional_key_header: "Authorization".into(), ..openai() });
    assert_eq!(found, one("additional_key_header", FieldReason::Duplicate));
}

#[test]
fn an_object_has_sixteen_kibibytes_and_its_whole_numbers_stay_whole() {
    let defaults = struct_of(&[("max_tokens", number(100.0)), ("temperature", number(0.5)), ("a", text("b"))]);
    let message = v1::Provider { request_defaults: Some(defaults.clone()), config: Some(defaults), ..openai() };
    let provider = read(message.clone()).unwrap();
    assert_eq!(provider.request_defaults.to_json(), r#"{"a":"b","max_tokens":100,"temperature":0.5}"#);
    assert_eq!(provider.write().config, message.config);
    let large = |bytes: usize| Some(struct_of(&[("k", text(&"x".repeat(bytes - 8)))]));
    assert!(read(v1::Provider { config: large(16 * 1024), ..openai() }).is_ok());
    let over = v1::Provider { config: large(16 * 1024 + 1), request_defaults: large(16 * 1024 + 1), ..openai() };
    assert_eq!(
        reasons(over),
        [one("config", FieldReason::TooLong), one("request_defaults", FieldReason::TooLong)].concat()
    );
    for bad in [number(f64::NAN), number(f64::INFINITY), prost_types::Value { kind: None }] {
        let message = v1::Provider { config: Some(struct_of(&[("k", bad)])), ..openai() };
        assert_eq!(reasons(message), one("config", FieldReason::Malformed));
    }
}

#[test]
fn defaults_never_say_what_routing_decides_on() {
    let defaults = Some(struct_of(&[("model", text("x")), ("stream", text("x")), ("n", number(1.0))]));
    let found = reasons(v1::Provider { request_defaults: defaults, ..openai() });
    let expected =
        ["request_defaults.model", "request_defaults.stream"].map(|field| one(field, FieldReason::Unsupported));
    assert_eq!(found, expected.concat());
}

#[test]
fn timeouts_have_their_ranges() {
    let duration = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let good = v1::Provider {
        connect_timeout: duration(0, 100_000_000),
        first_byte_timeout: duration(3600, 0),
        idle_timeout: duration(1, 0),
        ..openai()
    };
    let provider = read(good).unwrap();
    assert_eq!(provider.timeouts.connect, Duration::from_millis(100));
    assert_eq!(read(provider.write()).unwrap(), provider);
    for (connect, answer) in [
        (duration(0, 99_000_000), duration(0, 999_000_000)),
        (duration(61, 0), duration(3601, 0)),
        (duration(-1, 0), duration(-1, 0)),
        (duration(1, 1), duration(2, 1)),
        (duration(i64::MAX, 0), duration(i64::MIN, 0)),
    ] {
        let message =
            v1::Provider { connect_timeout: connect, first_byte_timeout: answer, idle_timeout: answer, ..openai() };
        let fields: Vec<_> = reasons(message)
            .into_iter()
            .map(|(field, reason)| {
                assert_eq!(reason, FieldReason::OutOfRange);
                field
            })
            .collect();
        assert_eq!(fields, ["connect_timeout", "first_byte_timeout", "idle_timeout"]);
    }
}

#[test]
fn a_region_is_what_can_stand_in_a_host() {
    assert_eq!(read(v1::Provider { region: " eu-west-1 ".into(), ..openai() }).unwrap().region.unwrap(), "eu-west-1");
    for bad in ["US", "eu.west", "a/b", "-a", "a-", "evil.example#", "é"] {
        assert_eq!(reasons(v1::Provider { region: bad.into(), ..openai() }), one("region", FieldReason::Malformed));
    }
    assert_eq!(reasons(v1::Provider { region: "a".repeat(51), ..openai() }), one("region", FieldReason::TooLong));
}

#[test]
fn authorities_are_certificates_and_no_keys() {
    let authority = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
    let pem = authority.cert.pem();
    let provider = read(v1::Provider { ca_certificates: format!("\n{pem}{pem}\n"), ..openai() }).unwrap();
    assert_eq!(read(provider.write()).unwrap(), provider);
    let key = authority.signing_key.serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned();
    for bad in ["nonsense".to_owned(), format!("{pem}{key}"), format!("{pem}{broken}"), broken] {
        let found = reasons(v1::Provider { ca_certificates: bad, ..openai() });
        assert_eq!(found, one("ca_certificates", FieldReason::Malformed));
    }
    let long = pem.repeat(32 * 1024 / pem.len() + 1);
    assert_eq!(
        reasons(v1::Provider { ca_certificates: long, ..openai() }),
        one("ca_certificates", FieldReason::TooLong)
    );
}

fn stored(message: &v1::Provider) -> Result<Stored<Provider>, RecordError> {
    let name: ProviderName = "projects/p/providers/a".parse().unwrap();
    let meta = Meta {
        uid: "aip_1".into(),
        revision: shared::revision::Revision(1),
        generation: 1,
        create_time: std::time::UNIX_EPOCH,
        update_time: std::time::UNIX_EPOCH,
    };
    let spec = read(openai()).unwrap();
    let written = spec.write();
    let record = Stored { name: name.clone(), meta, spec }.to_record();
    let (old, new) = (prost::Message::encode_to_vec(&written), prost::Message::encode_to_vec(message));
    // The record's message is one field of it: bytes, behind its tag and length.
    let at = record.windows(old.len()).position(|window| window == old).unwrap();
    let mut varint = Vec::new();
    prost::encoding::encode_varint(old.len() as u64, &mut varint);
    let head = &record[..at - varint.len()];
    let mut replaced = head.to_vec();
    prost::encoding::encode_varint(new.len() as u64, &mut replaced);
    replaced.extend(new);
    replaced.extend(&record[at + old.len()..]);
    Stored::from_record(name.as_str(), shared::revision::Revision(1), &replaced)
}

#[test]
fn an_older_record_reads_with_the_defaults_and_whatever_came_to_be_forbidden() {
    let old =
        v1::Provider { base_url: "https://api.openai.com/v1".into(), adapter: v1::Adapter::Openai.into(), ..openai() };
    assert_eq!(stored(&old).unwrap().spec, read(openai()).unwrap());
    let bedrock = v1::Provider {
        vendor: "my-bedrock".into(),
        adapter: v1::Adapter::Bedrock.into(),
        base_url: "https://bedrock.internal.example".into(),
        auth_mode: v1::AuthMode::Passthrough.into(),
        ..openai()
    };
    assert_eq!(stored(&bedrock).unwrap().spec.region, None);
    assert!(!reasons(bedrock).is_empty());
}

proptest! {
    #[test]
    fn no_message_panics_and_what_is_read_reads_the_same_again(
        region in ".{0,12}", header in "[ -~]{0,12}", value in ".{0,12}", seconds: i64, nanos: i32, pem in ".{0,40}",
    ) {
        let duration = Some(prost_types::Duration { seconds, nanos });
        let message = v1::Provider {
            region,
            strip_headers: vec![header.clone()],
            request_headers: map(&[(&header, &value)]),
            telemetry_tags: map(&[(&header, &value)]),
            key_header: header,
            connect_timeout: duration,
            ca_certificates: pem,
            ..openai()
        };
        if let Ok(provider) = read(message) {
            prop_assert_eq!(read(provider.write()).unwrap(), provider);
        }
    }
}
