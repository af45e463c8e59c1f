//! A caller key that allows some models reaches no others, however a body names them.

use data_plane::snapshot::resource::{Change, Exposed, Provider};
use http::Method;
use shared::adapter::AdapterKind;

use super::harness::{Proxy, caller_key, credential, model, provider_of, put_provider};
use super::upstream::{Reply, Upstream};

const FEW: (&str, &str) = ("x-api-key", "kp_few");

fn target(adapter: AdapterKind, upstream: &Upstream) -> [Change; 4] {
    let provider = put_provider("a", provider_of(adapter, upstream.address));
    [provider, credential("a", "k", 1), model("m", &["a"]), caller_key("few", "kp_few", "m")]
}

#[tokio::test]
async fn keys_in_other_letters_are_refused() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &upstream)).await;
    for (path, body) in [
        ("/v1/chat/completions", r#"{"model":"m","Model":"other"}"#),
        ("/v1/chat/completions", r#"{"model":"m","MODEL":"other"}"#),
        ("/v1/chat/completions", r#"{"model":"m","\u004dodel":"other"}"#),
        ("/v1/chat/completions", r#"{"model":"m","STREAM":true}"#),
        ("/v1/chat/completions", "{\"model\":\"m\",\"\u{17f}tream\":true}"),
        ("/v1/responses", r#"{"model":"m","\u017fTREAM":true}"#),
        ("/v1/embeddings", r#"{"model":"m","modeL":"other","input":"x"}"#),
    ] {
        let answered = proxy.post_to(path, &[FEW], body).await;
        assert_eq!((answered.status, &*answered.code()), (400, "body_invalid"), "{body}");
        assert!(answered.body.contains("in other letters"), "{}", answered.body);
    }
    assert!(upstream.asked().is_empty());
    assert_eq!(proxy.post_to("/v1/chat/completions", &[FEW], r#"{"model":"m","modes":1,"steam":2}"#).await.status, 200);
}

#[tokio::test]
async fn forms_that_readers_differ_on_are_refused() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], r#"{"text":"hi"}"#.into())).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &upstream)).await;
    let part = |disposition: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    };
    let form = |parts: &[String]| format!("{}--B--\r\n", parts.concat());
    let good = part("name=\"model\"", "m");
    let headers = [FEW, ("content-type", "multipart/form-data; boundary=B")];
    let post = async |body: &str| proxy.call(Method::POST, "/v1/audio/transcriptions", &headers, body).await;
    assert_eq!(post(&form(&[part("name=file; filename=\"C:\\a.wav\"", "RIFF"), good.clone()])).await.status, 200);
    for body in [
        form(&[good.clone(), part("name*=utf-8''model", "other")]),
        form(&[good.clone(), part("filename=x", "other")]),
        form(&[good.clone(), part("\r\n name=model", "other")]),
        form(&[good.clone(), part("name=\"MODEL\"", "other")]),
        format!("--B\nContent-Disposition: form-data; name=model\n\nother\n{}", form(std::slice::from_ref(&good))),
        form(&[good, part("name=x", "y\n--B\nContent-Disposition: form-data; name=model\n\nother")]),
    ] {
        let answered = post(&body).await;
        assert_eq!((answered.status, &*answered.code()), (400, "body_invalid"), "{body}");
    }
    assert_eq!(upstream.asked().len(), 1);
}

#[tokio::test]
async fn a_body_that_was_read_as_json_goes_on_as_json() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &upstream)).await;
    let body = r#"{"model":"m","x":"&model=other&y="}"#;
    for path in ["/v1/chat/completions", "/v1/images/generations"] {
        let headers = [FEW, ("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(proxy.call(Method::POST, path, &headers, body).await.status, 200, "{path}");
    }
    for asked in upstream.asked() {
        let types: Vec<_> = asked.headers.get_all("content-type").iter().collect();
        assert_eq!(types, ["application/json"]);
    }
}

#[tokio::test]
async fn further_models_in_a_body_have_to_be_allowed_each() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let provider = Provider {
        exposed: Exposed::Only(["upstream-model".into(), "cheap".into(), "dear".into()].into()),
        ..provider_of(AdapterKind::OpenAi, upstream.address)
    };
    let proxy = Proxy::start([
        put_provider("a", provider),
        credential("a", "k", 1),
        model("m", &["a"]),
        caller_key("few", "kp_few", "m"),
        caller_key("cheap", "kp_cheap", "a/cheap"),
        caller_key("all", "kp_all", "a/*"),
    ])
    .await;
    for (key, model, further, status) in [
        ("kp_few", "m", r#""models":["dear"]"#, 403),
        ("kp_few", "m", r#""models":null"#, 200),
        ("kp_cheap", "a/cheap", r#""models":["cheap"]"#, 200),
        ("kp_cheap", "a/cheap", r#""models":["cheap", "dear"]"#, 403),
        ("kp_cheap", "a/cheap", r#""models":{"0":"dear"}"#, 400),
        ("kp_cheap", "a/cheap", r#""models":[7]"#, 400),
        ("kp_all", "a/cheap", r#""models":["dear"]"#, 200),
        ("kp_all", "a/cheap", r#""models":["hidden"]"#, 403),
        ("kp_few", "m", r#""fallbacks":["dear"]"#, 403),
        ("kp_cheap", "a/cheap", r#""models":["cheap"],"fallbacks":["dear"]"#, 403),
        ("kp_cheap", "a/cheap", r#""fallbacks":["cheap", {"model":"cheap","messages":[]}]"#, 200),
        ("kp_cheap", "a/cheap", r#""fallbacks":[{"model":"dear"}]"#, 403),
        ("kp_cheap", "a/cheap", r#""fallbacks":[{"model":"cheap","Model":"dear"}]"#, 403),
        ("kp_cheap", "a/cheap", r#""fallbacks":[{"model":"cheap","fallbacks":["dear"]}]"#, 400),
        ("kp_cheap", "a/cheap", r#""fallbacks":[{"cheap":["dear"]}]"#, 400),
        ("kp_cheap", "a/cheap", r#""context_window_fallbacks":[{"cheap":["dear"]}]"#, 400),
        ("kp_cheap", "a/cheap", r#""content_policy_fallbacks":[{"cheap":["dear"]}]"#, 400),
        ("kp_all", "a/cheap", r#""fallbacks":["dear", {"model":"cheap"}]"#, 200),
        ("kp_few", "m", r#""tools":[{"type":"image_generation","model":"dear"}]"#, 403),
        ("kp_cheap", "a/cheap", r#""tools":[{"type":"image_generation","model":"cheap"}]"#, 200),
        ("kp_cheap", "a/cheap", r#""tools":[{"type":"x"},{"model":"cheap","mod\u0065l":"dear"}]"#, 403),
        ("kp_few", "m", r#""tools":[{"type":"function","function":{"name":"f","parameters":{"model":7}}}]"#, 200),
        ("kp_few", "m", r#""tools":[],"fallbacks":null"#, 200),
        ("kp_few", "m", r#""tools":null"#, 200),
        ("kp_few", "m", r#""tools":[{"type":"image_generation","model":null}]"#, 200),
    ] {
        let body = format!(r#"{{"model":"{model}",{further}}}"#);
        let answered = proxy.post_to("/v1/chat/completions", &[("x-api-key", key)], body).await;
        assert_eq!(answered.status, status, "{key} {further} {}", answered.body);
    }
}

#[tokio::test]
async fn both_spellings_of_googles_inner_request_are_renamed() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], r#"{"totalTokens":1}"#.into())).await;
    let proxy = Proxy::start(target(AdapterKind::Gemini, &upstream)).await;
    for key in ["generateContentRequest", "generate_content_request"] {
        let body = format!(r#"{{"{key}":{{"model":"models/other","contents":[]}}}}"#);
        assert_eq!(proxy.post_to("/v1beta/models/m:countTokens", &[FEW], body).await.status, 200, "{key}");
    }
    for asked in upstream.asked() {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        assert!(body.contains("models/upstream-model") && !body.contains("other"), "{body}");
    }
}
