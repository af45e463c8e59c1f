use proptest::prelude::*;

use super::*;

fn scan(body: &[u8]) -> Result<Asked<'_>, ScanError> {
    read(body, None)
}

fn model(body: &str) -> Result<String, ScanError> {
    scan(body.as_bytes()).map(|scan| scan.model.into_owned())
}

#[test]
fn the_top_level_model_is_found_and_others_are_not() {
    for (body, expected) in [
        (r#"{"model":"a"}"#, "a"),
        (r#" { "messages" : [{"model":"x"}], "model" : "a/b" , "stream":true } "#, "a/b"),
        (r#"{"mod\u0065l":"a"}"#, "a"),
        (r#"{"model":"a\"\u00e9"}"#, "a\"é"),
        (r#"{"x":"\"model\":\"no\"","model":"yes","n":-1.5e+3,"y":[[],{}]}"#, "yes"),
    ] {
        assert_eq!(model(body).as_deref(), Ok(expected), "{body}");
    }
    let scanned = scan(br#"{"model": "gpt", "stream": true}"#).unwrap();
    assert_eq!((scanned.model_at, scanned.delivery), (ModelAt::Json(10..15), Delivery::Stream));
    assert_eq!(scan(br#"{"model": "gpt", "stream": false}"#).unwrap().delivery, Delivery::Whole);
}

#[test]
fn what_two_parsers_may_read_differently_is_refused() {
    for (body, expected) in [
        (r#"{"model":"a","model":"b"}"#, ScanError::Twice("model")),
        (r#"{"model":"a","\u006dodel":"b"}"#, ScanError::Twice("model")),
        (r#"{"model":"a","stream":true,"stream":false}"#, ScanError::Twice("stream")),
        (r#"{"model":"a","fallbacks":[],"fallbacks":[]}"#, ScanError::Twice("fallbacks")),
        (r#"{"model":"a","tools":[],"tools":[]}"#, ScanError::Twice("tools")),
        (r#"{"model":"a","Tools":[]}"#, ScanError::OtherLetters("tools")),
        ("{\"model\":\"a\",\"fallbac\u{212a}\u{17f}\":[]}", ScanError::OtherLetters("fallbacks")),
        (r#"{"model":5}"#, ScanError::NoModel),
        (r#"{"model":""}"#, ScanError::NoModel),
        (r#"{"model":["a"]}"#, ScanError::NoModel),
        (r#"{"model":"\ud800"}"#, ScanError::NoModel),
        ("{}", ScanError::NoModel),
        ("", ScanError::Json(JsonError::NotJson { at: 0 })),
        ("[]", ScanError::Json(JsonError::NotJson { at: 0 })),
        (r#"{"model":"a"} x"#, ScanError::Json(JsonError::NotJson { at: 14 })),
        (r#"{"model":"a",}"#, ScanError::Json(JsonError::NotJson { at: 13 })),
        (r#"{"model":"a","x":01}"#, ScanError::Json(JsonError::NotJson { at: 18 })),
        (r#"{"model":"a","x":"\x"}"#, ScanError::Json(JsonError::NotJson { at: 19 })),
        ("{\"model\":\"a\nb\"}", ScanError::Json(JsonError::NotJson { at: 11 })),
        (r#"{"model":"a"#, ScanError::Json(JsonError::NotJson { at: 10 })),
    ] {
        assert_eq!(model(body), Err(expected), "{body}");
    }
}

#[test]
fn a_form_names_the_model_once() {
    let form = |fields: &[(&str, &str)]| {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        fields.iter().map(part).chain(["--b--".to_owned()]).collect::<String>()
    };
    // Deeper than anything is read here.
    let deep = &*format!(r#"["b",{}{}]"#, "[".repeat(70), "]".repeat(70));
    let body = form(&[("file", "x"), ("model", "whisper"), ("stream", "true")]);
    let asked = read_form(body.as_bytes(), b"b").unwrap();
    let ModelAt::Form(at) = asked.model_at else { panic!() };
    assert_eq!((&*asked.model, &body[at], asked.delivery), ("whisper", "whisper", Delivery::Stream));
    for (fields, expected) in [
        (&[("file", "model")][..], ScanError::NoModelInForm),
        (&[("model", "")], ScanError::NoModelInForm),
        (&[("model", "a"), ("model", "b")], ScanError::Twice("model")),
        (&[("model", "a"), ("stream", "true"), ("stream", "false")], ScanError::Twice("stream")),
        (&[("model", "a"), ("model[]", "b")], ScanError::OtherLetters("model")),
        (&[("model", "a"), ("Fallbacks[0]", "b")], ScanError::OtherLetters("fallbacks")),
    ] {
        assert_eq!(read_form(form(fields).as_bytes(), b"b"), Err(expected));
    }
    let further = |fields: &[(&str, &str)]| {
        let body = form(&[&[("model", "a")], fields].concat());
        let asked = read_form(body.as_bytes(), b"b")?;
        let mut models = Vec::new();
        for further in &asked.further {
            models.extend(further.models(body.as_bytes())?.into_iter().map(Cow::into_owned));
        }
        Ok(models)
    };
    for (fields, expected) in [
        (&[("language", "en"), ("timestamp_granularities[]", "word")][..], Ok(&[][..])),
        (&[("models[]", "b"), ("models[]", " c ")], Ok(&["b", "c"])),
        (&[("fallbacks[0]", "b"), ("fallbacks[1][model]", "c"), ("fallbacks", "")], Ok(&["b", "c"])),
        (&[("fallbacks", r#" ["b", {"model":"c"}]"#), ("fallbacks", r#"{"model":"d"}"#)], Ok(&["b", "c", "d"])),
        (&[("tools", r#"[{"type":"image_generation","model":"b"}]"#)], Ok(&["b"])),
        (&[("fallbacks", "['b']")], Err(ScanError::NoList("fallbacks"))),
        (&[("fallbacks", deep)], Err(ScanError::NoList("fallbacks"))),
        (&[("fallbacks", r#"{"a":["b"]}"#)], Err(ScanError::NoList("fallbacks"))),
        (&[("models", r#""b""#)], Err(ScanError::NoList("models"))),
        (&[("tools[0][model]", "b")], Err(ScanError::NoList("tools"))),
    ] {
        let expected = expected.map(|models| models.iter().map(|&model| model.to_owned()).collect::<Vec<_>>());
        assert_eq!(further(fields), expected, "{fields:?}");
    }
}

#[test]
fn resources_are_found_wherever_google_has_them() {
    let url = UrlModel { model: "m".into(), delivery: Delivery::Whole };
    let found = |body: &str| {
        let asked = read_resources(body.as_bytes(), &url)?;
        let ModelAt::Resources(places) = asked.model_at else { panic!() };
        Ok(places.into_iter().map(|at| body[at].to_owned()).collect::<Vec<_>>())
    };
    for (body, expected) in [
        (r#"{"content":{"model":"x"}}"#, &[][..]),
        (r#"{"model":"models/a","content":"x"}"#, &["\"models/a\""]),
        (r#"{"requests":[ {"model":"a"}, {"content":1} , {"mod\u0065l":"b"}]}"#, &["\"a\"", "\"b\""]),
        (r#"{"generateContentRequest": {"x":[1],"model":"a"}}"#, &["\"a\""]),
        (r#"{"requests":"x","generateContentRequest":null}"#, &[]),
    ] {
        assert_eq!(found(body).as_deref(), Ok(&expected.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()[..]));
    }
    assert_eq!(found(r#"{"requests":[{"model":"a","model":"b"}]}"#), Err(ScanError::Twice("model")));
}

#[test]
fn a_model_in_the_url_is_the_only_one() {
    let url = UrlModel { model: "a/b".into(), delivery: Delivery::Stream };
    let asked = read(br#"{"contents":[{"model":"x"}]}"#, Some(&url)).unwrap();
    assert_eq!((&*asked.model, asked.model_at, asked.delivery), ("a/b", ModelAt::Url, Delivery::Stream));
    assert_eq!(read(br#"{"mod\u0065l":"x"}"#, Some(&url)), Err(ScanError::ModelInBody));
    assert_eq!(read(b"[]", Some(&url)), Err(ScanError::Json(JsonError::NotJson { at: 0 })));
}

#[test]
fn depth_is_limited() {
    let nested = |levels: usize| format!(r#"{{"model":"a","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(model(&nested(63)).is_ok());
    assert_eq!(model(&nested(64)), Err(ScanError::Json(JsonError::TooDeep)));
    assert_eq!(model(&nested(1_000_000)), Err(ScanError::Json(JsonError::TooDeep)));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,20}|[\"\\\\\n\u{7f}é🦀]{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::hash_map(".{0,12}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_object_with_a_model_is_read_as_serde_reads_it(mut members in prop::collection::hash_map("[a-z\"é]{1,9}", any_json(), 0..6), name in ".{1,30}", pretty: bool) {
        members.insert("model".into(), name.clone().into());
        members.remove("stream");
        let value = serde_json::Value::Object(members.into_iter().collect());
        let body = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let scanned = scan(&body).unwrap();
        prop_assert_eq!(&*scanned.model, name.as_str());
        let ModelAt::Json(at) = scanned.model_at else { panic!() };
        prop_assert_eq!(&body[at], serde_json::to_vec(&name).unwrap());
    }

    #[test]
    fn what_it_takes_is_json_and_what_is_json_it_takes(mut body in any_json().prop_map(|v| format!("{{\"model\":\"m\",\"v\":{v}}}").into_bytes()), at: prop::sample::Index, byte: u8) {
        let at = at.index(body.len());
        body[at] = byte;
        // Not into a value: one has limits, of numbers for example, that JSON has not.
        let serde = serde_json::from_slice::<serde::de::IgnoredAny>(&body);
        match scan(&body) {
            Ok(_) if std::str::from_utf8(&body).is_ok() => { prop_assert!(serde.is_ok(), "{:?}", String::from_utf8_lossy(&body)); }
            Ok(_) => {}
            Err(ScanError::Json(JsonError::NotJson { .. })) => prop_assert!(serde.is_err(), "{:?}", String::from_utf8_lossy(&body)),
            Err(_) => {}
        }
    }

    #[test]
    fn nothing_makes_it_panic(body: Vec<u8>) {
        drop(scan(&body));
    }
}
