//! What an update takes.

use super::*;

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

/// Maps, lists and objects are taken whole: an absent mask takes those that are not empty, and no path goes into one.
#[test]
fn maps_and_objects_are_replaced_whole() {
    let object = |key: &str| Some(struct_of(&[(key, text("x"))]));
    let stored = v1::Provider {
        config: object("a"),
        telemetry_tags: [("team".to_owned(), "a".to_owned())].into(),
        request_headers: [("x-a".to_owned(), "1".to_owned())].into(),
        strip_headers: vec!["x-a".into()],
        ..openai()
    };
    let given = v1::Provider {
        config: object("b"),
        telemetry_tags: [("tier".to_owned(), "b".to_owned())].into(),
        ..Default::default()
    };
    let apply = |paths: &[&str]| {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let mask = Mask::from(Some(prost_types::FieldMask { paths }));
        let mut violations = FieldViolations::new();
        let mut merge = Merge::new(&mask, &mut violations);
        let message = Provider::apply(stored.clone(), given.clone(), &mut merge);
        (message, merge.finish().iter().count())
    };
    let (populated, _) = apply(&[]);
    assert_eq!((&populated.config, &populated.telemetry_tags), (&given.config, &given.telemetry_tags));
    assert_eq!(
        (&populated.request_headers, &populated.strip_headers),
        (&stored.request_headers, &stored.strip_headers)
    );
    let (named, unknown) = apply(&["config", "request_headers"]);
    assert_eq!((&named.config, named.request_headers.len(), unknown), (&given.config, 0, 0));
    assert_eq!(named.telemetry_tags, stored.telemetry_tags);
    let (replaced, _) = apply(&["*"]);
    assert_eq!((replaced.strip_headers.len(), &replaced.config), (0, &given.config));
    let (same, unknown) = apply(&["config.b", "telemetry_tags.tier"]);
    assert_eq!((&same.config, unknown), (&stored.config, 2));
}

#[test]
fn what_the_server_observes_is_ignored() {
    let given = v1::Provider {
        uid: "aip_x".into(),
        last_used_time: Some(prost_types::Timestamp::default()),
        credential_counts: vec![v1::CredentialCount::default()],
        ..Default::default()
    };
    let merged = merged(given, Some(&["uid", "last_used_time", "credential_counts", "create_time"])).unwrap();
    assert_eq!((merged.uid.as_str(), merged.last_used_time, merged.credential_counts.len()), ("", None, 0));
}

#[test]
fn the_mode_and_the_adapter_never_change() {
    let current = read(openai()).unwrap().write();
    let given = v1::Provider {
        adapter: v1::Adapter::Cohere.into(),
        auth_mode: v1::AuthMode::None.into(),
        ..Default::default()
    };
    let mut violations = FieldViolations::new();
    let _ = Provider::apply(current, given, &mut Merge::new(&Mask::Populated, &mut violations));
    let found: Vec<_> = violations.iter().map(|one| (one.field.as_str(), one.reason)).collect();
    assert_eq!(found, [("adapter", FieldReason::Immutable), ("auth_mode", FieldReason::Immutable)]);
}
