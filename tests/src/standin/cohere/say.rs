//! How Cohere's chat of version 2 says things: with a plan before its calls, and as streams that end with `[DONE]` behind their end.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::standin::exchange::events as written;
use crate::standin::script::{CACHED, Call, INPUT, OUTPUT, Said, Voice, halves};

pub(in crate::standin) const VOICE: Voice =
    Voice { whole, events, failure, refusal: super::error, content_type: "text/event-stream" };

fn usage() -> Value {
    let tokens = json!({"input_tokens": INPUT, "output_tokens": OUTPUT});
    json!({"billed_units": tokens, "tokens": tokens, "cached_tokens": CACHED})
}

fn reason(said: &Said) -> &'static str {
    if said.calls.is_empty() { "COMPLETE" } else { "TOOL_CALL" }
}

fn call(call: &Call, arguments: &str) -> Value {
    let id = format!("{}_{}", call.name, call.id);
    json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn whole(said: &Said, _: &str) -> Value {
    let mut message = json!({"role": "assistant"});
    let mut content = Vec::new();
    if !said.reasoning.is_empty() {
        content.push(json!({"type": "thinking", "thinking": said.reasoning}));
    }
    if !said.text.is_empty() {
        content.push(json!({"type": "text", "text": said.text}));
    }
    if !content.is_empty() {
        message["content"] = json!(content);
    }
    if !said.calls.is_empty() {
        message["tool_plan"] = json!("I will look it up.");
        message["tool_calls"] = said.calls.iter().map(|one| call(one, &one.arguments.to_string())).collect();
    }
    json!({"id": "c1", "message": message, "finish_reason": reason(said), "usage": usage()})
}

fn events(said: &Said, _: &str, _: bool) -> Vec<Bytes> {
    let role =
        json!({"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}});
    let mut events = vec![("message-start", json!({"id": "c1", "type": "message-start", "delta": role}))];
    let mut index = 0;
    for (kind, text) in [("thinking", &said.reasoning), ("text", &said.text)] {
        if text.is_empty() {
            continue;
        }
        let delta = |text: &str, with_type: bool| {
            let mut content = json!({kind: text});
            if with_type {
                content["type"] = json!(kind);
            }
            json!({"message": {"content": content}})
        };
        events.push(("content-start", json!({"type": "content-start", "index": index, "delta": delta("", true)})));
        let piece = |half: &&str| {
            ("content-delta", json!({"type": "content-delta", "index": index, "delta": delta(half, false)}))
        };
        events.extend(halves(text).iter().map(piece));
        events.push(("content-end", json!({"type": "content-end", "index": index})));
        index += 1;
    }
    if !said.calls.is_empty() {
        let plan = json!({"message": {"tool_plan": "I will look it up."}});
        events.push(("tool-plan-delta", json!({"type": "tool-plan-delta", "delta": plan})));
    }
    for (index, one) in said.calls.iter().enumerate() {
        let start = json!({"message": {"tool_calls": call(one, "")}});
        events.push(("tool-call-start", json!({"type": "tool-call-start", "index": index, "delta": start})));
        let arguments = one.arguments.to_string();
        let delta = |half: &str| {
            let delta = json!({"message": {"tool_calls": {"function": {"arguments": half}}}});
            ("tool-call-delta", json!({"type": "tool-call-delta", "index": index, "delta": delta}))
        };
        events.extend(halves(&arguments).into_iter().map(delta));
        events.push(("tool-call-end", json!({"type": "tool-call-end", "index": index})));
    }
    let end = json!({"finish_reason": reason(said), "usage": usage()});
    events.push(("message-end", json!({"type": "message-end", "delta": end})));
    let mut pieces = written(events);
    pieces.push("data: [DONE]\n\n".into());
    pieces
}

/// A stream that fails ends with that as its reason.
fn failure() -> Bytes {
    let delta = json!({"finish_reason": "ERROR", "error": "The model failed.", "usage": usage()});
    written([("message-end", json!({"type": "message-end", "delta": delta}))]).concat().into()
}
