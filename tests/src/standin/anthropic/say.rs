//! How Anthropic's Messages say things: blocks, and as streams with pings, and with an empty first fragment of a tool's arguments.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::standin::claude::AT_ANTHROPIC;
use crate::standin::exchange::events as written;
use crate::standin::script::{CACHED, INPUT, OUTPUT, Said, Voice, halves};

pub(in crate::standin) const VOICE: Voice = Voice {
    whole,
    events,
    failure: || {
        event("error", &json!({"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}))
    },
    refusal: |status, message| super::error(status, "invalid_request_error", message),
    content_type: "text/event-stream; charset=utf-8",
};

fn event(name: &'static str, data: &Value) -> Bytes {
    written([(name, data.clone())]).concat().into()
}

fn message(model: &str, content: &[Value], stop_reason: &Value, output_tokens: u32) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content, "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": INPUT - CACHED, "cache_creation_input_tokens": 0, "cache_read_input_tokens": CACHED,
            "output_tokens": output_tokens, "service_tier": "standard",
        },
    })
}

fn reason(said: &Said) -> &'static str {
    if said.calls.is_empty() { "end_turn" } else { "tool_use" }
}

fn blocks(said: &Said) -> Vec<Value> {
    let mut blocks = Vec::new();
    if said.thought {
        blocks.push(json!({"type": "thinking", "thinking": said.reasoning, "signature": AT_ANTHROPIC}));
    }
    if !said.text.is_empty() {
        blocks.push(json!({"type": "text", "text": said.text}));
    }
    let call = |call: &super::super::script::Call| json!({"type": "tool_use", "id": format!("toolu_{}", call.id), "name": call.name, "input": call.arguments});
    blocks.extend(said.calls.iter().map(call));
    blocks
}

fn whole(said: &Said, model: &str) -> Value {
    message(model, &blocks(said), &json!(reason(said)), OUTPUT)
}

fn events(said: &Said, model: &str, _: bool) -> Vec<Bytes> {
    let start = json!({"type": "message_start", "message": message(model, &[], &Value::Null, 1)});
    let mut pieces = vec![event("message_start", &start)];
    for (index, block) in blocks(said).iter().enumerate() {
        let (begun, deltas) = parts(block);
        let start = json!({"type": "content_block_start", "index": index, "content_block": begun});
        pieces.push(event("content_block_start", &start));
        if index == 0 {
            pieces.push(event("ping", &json!({"type": "ping"})));
        }
        for delta in deltas {
            pieces.push(event(
                "content_block_delta",
                &json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ));
        }
        pieces.push(event("content_block_stop", &json!({"type": "content_block_stop", "index": index})));
    }
    let end = json!({"stop_reason": reason(said), "stop_sequence": null});
    let usage = json!({"output_tokens": OUTPUT});
    pieces.push(event("message_delta", &json!({"type": "message_delta", "delta": end, "usage": usage})));
    pieces.push(event("message_stop", &json!({"type": "message_stop"})));
    pieces
}

/// How a block begins, and what comes of it then.
fn parts(block: &Value) -> (Value, Vec<Value>) {
    let text = |name: &str| block[name].as_str().unwrap_or_default();
    match text("type") {
        "thinking" => {
            let delta = |half: &str| json!({"type": "thinking_delta", "thinking": half});
            let mut deltas: Vec<_> = halves(text("thinking")).into_iter().map(delta).collect();
            deltas.push(json!({"type": "signature_delta", "signature": text("signature")}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        "text" => {
            let delta = |half: &str| json!({"type": "text_delta", "text": half});
            (json!({"type": "text", "text": ""}), halves(text("text")).into_iter().map(delta).collect())
        }
        _ => {
            let input = block["input"].to_string();
            let fragments = std::iter::once("").chain(halves(&input));
            let delta = |half: &str| json!({"type": "input_json_delta", "partial_json": half});
            let mut begun = block.clone();
            begun["input"] = json!({});
            (begun, fragments.map(delta).collect())
        }
    }
}
