//! Clients, as far as they put what they got into the next request.

use serde_json::{Map, Value, json};

use crate::protocol::Dialect;
use crate::upstream::event_stream::Decoder;

/// A whole answer, as it is sent back: messages, items, or contents.
pub(super) fn whole(dialect: Dialect, answer: &[u8]) -> Vec<Value> {
    let mut answer: Value = serde_json::from_slice(answer).unwrap();
    let pointer = match dialect {
        Dialect::Chat => "/choices/0/message",
        Dialect::Responses => "/output",
        Dialect::Anthropic => return vec![json!({"role": "assistant", "content": answer["content"].take()})],
        Dialect::Gemini => "/candidates/0/content",
        Dialect::Bedrock => "/output/message",
        Dialect::Cohere => "/message",
    };
    match answer.pointer_mut(pointer).map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(message) => vec![message],
        None => Vec::new(),
    }
}

/// The same of a stream's events.
pub(super) fn streamed(dialect: Dialect, stream: &[u8]) -> Vec<Value> {
    let events = events(dialect, stream);
    match dialect {
        Dialect::Chat => vec![chat(&events)],
        Dialect::Responses => {
            let last = events.last().unwrap();
            last["response"]["output"].as_array().unwrap().clone()
        }
        Dialect::Anthropic => vec![json!({"role": "assistant", "content": blocks(&events)})],
        // Each with its content, as Google's own client keeps them.
        Dialect::Gemini => events.iter().filter_map(|event| event.pointer("/candidates/0/content")).cloned().collect(),
        Dialect::Bedrock => vec![json!({"role": "assistant", "content": amazons(&events)})],
        Dialect::Cohere => vec![coheres(&events)],
    }
}

