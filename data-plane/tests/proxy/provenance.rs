//! Conversations that change their provider: what one format's answered comes back from the caller, and goes to a provider of the caller's own
//! format, who refuses what he does not know.

use serde_json::{Value, json};
use shared::adapter::AdapterKind;

use super::harness::{Proxy, model};
use super::translate::target;
use super::upstream::{Asked, Reply, Upstream};

const CLAUDE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"thinking","thinking":"Where?","signature":"Eq+/x=="},{"type":"tool_use","id":"toolu_01","name":"f","input":{"id":"x"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":2}}"#;
const CLAUDE_STREAM: &str = concat!(
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Where?\"}}\n\n",
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"Eq+/x==\"}}\n\n",
    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_01\",\"name\":\"f\",\"input\":{}}}\n\n",
    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n",
    "data: {\"type\":\"message_stop\"}\n\n",
);
const GEMINI: &str = r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Where?","thought":true},{"functionCall":{"name":"f","args":{"id":"x"}},"thoughtSignature":"CpcBAdHtim+/abcCpcBAdHtim+/abcCpcBAdHtim+/abcCpcBAdHtim+/abcCpc="}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7},"modelVersion":"gemini","responseId":"r"}"#;
const CHAT: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":null,"reasoning_content":"Where?","tool_calls":[{"id":"functions.f:0","type":"function","function":{"name":"f","arguments":"{\"id\":\"x\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#;

/// A body, and what is wrong with it to a provider who knows these members of messages and of calls, and takes ids of these signs.
fn refused(asked: &Asked) -> Reply {
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let mut wrong = Vec::new();
    for message in body["messages"].as_array().unwrap() {
        let known = ["role", "content", "refusal", "tool_calls", "tool_call_id"];
        wrong.extend(message.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str())).cloned());
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let known = ["id", "type", "function"];
            wrong.extend(call.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str())).cloned());
            wrong.extend(wrong_id(&call["id"], 40));
        }
        wrong.extend(message.get("tool_call_id").and_then(|id| wrong_id(id, 40)));
        for block in message["content"].as_array().into_iter().flatten() {
            let is_signed = block["signature"].as_str().is_some_and(|signature| signature.starts_with("Eq"));
            wrong.extend((block["type"] == "thinking" && !is_signed).then(|| block.to_string()));
            wrong.extend(["id", "tool_use_id"].into_iter().filter_map(|name| wrong_id(block.get(name)?, 64)));
        }
    }
    match wrong.as_slice() {
        [] if asked.path.contains("messages") => Reply::Json(200, &[], CLAUDE.into()),
        [] => Reply::Json(200, &[], CHAT.into()),
        wrong => Reply::Json(400, &[], json!({"error": {"message": wrong.join(", "), "code": "x"}}).to_string()),
    }
}

fn wrong_id(id: &Value, most: usize) -> Option<String> {
    let id = id.as_str().unwrap();
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (!is_plain || id.is_empty() || id.len() > most).then(|| id.to_owned())
}

/// A proxy with the model `first` of one provider, and `next` of another.
async fn proxy_of(first: (AdapterKind, &Upstream), next: (AdapterKind, &Upstream)) -> Proxy {
    let changes = target("a", first.0, first.1).into_iter().chain(target("b", next.0, next.1));
    Proxy::start(changes.chain([model("first", &["a"]), model("next", &["b"])])).await
}

/// The message that a client of chat's makes of a stream.
fn put_together(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": "", "reasoning_content": "", "reasoning_details": []});
    for delta in events.iter().map(|event| &event["choices"][0]["delta"]) {
        for name in ["content", "reasoning_content"] {
            let text = [&message[name], &delta[name]].map(|text| text.as_str().unwrap_or_default().to_owned());
            message[name] = text.concat().into();
        }
        let details = delta["reasoning_details"].as_array().cloned().unwrap_or_default();
        message["reasoning_details"].as_array_mut().unwrap().extend(details);
        if let Some(call) = delta["tool_calls"].get(0) {
            match call.get("id") {
                Some(_) => message["tool_calls"] = json!([call]),
                None => message["tool_calls"][0]["function"]["arguments"] = call["function"]["arguments"].clone(),
            }
            message["tool_calls"][0].as_object_mut().unwrap().remove("index");
        }
    }
    message
}

