//! How OpenAI's Responses say things: items, and as streams whose every event is numbered.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::standin::exchange::events as written;
use crate::standin::openai;
use crate::standin::script::{CACHED, INPUT, OUTPUT, Said, Voice, halves};

/// The id of what was thought.
pub(super) const REASONING: &str = "rs_1";

/// What was thought, as only OpenAI can read it.
pub(super) const ENCRYPTED: &str = "gAAAAABo-thoughts_9w==";

pub(in crate::standin) const VOICE: Voice = Voice {
    whole,
    events,
    failure,
    refusal: |status, message| openai::error(status, message, "invalid_request_error", Value::Null),
    content_type: "text/event-stream; charset=utf-8",
};

fn response(model: &str, status: &str, output: &[Value], usage: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1_741_569_952, "status": status, "background": false, "error": null,
        "incomplete_details": null, "instructions": null, "max_output_tokens": null, "metadata": {}, "model": model, "output": output,
        "parallel_tool_calls": true, "previous_response_id": null, "reasoning": {"effort": null, "summary": null},
        "service_tier": "default", "store": true, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": null,
    })
}

fn usage() -> Value {
    json!({
        "input_tokens": INPUT, "input_tokens_details": {"cached_tokens": CACHED}, "output_tokens": OUTPUT,
        "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": INPUT + OUTPUT,
    })
}

/// The items of an answer, whole.
fn items(said: &Said) -> Vec<Value> {
    let mut items = Vec::new();
    if said.thought {
        let parts: Vec<_> = [&said.reasoning].into_iter().filter(|text| !text.is_empty()).collect();
        let summary: Vec<_> = parts.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
        let mut item = json!({"id": REASONING, "type": "reasoning", "summary": summary});
        if said.proves {
            item["encrypted_content"] = json!(ENCRYPTED);
        }
        items.push(item);
    }
    if !said.text.is_empty() {
        let content = json!([{"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}]);
        items.push(
            json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": content}),
        );
    }
    items.extend(said.calls.iter().map(|call| {
        json!({
            "id": format!("fc_{}", call.id), "type": "function_call", "status": "completed", "call_id": format!("call_{}", call.id),
            "name": call.name, "arguments": call.arguments.to_string(),
        })
    }));
    items
}

fn whole(said: &Said, model: &str) -> Value {
    response(model, "completed", &items(said), &usage())
}

fn events(said: &Said, model: &str, _: bool) -> Vec<Bytes> {
    let begun = response(model, "in_progress", &[], &Value::Null);
    let mut events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
    ];
    for (index, item) in items(said).iter().enumerate() {
        let begin = events.len();
        match item["type"].as_str() {
            Some("reasoning") => reasoning(item, &mut events),
            Some("message") => message(item, &mut events),
            _ => call(item, &mut events),
        }
        events.push(json!({"type": "response.output_item.done", "item": item}));
        for event in &mut events[begin..] {
            event["output_index"] = json!(index);
        }
    }
    events.push(json!({"type": "response.completed", "response": whole(said, model)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    let named = events.iter().map(|event| (event["type"].as_str().unwrap_or_default(), event.clone()));
    written(named)
}

fn reasoning(item: &Value, events: &mut Vec<Value>) {
    let (id, text) = (&item["id"], item["summary"][0]["text"].as_str().unwrap_or_default());
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let begun = json!({"id": id, "type": "reasoning", "summary": []});
    events.push(json!({"type": "response.output_item.added", "item": begun}));
    if text.is_empty() {
        return;
    }
    events.push(
        json!({"type": "response.reasoning_summary_part.added", "item_id": id, "summary_index": 0, "part": part("")}),
    );
    let delta = |half: &&str| json!({"type": "response.reasoning_summary_text.delta", "item_id": id, "summary_index": 0, "delta": half});
    events.extend(halves(text).iter().map(delta));
    events
        .push(json!({"type": "response.reasoning_summary_text.done", "item_id": id, "summary_index": 0, "text": text}));
    events.push(
        json!({"type": "response.reasoning_summary_part.done", "item_id": id, "summary_index": 0, "part": part(text)}),
    );
}

fn message(item: &Value, events: &mut Vec<Value>) {
    let (id, text) = (&item["id"], item["content"][0]["text"].as_str().unwrap_or_default());
    let part = json!({"type": "output_text", "annotations": [], "logprobs": [], "text": ""});
    let begun = json!({"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []});
    events.push(json!({"type": "response.output_item.added", "item": begun}));
    events.push(json!({"type": "response.content_part.added", "item_id": id, "content_index": 0, "part": part}));
    let delta = |half: &&str| json!({"type": "response.output_text.delta", "item_id": id, "content_index": 0, "delta": half, "logprobs": [], "obfuscation": "x"});
    events.extend(halves(text).iter().map(delta));
    events.push(
        json!({"type": "response.output_text.done", "item_id": id, "content_index": 0, "text": text, "logprobs": []}),
    );
    events.push(
        json!({"type": "response.content_part.done", "item_id": id, "content_index": 0, "part": item["content"][0]}),
    );
}

fn call(item: &Value, events: &mut Vec<Value>) {
    let (id, arguments) = (&item["id"], item["arguments"].as_str().unwrap_or_default());
    let mut begun = item.clone();
    (begun["status"], begun["arguments"]) = (json!("in_progress"), json!(""));
    events.push(json!({"type": "response.output_item.added", "item": begun}));
    let delta = |half: &&str| json!({"type": "response.function_call_arguments.delta", "item_id": id, "delta": half, "obfuscation": "x"});
    events.extend(halves(arguments).iter().map(delta));
    let done = json!({"type": "response.function_call_arguments.done", "item_id": id, "name": item["name"], "arguments": arguments});
    events.push(done);
}

fn failure() -> Bytes {
    let error = json!({"code": "server_error", "message": "The server had an error while processing your request."});
    let mut response = response("gpt-4o", "failed", &[], &Value::Null);
    response["error"] = error;
    let event = json!({"type": "response.failed", "sequence_number": 9, "response": response});
    Bytes::from(format!("event: response.failed\ndata: {event}\n\n"))
}
