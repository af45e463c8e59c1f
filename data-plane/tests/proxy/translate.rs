//! Requests and answers that go from one format into another: both deliveries, failover, refusals, and how things fail.

use std::time::Duration;

use bytes::Bytes;
use data_plane::snapshot::resource::Change;
use http_body_util::BodyExt as _;
use proto::sync::v1::ProviderConfig;
use serde_json::{Value, json};
use shared::adapter::AdapterKind;
use tokio::sync::mpsc;

use super::edits::synced;
use super::formats::case::frame;
use super::harness::{Answered, KEY, Proxy, credential, model, provider_of, put_provider};
use super::upstream::{Reply, Upstream};

const HELLO: &str = r#"{"model":"m","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}"#;
const CHAT: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"Hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#;
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"Hi there"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":2}}"#;
const CHAT_STREAM: [&str; 5] = [
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" th",
    "ere\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}}\n\ndata: [DONE]\n\n",
];

fn streamed(body: &str) -> String {
    body.replacen('{', r#"{"stream":true,"#, 1)
}

/// A provider of an adapter, with a credential.
pub(crate) fn target(id: &str, adapter: AdapterKind, upstream: &Upstream) -> [Change; 2] {
    [put_provider(id, provider_of(adapter, upstream.address)), credential(id, "k", 1)]
}

/// A proxy with one provider, behind the model `m`.
async fn proxy_for(adapter: AdapterKind, upstream: &Upstream) -> Proxy {
    Proxy::start(target("a", adapter, upstream).into_iter().chain([model("m", &["a"])])).await
}

impl Proxy {
    pub(crate) async fn messages(&self, body: impl Into<Bytes>) -> Answered {
        self.post_to("/v1/messages", &[("x-api-key", KEY)], body).await
    }

    pub(crate) async fn completions(&self, body: impl Into<Bytes>) -> Answered {
        self.post_to("/v1/chat/completions", &[("authorization", &format!("Bearer {KEY}"))], body).await
    }
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The data of a stream's events.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

/// The text of a stream of messages.
fn text_of(answered: &Answered) -> String {
    answered.events().iter().filter_map(|event| event["delta"]["text"].as_str()).collect()
}

#[tokio::test]
async fn a_whole_answer_comes_in_the_callers_format() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[("openai-version", "1")], CHAT.into())).await;
    let answered = proxy_for(AdapterKind::OpenAi, &upstream).await.messages(HELLO).await;
    let body = answered.json();
    assert_eq!((answered.status, answered.header("content-type")), (200, "application/json"));
    assert_eq!((&body["type"], &body["content"][0]["text"]), (&"message".into(), &"Hi there".into()));
    assert_eq!((&body["stop_reason"], &body["usage"]["output_tokens"]), (&"end_turn".into(), &2.into()));
    assert_eq!(answered.header("openai-version"), "1");
    assert_eq!(answered.header("content-length"), answered.bytes.len().to_string());
    let asked = &upstream.asked()[0];
    assert_eq!((&*asked.path, &*asked.key), ("/chat/completions", "sk-k"));
    assert_eq!(asked.headers["accept"], "application/json");
    assert_eq!(asked.headers["content-type"], "application/json");
    let sent: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(sent["model"], "upstream-model");
    assert!(sent["messages"].to_string().contains("Hello"), "{sent}");

    let upstream = Upstream::start(|_| Reply::Json(200, &[("request-id", "req_1")], MESSAGE.into())).await;
    let answered = proxy_for(AdapterKind::Anthropic, &upstream).await.completions(HELLO).await;
    assert_eq!(answered.json()["choices"][0]["message"]["content"], "Hi there");
    assert_eq!(answered.header("request-id"), "req_1");
    assert!(upstream.asked()[0].headers.contains_key("anthropic-version"));
}

