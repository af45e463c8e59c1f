//! How Gemini says things: parts, and as streams whose events have several of them, with usage in each, and the reason on one without any.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::standin::exchange::events as written;
use crate::standin::script::{CACHED, INPUT, OUTPUT, Said, Voice, halves};

/// What proves the thoughts before a call.
pub(super) const SIGNATURE: &str = "Ep4CCpsCAb4+9vt/IHNpZ25hdHVyZQ==";

pub(in crate::standin) const VOICE: Voice = Voice {
    whole,
    events,
    failure: || {
        let error = json!({"error": {"code": 500, "message": "An internal error has occurred.", "status": "INTERNAL"}});
        written([("", error)]).concat().into()
    },
    refusal: |status, message| super::error(status, "INVALID_ARGUMENT", message, &json!([])),
    content_type: "text/event-stream",
};

fn generated(model: &str, parts: &[Value], finish_reason: &str, output: u32) -> Value {
    let mut candidate = json!({"index": 0});
    if !parts.is_empty() {
        candidate["content"] = json!({"role": "model", "parts": parts});
    }
    if !finish_reason.is_empty() {
        candidate["finishReason"] = json!(finish_reason);
    }
    let mut usage =
        json!({"promptTokenCount": INPUT, "cachedContentTokenCount": CACHED, "totalTokenCount": INPUT + output});
    if output > 0 {
        // The thoughts are apart.
        (usage["candidatesTokenCount"], usage["thoughtsTokenCount"]) = (json!(output - 2), json!(2));
    }
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r1"})
}

fn calls(said: &Said) -> Vec<Value> {
    let call = |(index, call): (usize, &super::super::script::Call)| {
        let mut part = json!({"functionCall": {"name": call.name, "args": call.arguments}});
        // The first of a step proves it.
        if index == 0 {
            part["thoughtSignature"] = json!(SIGNATURE);
        }
        part
    };
    said.calls.iter().enumerate().map(call).collect()
}

fn whole(said: &Said, model: &str) -> Value {
    let mut parts = Vec::new();
    if !said.reasoning.is_empty() {
        parts.push(json!({"text": said.reasoning, "thought": true}));
    }
    if !said.text.is_empty() {
        parts.push(json!({"text": said.text}));
    }
    parts.extend(calls(said));
    generated(model, &parts, "STOP", OUTPUT)
}

fn events(said: &Said, model: &str, _: bool) -> Vec<Bytes> {
    let mut parts: Vec<Vec<Value>> = Vec::new();
    parts.extend(halves(&said.reasoning).iter().map(|half| vec![json!({"text": half, "thought": true})]));
    parts.extend(halves(&said.text).iter().map(|half| vec![json!({"text": half})]));
    if !said.calls.is_empty() {
        parts.push(calls(said));
    }
    let mut events: Vec<_> = parts.iter().map(|parts| ("", generated(model, parts, "", 0))).collect();
    events.push(("", generated(model, &[json!({"text": ""})], "STOP", OUTPUT)));
    written(events)
}
