//! How OpenAI's chat completions say things: whole, and as streams with usage last, comments between, and arguments in fragments.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::standin::exchange::events as written;
use crate::standin::script::{CACHED, Call, INPUT, OUTPUT, Said, Voice, halves};

pub(in crate::standin) const VOICE: Voice = Voice {
    whole,
    events,
    failure,
    refusal: |status, message| super::error(status, message, "invalid_request_error", Value::Null),
    content_type: "text/event-stream; charset=utf-8",
};

pub(in crate::standin) fn whole(said: &Said, model: &str) -> Value {
    let calls: Vec<_> = said.calls.iter().map(call).collect();
    let content = if said.text.is_empty() { Value::Null } else { json!(said.text) };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    if !said.reasoning.is_empty() {
        message["reasoning_content"] = json!(said.reasoning);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_741_569_952, "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason(said)}],
        "usage": usage(), "service_tier": "default", "system_fingerprint": "fp_1",
    })
}

fn call(call: &Call) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments.to_string()});
    json!({"id": format!("call_{}", call.id), "type": "function", "function": function})
}

fn reason(said: &Said) -> &'static str {
    if said.calls.is_empty() { "stop" } else { "tool_calls" }
}

fn usage() -> Value {
    json!({
        "prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT,
        "prompt_tokens_details": {"cached_tokens": CACHED, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
    })
}

/// A chunk with one choice.
fn chunk(model: &str, delta: &Value, finish_reason: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_741_569_952, "model": model, "service_tier": "default",
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}], "obfuscation": "x7",
    })
}

pub(in crate::standin) fn events(said: &Said, model: &str, tells_usage: bool) -> Vec<Bytes> {
    let mut deltas = vec![json!({"role": "assistant", "content": "", "refusal": null})];
    deltas.extend(halves(&said.reasoning).iter().map(|half| json!({"reasoning_content": half})));
    deltas.extend(halves(&said.text).iter().map(|half| json!({"content": half})));
    for (index, call) in said.calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let begin =
            json!({"index": index, "id": format!("call_{}", call.id), "type": "function", "function": function});
        deltas.push(json!({"tool_calls": [begin]}));
        let arguments = call.arguments.to_string();
        let fragment = |half: &&str| json!({"tool_calls": [{"index": index, "function": {"arguments": half}}]});
        deltas.extend(halves(&arguments).iter().map(fragment));
    }
    let mut chunks: Vec<_> = deltas.iter().map(|delta| chunk(model, delta, &Value::Null)).collect();
    chunks.push(chunk(model, &json!({}), &json!(reason(said))));
    if tells_usage {
        for chunk in &mut chunks {
            chunk["usage"] = Value::Null;
        }
        let mut last = chunk(model, &json!({}), &Value::Null);
        (last["choices"], last["usage"]) = (json!([]), usage());
        chunks.push(last);
    }
    let mut pieces = written(chunks.into_iter().map(|chunk| ("", chunk)));
    pieces.push("data: [DONE]\n\n".into());
    // A comment keeps the connection alive while the first word is thought of.
    pieces[1] = [Bytes::from_static(b": keep-alive\n\n"), pieces[1].clone()].concat().into();
    pieces
}

fn failure() -> Bytes {
    let error = json!({"message": "The server had an error while processing your request.", "type": "server_error", "param": null, "code": null});
    Bytes::from(format!("data: {}\n\n", json!({"error": error})))
}
