//! How Bedrock's Converse says things: blocks, and as frames with padding, text without a start, and the usage after the end.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::standin::claude::AT_BEDROCK;
use crate::standin::eventstream::frame;
use crate::standin::script::{CACHED, INPUT, OUTPUT, Said, Voice, halves};

pub(in crate::standin) const VOICE: Voice = Voice {
    whole,
    events,
    failure: || {
        frame(
            "exception",
            "modelStreamErrorException",
            &json!({"message": "The model failed.", "originalStatusCode": 500}),
        )
    },
    refusal: |status, message| super::exception(status, "ValidationException", message),
    content_type: "application/vnd.amazon.eventstream",
};

fn usage() -> Value {
    json!({
        "inputTokens": INPUT - CACHED, "outputTokens": OUTPUT, "totalTokens": INPUT + OUTPUT, "cacheReadInputTokens": CACHED,
        "cacheWriteInputTokens": 0,
    })
}

fn reason(said: &Said) -> &'static str {
    if said.calls.is_empty() { "end_turn" } else { "tool_use" }
}

fn whole(said: &Said, _: &str) -> Value {
    let mut content = Vec::new();
    if said.thought {
        content.push(json!({"reasoningContent": {"reasoningText": {"text": said.reasoning, "signature": AT_BEDROCK}}}));
    }
    if !said.text.is_empty() {
        content.push(json!({"text": said.text}));
    }
    content.extend(said.calls.iter().map(|call| {
        json!({"toolUse": {"toolUseId": format!("tooluse_{}", call.id), "name": call.name, "input": call.arguments}})
    }));
    json!({
        "output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason(said), "usage": usage(),
        "metrics": {"latencyMs": 1},
    })
}

fn events(said: &Said, _: &str, _: bool) -> Vec<Bytes> {
    let mut events = vec![("messageStart", json!({"role": "assistant", "p": "abc"}))];
    let mut index = 0;
    let delta = |index: u32, delta: Value| {
        ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abcdefgh"}))
    };
    let stop = |index: u32| ("contentBlockStop", json!({"contentBlockIndex": index, "p": "ab"}));
    if said.thought {
        let reasoning = |half: &&str| delta(index, json!({"reasoningContent": {"text": half}}));
        events.extend(halves(&said.reasoning).iter().map(reasoning));
        events.push(delta(index, json!({"reasoningContent": {"signature": AT_BEDROCK}})));
        events.push(stop(index));
        index += 1;
    }
    if !said.text.is_empty() {
        events.extend(halves(&said.text).iter().map(|half| delta(index, json!({"text": half}))));
        events.push(stop(index));
        index += 1;
    }
    for call in &said.calls {
        let start = json!({"toolUse": {"toolUseId": format!("tooluse_{}", call.id), "name": call.name}});
        events.push(("contentBlockStart", json!({"contentBlockIndex": index, "start": start, "p": "a"})));
        let input = call.arguments.to_string();
        let fragments = std::iter::once("").chain(halves(&input));
        events.extend(fragments.map(|half| delta(index, json!({"toolUse": {"input": half}}))));
        events.push(stop(index));
        index += 1;
    }
    events.push(("messageStop", json!({"stopReason": reason(said), "p": "abcd"})));
    events.push(("metadata", json!({"usage": usage(), "metrics": {"latencyMs": 1}, "p": "a"})));
    events.into_iter().map(|(kind, payload)| frame("event", kind, &payload)).collect()
}