#[tokio::test]
async fn who_knows_functions_gets_a_call_in_their_form() {
    const CALLS: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":2}}"#;
    let upstream = Upstream::start(|_| Reply::Json(200, &[], CALLS.into())).await;
    let proxy = proxy_for(AdapterKind::Anthropic, &upstream).await;
    let body = HELLO.replacen('{', r#"{"functions":[{"name":"f","parameters":{"type":"object"}}],"#, 1);
    let choice = proxy.completions(body).await.json()["choices"][0].clone();
    assert_eq!(choice["message"]["function_call"], json!({"name": "f", "arguments": "{}"}));
    assert_eq!((choice["message"].get("tool_calls"), &choice["finish_reason"]), (None, &"function_call".into()));
    let sent: Value = serde_json::from_slice(&upstream.asked()[0].body).unwrap();
    assert_eq!(sent["tool_choice"]["disable_parallel_tool_use"], true, "{sent}");
}

#[tokio::test]
async fn a_stream_comes_in_the_callers_format() {
    let upstream = Upstream::start(|_| Reply::Stream(CHAT_STREAM.to_vec())).await;
    let answered = proxy_for(AdapterKind::OpenAi, &upstream).await.messages(streamed(HELLO)).await;
    assert_eq!((answered.status, answered.header("content-type")), (200, "text/event-stream"));
    assert_eq!((answered.header("cache-control"), answered.header("x-accel-buffering")), ("no-cache", "no"));
    assert_eq!(text_of(&answered), "Hi there", "{}", answered.body);
    let events = answered.events();
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    assert!(events.iter().any(|event| event["delta"]["stop_reason"] == "end_turn"), "{}", answered.body);
    assert!(events.iter().any(|event| event["usage"]["output_tokens"] == 2), "usage came last: {}", answered.body);
    assert_eq!(upstream.asked()[0].headers["accept"], "text/event-stream");
}

#[tokio::test]
async fn frames_are_read_and_written() {
    let event = |kind, payload| {
        frame(&[(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")], payload)
    };
    let frames = [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi there"}}"#),
        event("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        event("messageStop", r#"{"stopReason":"end_turn"}"#),
        event("metadata", r#"{"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7},"metrics":{"latencyMs":1}}"#),
    ];
    let upstream = Upstream::start(move |_| Reply::Pieces("application/vnd.amazon.eventstream", frames.to_vec())).await;
    let answered = proxy_for(AdapterKind::Bedrock, &upstream).await.messages(streamed(HELLO)).await;
    assert_eq!((answered.status, &*text_of(&answered)), (200, "Hi there"), "{}", answered.body);
    assert!(answered.body.contains("message_stop"));
    assert_eq!(upstream.asked()[0].headers["accept"], "application/vnd.amazon.eventstream");
    assert_eq!(upstream.asked()[0].path, "/model/upstream-model/converse-stream");

    let upstream = Upstream::start(|_| Reply::Stream(CHAT_STREAM.to_vec())).await;
    let proxy = proxy_for(AdapterKind::OpenAi, &upstream).await;
    let body = r#"{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}"#;
    let key = format!("Bearer {KEY}");
    let answered = proxy.post_to("/model/m/converse-stream", &[("authorization", &key)], body).await;
    assert_eq!(answered.header("content-type"), "application/vnd.amazon.eventstream", "{}", answered.body);
    for word in ["Hi", "messageStop", "end_turn", "outputTokens"] {
        assert!(answered.body.contains(word), "{word}: {}", answered.body);
    }
}

#[tokio::test]
async fn an_answer_that_did_not_come_as_it_was_asked_for() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], CHAT.into())).await;
    let answered = proxy_for(AdapterKind::OpenAi, &upstream).await.messages(streamed(HELLO)).await;
    assert_eq!((answered.header("content-type"), &*text_of(&answered)), ("text/event-stream", "Hi there"));
    assert!(answered.body.contains("message_stop"), "a whole answer is a stream that came at once");

    let upstream = Upstream::start(|_| Reply::Stream(CHAT_STREAM.to_vec())).await;
    let answered = proxy_for(AdapterKind::OpenAi, &upstream).await.messages(HELLO).await;
    assert_eq!((answered.status, &answered.json()["error"]["type"]), (502, &"api_error".into()));
}

#[tokio::test]
async fn what_is_no_answer_fails_over_across_formats() {
    for (is_stream, replies) in [
        (false, ["{}", "nothing", r#"{"error":{"message":"m","code":"insufficient_quota"}}"#]),
        (true, ["data: {\"error\":{\"message\":\"m\",\"code\":500}}\n\n", "data: {\"ch", "data: nothing\n\n"]),
    ] {
        for reply in replies {
            let failing = Upstream::start(move |_| match is_stream {
                true => Reply::Stream(vec![reply]),
                false => Reply::Json(200, &[], reply.into()),
            })
            .await;
            let good = Upstream::start(|asked| match asked.headers["accept"].as_bytes() {
                b"text/event-stream" => Reply::Stream(CHAT_STREAM.to_vec()),
                _ => Reply::Json(200, &[], CHAT.into()),
            })
            .await;
            let [bad, other] =
                [target("bad", AdapterKind::OpenAi, &failing), target("good", AdapterKind::OpenAi, &good)];
            let proxy = Proxy::start(bad.into_iter().chain(other).chain([model("m", &["bad", "good"])])).await;
            let body = if is_stream { streamed(HELLO) } else { HELLO.to_owned() };
            let answered = proxy.messages(body).await;
            assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "good"), "{reply}");
            assert!(answered.body.contains("there"), "{}", answered.body);
        }
    }
}

#[tokio::test]
async fn targets_of_any_format_stand_in_for_each_other() {
    let failing = Upstream::start(|_| Reply::Json(500, &[], "{}".into())).await;
    let anthropic = Upstream::start(|_| Reply::Json(200, &[], MESSAGE.into())).await;
    let changes = target("n", AdapterKind::Anthropic, &anthropic).into_iter();
    let changes = changes.chain(target("g", AdapterKind::Gemini, &failing));
    let changes = changes.chain(target("o", AdapterKind::OpenAi, &failing));
    let proxy = Proxy::start(changes.chain([model("m", &["o", "g", "n"]), model("same", &["g", "n"])])).await;
    let answered = proxy.completions(HELLO).await;
    assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "n"), "{}", answered.body);
    assert_eq!(answered.header("x-keyplane-attempts"), "3");
    // The last speaks the caller's own format: its bytes pass.
    let answered = proxy.messages(HELLO.replace(r#""m""#, r#""same""#)).await;
    assert_eq!((&*answered.body, answered.header("x-keyplane-provider")), (MESSAGE, "n"));
    assert_eq!(anthropic.asked()[1].body, HELLO.replace(r#""m""#, r#""upstream-model""#));
}

#[tokio::test]
async fn what_can_not_be_said_goes_to_who_can_hear_it_or_names_the_field() {
    let anthropic = Upstream::start(|_| Reply::Json(200, &[], MESSAGE.into())).await;
    let openai = Upstream::start(|_| Reply::Json(200, &[], CHAT.into())).await;
    let changes = target("n", AdapterKind::Anthropic, &anthropic).into_iter();
    let changes = changes.chain(target("o", AdapterKind::OpenAi, &openai));
    let proxy = Proxy::start(changes.chain([model("both", &["n", "o"]), model("m", &["n"])])).await;
    let with = |field: &str| HELLO.replacen('{', &format!("{{{field},"), 1);
    // Claude has no such thing, and without it the request would mean something else.
    let logit_bias = with(r#""logit_bias":{"1":5}"#);
    let answered = proxy.completions(logit_bias.clone()).await;
    assert_eq!((answered.status, &*answered.code()), (400, "field_not_translatable"), "{}", answered.body);
    let message = answered.json()["error"]["message"].to_string();
    assert!(message.contains("the field logit_bias") && message.contains("Anthropic"), "{message}");
    let answered = proxy.completions(logit_bias.replace(r#""m""#, r#""both""#)).await;
    assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "o"));
    assert!(anthropic.asked().is_empty());

    let unreadable = r#"{"model":"m","messages":[{"role":"user","content":5}]}"#;
    let answered = proxy.completions(unreadable).await;
    assert_eq!((answered.status, &*answered.code()), (400, "body_invalid"), "{}", answered.body);
    assert!(answered.body.contains("messages[0].content"), "{}", answered.body);
    let answered = proxy.completions(unreadable.replace(r#""m""#, r#""both""#)).await;
    assert_eq!(answered.status, 200, "it is not ours to judge where the bytes pass");
}

#[tokio::test]
async fn what_is_left_out_is_warned_of() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], CHAT.into())).await;
    let proxy = proxy_for(AdapterKind::OpenAi, &upstream).await;
    let answered = proxy.messages(HELLO.replacen('{', r#"{"top_k":5,"#, 1)).await;
    let warning = "199 keyplane \"the field top_k was left out: OpenAI chat completions has no such thing\"";
    assert_eq!((answered.status, answered.header("warning")), (200, warning));
    assert_eq!(proxy.messages(HELLO).await.header("warning"), "");
    let odd = (0..40).map(|at| format!("\"\\\"é{at}\":1,")).collect::<String>();
    let answered = proxy.messages(HELLO.replacen('{', &format!("{{{odd}"), 1)).await;
    let warnings: Vec<_> = answered.headers.get_all("warning").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!((answered.status, warnings.len()), (200, 16));
    assert!(warnings[0].starts_with("199 keyplane \"the field ??0 was left out"), "{warnings:?}");
}

#[tokio::test]
async fn a_providers_defaults_are_set_in_what_is_written_too() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], CHAT.into())).await;
    let config = ProviderConfig {
        base_url: format!("http://{}/v1", upstream.address),
        request_defaults_json: r#"{"x":{"y":1},"temperature":0.5}"#.into(),
        ..Default::default()
    };
    let changes = [synced(config), credential("a", "k", 1), model("m", &["a"])];
    let proxy = Proxy::start(changes).await;
    assert_eq!(proxy.messages(HELLO.replacen('{', r#"{"temperature":0.7,"#, 1)).await.status, 200);
    let sent: Value = serde_json::from_slice(&upstream.asked()[0].body).unwrap();
    assert_eq!((&sent["x"], &sent["temperature"]), (&json!({"y": 1}), &json!(0.7)));
}

#[tokio::test]
async fn a_stream_that_fails_or_is_cut_ends_in_the_callers_format() {
    const FAILED: &str = "data: {\"error\":{\"message\":\"no sk-abcdefgh12345678\",\"code\":\"server_error\"}}\n\n";
    for (last, message) in [
        (None, "before it was complete"),
        (Some("data: {\"choi"), "before it was complete"),
        (Some("data: nothing\n\n"), ""),
        (Some(FAILED), "no [redacted]"),
    ] {
        let upstream =
            Upstream::start(move |_| Reply::Stream(CHAT_STREAM[..3].iter().copied().chain(last).collect())).await;
        let proxy = proxy_for(AdapterKind::OpenAi, &upstream).await;
        let answered = proxy.messages(streamed(HELLO)).await;
        assert_eq!((answered.status, &*text_of(&answered)), (200, "Hi there"), "{}", answered.body);
        let last = answered.events().pop().unwrap();
        assert_eq!(last["type"], "error", "{}", answered.body);
        assert!(last["error"]["message"].as_str().unwrap().contains(message), "{last}");
        assert!(!answered.body.contains("message_stop") && !answered.body.contains("abcdefgh"), "{}", answered.body);
        assert!(proxy.ops("/metrics").await.body.contains("outcome=\"cut\"} 1"));
    }
}

#[tokio::test]
async fn errors_are_told_in_the_callers_format_with_the_upstreams_status() {
    let fault = r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad sk-ant-abcdefgh12345678"}}"#;
    let upstream = Upstream::start(move |asked| match asked.body.windows(5).any(|word| word == b"Hello") {
        true => Reply::Json(400, &[("request-id", "req_1")], fault.into()),
        false => Reply::Json(529, &[], r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#.into()),
    })
    .await;
    let proxy = proxy_for(AdapterKind::Anthropic, &upstream).await;
    let answered = proxy.completions(HELLO).await;
    let error = &answered.json()["error"];
    assert_eq!((answered.status, &error["message"]), (400, &"bad [redacted]".into()));
    assert_eq!((&error["code"], answered.header("request-id")), (&"invalid_request_error".into(), "req_1"));
    assert_eq!(proxy.completions(HELLO.replace("Hello", "Bye")).await.status, 503);
}

#[tokio::test]
async fn pieces_go_on_as_they_come() {
    let (tx, rx) = mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
    let proxy = proxy_for(AdapterKind::OpenAi, &upstream).await;
    for piece in &CHAT_STREAM[..2] {
        tx.send(Ok(Bytes::from(*piece))).await.unwrap();
    }
    let mut request = proxy.request(&streamed(HELLO));
    *request.uri_mut() = format!("http://{}/v1/messages", proxy.address).parse().unwrap();
    let mut body = proxy.send(request).await.into_body();
    let mut given = String::new();
    while !given.contains("\"Hi\"") {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.unwrap().unwrap().unwrap();
        given.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    drop(tx);
    assert!(!given.contains("there"));
}

#[tokio::test]
async fn an_answer_of_more_calls_or_choices_than_any_has_is_the_upstreams_error() {
    let call =
        |index: usize| json!({"index": index, "id": format!("c{index}"), "function": {"name": "f", "arguments": "{}"}});
    let chunk = |choice: usize, calls: Vec<Value>, finish: Value| {
        let delta = json!({"content": "x", "tool_calls": calls});
        let chunk = json!({"id": "x", "choices": [{"index": choice, "delta": delta, "finish_reason": finish}]});
        Bytes::from(format!("data: {chunk}\n\n"))
    };
    let stream = |calls: usize, choices: usize| {
        let called = (0..calls).map(|index| chunk(0, vec![call(index)], Value::Null));
        let chosen = (0..choices).map(|choice| chunk(choice, Vec::new(), json!("stop")));
        called.chain(chosen).chain([Bytes::from("data: [DONE]\n\n")]).collect::<Vec<_>>()
    };
    let at_once = vec![chunk(0, (0..1025).map(call).collect(), json!("tool_calls")), "data: [DONE]\n\n".into()];
    for (pieces, is_good) in
        [(stream(1024, 128), true), (stream(1025, 1), false), (stream(1, 129), false), (at_once, false)]
    {
        let upstream = Upstream::start(move |_| Reply::Pieces("text/event-stream", pieces.clone())).await;
        let proxy = proxy_for(AdapterKind::OpenAi, &upstream).await;
        let answered = proxy.messages(streamed(HELLO)).await;
        assert_eq!(answered.body.contains("message_stop"), is_good, "{}", answered.body.len());
        assert_eq!(answered.body.contains("\"error\""), !is_good, "{}", answered.body.len());
    }
    let calls: Vec<Value> = (0..1025).map(call).collect();
    let whole =
        json!({"id": "x", "choices": [{"index": 0, "message": {"tool_calls": calls}, "finish_reason": "tool_calls"}]});
    let upstream = Upstream::start(move |_| Reply::Json(200, &[], whole.to_string())).await;
    assert_eq!(proxy_for(AdapterKind::OpenAi, &upstream).await.messages(HELLO).await.status, 502);
}