#[tokio::test]
async fn a_caller_of_chat_goes_on_at_a_provider_who_refuses_what_he_does_not_know() {
    for (adapter, answer) in [(AdapterKind::Anthropic, CLAUDE), (AdapterKind::Gemini, GEMINI)] {
        for is_stream in [false, true] {
            let first = Upstream::start(move |asked| match asked.headers["accept"].as_bytes() {
                b"text/event-stream" if adapter == AdapterKind::Anthropic => Reply::Stream(vec![CLAUDE_STREAM]),
                _ => Reply::Json(200, &[], answer.into()),
            })
            .await;
            let next = Upstream::start(refused).await;
            let proxy = proxy_of((adapter, &first), (AdapterKind::OpenAi, &next)).await;
            let user = json!({"role": "user", "content": "Hello"});
            let asked = json!({"model": "first", "max_tokens": 64, "stream": is_stream, "messages": [user]});
            let answered = proxy.completions(asked.to_string()).await;
            let message = match is_stream {
                true => put_together(&answered.events()),
                false => answered.json()["choices"][0]["message"].clone(),
            };
            assert_eq!(message["reasoning_content"], "Where?", "{}", answered.body);
            let result = json!({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "There."});
            let messages = [user, message, result];
            let back = proxy.completions(json!({"model": "first", "max_tokens": 64, "messages": messages}).to_string());
            assert_eq!(back.await.status, 200);
            let signed = if adapter == AdapterKind::Gemini { "CpcBAdHtim+/abc" } else { "Eq+/x==" };
            let sent = first.asked().pop().unwrap();
            assert!(String::from_utf8_lossy(&sent.body).contains(signed), "who made it gets it back");

            let answered = proxy.completions(json!({"model": "next", "messages": messages}).to_string()).await;
            assert_eq!(answered.status, 200, "{}", answered.body);
            let sent: Value = serde_json::from_slice(&next.asked()[0].body).unwrap();
            let call = &sent["messages"][1]["tool_calls"][0];
            assert_eq!(call["id"], sent["messages"][2]["tool_call_id"]);
            assert_eq!((&call["function"]["name"], &sent["messages"][2]["content"]), (&"f".into(), &"There.".into()));
        }
    }
}

#[tokio::test]
async fn a_caller_of_anthropics_goes_on_at_anthropic() {
    let first = Upstream::start(|_| Reply::Json(200, &[], CHAT.into())).await;
    let next = Upstream::start(refused).await;
    let proxy = proxy_of((AdapterKind::OpenAi, &first), (AdapterKind::Anthropic, &next)).await;
    let user = json!({"role": "user", "content": "Hello"});
    let answered = proxy.messages(json!({"model": "first", "max_tokens": 64, "messages": [user]}).to_string()).await;
    let content = answered.json()["content"].clone();
    assert_eq!((&content[0]["thinking"], &content[1]["input"]["id"]), (&"Where?".into(), &"x".into()));
    let result = json!({"type": "tool_result", "tool_use_id": content[1]["id"], "content": "There."});
    let turns = [user, json!({"role": "assistant", "content": content}), json!({"role": "user", "content": [result]})];
    let asked = |model: &str| {
        let thinking = json!({"type": "enabled", "budget_tokens": 1024});
        json!({"model": model, "max_tokens": 2048, "thinking": thinking, "messages": turns}).to_string()
    };
    assert_eq!(proxy.messages(asked("first")).await.status, 200);
    let sent: Value = serde_json::from_slice(&first.asked()[1].body).unwrap();
    assert_eq!(sent["messages"][1]["tool_calls"][0]["id"], "functions.f:0", "who made it gets it back");

    let answered = proxy.messages(asked("next")).await;
    assert_eq!((answered.status, &*answered.body), (200, CLAUDE));
    let warning =
        "199 keyplane \"the field thinking was turned off: the last turn does not begin with what the model thought\"";
    assert_eq!(answered.header("warning"), warning);
    let sent: Value = serde_json::from_slice(&next.asked()[0].body).unwrap();
    assert_eq!(sent["thinking"], json!({"type": "disabled"}), "the turn goes on without what was thought before");
    assert_eq!(sent["messages"][1]["content"][0]["id"], sent["messages"][2]["content"][0]["tool_use_id"]);
}