fn events(dialect: Dialect, stream: &[u8]) -> Vec<Value> {
    if dialect == Dialect::Bedrock {
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        decoder.push(stream);
        while let Ok(Some(frame)) = decoder.next_frame() {
            events.push(serde_json::from_slice(frame.payload()).unwrap());
        }
        return events;
    }
    let lines = std::str::from_utf8(stream).unwrap().lines();
    let data = lines.filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// Adds a text to a member.
fn add(object: &mut Value, name: &str, more: &Value) {
    let Some(more) = more.as_str() else { return };
    let before = object[name].as_str().unwrap_or_default();
    object[name] = format!("{before}{more}").into();
}

fn chat(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant"});
    for delta in events.iter().filter_map(|event| event.pointer("/choices/0/delta")) {
        for name in ["content", "reasoning_content", "refusal"] {
            add(&mut message, name, &delta[name]);
        }
        for name in ["reasoning_details", "tool_calls"] {
            for item in delta[name].as_array().into_iter().flatten() {
                let list = message.as_object_mut().unwrap().entry(name).or_insert_with(|| json!([]));
                let list = list.as_array_mut().unwrap();
                let index = item["index"].as_u64().unwrap() as usize;
                match list.get_mut(index) {
                    None => {
                        let mut item = item.clone();
                        if name == "tool_calls" {
                            item.as_object_mut().unwrap().remove("index");
                        }
                        list.push(item);
                    }
                    Some(known) if name == "tool_calls" => {
                        add(&mut known["function"], "arguments", &item["function"]["arguments"]);
                    }
                    Some(known) => {
                        add(known, "text", &item["text"]);
                        add(known, "signature", &item["signature"]);
                    }
                }
            }
        }
    }
    message
}

fn blocks(events: &[Value]) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    for event in events {
        let delta = &event["delta"];
        match event["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let block = blocks.last_mut().unwrap();
                for name in ["text", "thinking", "signature"] {
                    add(block, name, &delta[name]);
                }
                input.push_str(delta["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" if !input.is_empty() => {
                blocks.last_mut().unwrap()["input"] = serde_json::from_str(&std::mem::take(&mut input)).unwrap();
            }
            _ => {}
        }
    }
    blocks
}

fn amazons(events: &[Value]) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    for event in events {
        let Some(index) = event["contentBlockIndex"].as_u64() else { continue };
        if blocks.len() <= index as usize {
            blocks.push(event["start"].as_object().cloned().unwrap_or_default().into());
        }
        let block = blocks.last_mut().unwrap();
        let delta = &event["delta"];
        let reasoning = &delta["reasoningContent"];
        if reasoning["redactedContent"].is_string() {
            block["reasoningContent"] = reasoning.clone();
        } else if reasoning.is_object() {
            let mut text = block["reasoningContent"]["reasoningText"].take();
            add(&mut text, "text", &reasoning["text"]);
            add(&mut text, "signature", &reasoning["signature"]);
            block["reasoningContent"] = json!({"reasoningText": text});
        }
        add(block, "text", &delta["text"]);
        input.push_str(delta["toolUse"]["input"].as_str().unwrap_or_default());
        if event.get("delta").is_none() && event.get("start").is_none() && !input.is_empty() {
            block["toolUse"]["input"] = serde_json::from_str(&std::mem::take(&mut input)).unwrap();
        }
        if block["text"].is_null() {
            block.as_object_mut().unwrap().remove("text");
        }
    }
    blocks
}

fn coheres(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": [], "tool_calls": []});
    for event in events {
        let said = &event["delta"]["message"];
        match event["type"].as_str().unwrap() {
            "content-start" => message["content"].as_array_mut().unwrap().push(said["content"].clone()),
            "content-delta" => {
                let item = message["content"].as_array_mut().unwrap().last_mut().unwrap();
                add(item, "text", &said["content"]["text"]);
                add(item, "thinking", &said["content"]["thinking"]);
            }
            "tool-call-start" => message["tool_calls"].as_array_mut().unwrap().push(said["tool_calls"].clone()),
            _ => {}
        }
    }
    message
}

/// The next request: what was said, and a result for every call.
pub(super) fn history(dialect: Dialect, mut turn: Vec<Value>) -> Value {
    let name = match dialect {
        Dialect::Responses => "input",
        Dialect::Gemini => "contents",
        Dialect::Chat | Dialect::Anthropic | Dialect::Bedrock | Dialect::Cohere => "messages",
    };
    let calls = ids(dialect, &json!({name: turn}));
    turn.insert(0, json!({"role": "user", "content": "a", "x": [1.0, {}]}));
    match dialect {
        Dialect::Chat | Dialect::Cohere => {
            turn.extend(calls.iter().map(|id| json!({"role": "tool", "tool_call_id": id, "content": "c"})));
        }
        Dialect::Responses => {
            turn.extend(calls.iter().map(|id| json!({"type": "function_call_output", "call_id": id, "output": "c"})))
        }
        Dialect::Anthropic => {
            let results = calls.iter().map(|id| json!({"type": "tool_result", "tool_use_id": id, "content": "c"}));
            turn.push(json!({"role": "user", "content": results.collect::<Vec<_>>()}));
        }
        Dialect::Gemini => {
            let results = calls.iter().map(|id| json!({"functionResponse": {"id": id, "name": "f", "response": {}}}));
            turn.push(json!({"role": "user", "parts": results.collect::<Vec<_>>()}));
        }
        Dialect::Bedrock => {
            let results = calls.iter().map(|id| json!({"toolResult": {"toolUseId": id, "content": [{"text": "c"}]}}));
            turn.push(json!({"role": "user", "content": results.collect::<Vec<_>>()}));
        }
    }
    json!({name: turn})
}

/// The ids of calls, and behind them those of results, as they stand in a request.
pub(super) fn ids(dialect: Dialect, body: &Value) -> Vec<String> {
    let names = match dialect {
        Dialect::Chat | Dialect::Cohere => ["id", "tool_call_id"],
        Dialect::Anthropic => ["id", "tool_use_id"],
        Dialect::Responses => ["call_id", "call_id"],
        Dialect::Gemini => ["id", "id"],
        Dialect::Bedrock => ["toolUseId", "toolUseId"],
    };
    let is_calls = |object: &Map<String, Value>| object.get("type").is_some() || object.contains_key("name");
    let objects = super::objects(body);
    let found = objects.into_iter().filter(|object| {
        dialect != Dialect::Responses || object.get("type").is_some_and(|kind| kind != "reasoning" && kind != "message")
    });
    let mut ids = Vec::new();
    for object in found {
        let name = if is_calls(object) && object.contains_key(names[0]) { names[0] } else { names[1] };
        ids.extend(object.get(name).and_then(Value::as_str).map(str::to_owned));
    }
    ids
}

/// All that is said in texts.
pub(super) fn texts(body: &Value) -> String {
    let objects = super::objects(body);
    let texts = objects.iter().flat_map(|object| ["text", "content", "tool_plan"].map(|name| object.get(name)));
    texts.flatten().filter_map(Value::as_str).collect()
}
