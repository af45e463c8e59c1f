//! The stand-ins are as strict as they have to be: a conversation that is as it should be is taken, and each of its corruptions is not.

mod models;

use serde_json::{Value, json};

use super::gemini::Place;
use super::openai::house::House;
use super::{Fault, anthropic, bedrock, cohere, gemini, openai, responses};

/// What is done to a good body.
enum Do {
    /// Something stands there instead; a field that was not there is added.
    Set(Value),
    /// It is gone.
    Drop,
}
use Do::{Drop, Set};

/// Every corruption is refused, with a word about it.
fn are_refused(check: impl Fn(&Value) -> Result<(), Fault>, good: &Value, bad: Vec<(&str, Do, &str)>) {
    check(good).unwrap_or_else(|fault| panic!("a good one is refused: {fault}"));
    for (pointer, what, word) in bad {
        let mut body = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} is there"));
        match (parent, what) {
            (Value::Array(items), Drop) => drop(items.remove(name.parse().unwrap())),
            (Value::Array(items), Set(value)) => items[name.parse::<usize>().unwrap()] = value,
            (parent, Drop) => drop(parent.as_object_mut().unwrap().remove(name)),
            (parent, Set(value)) => drop(parent.as_object_mut().unwrap().insert(name.to_owned(), value)),
        }
        let refused = check(&body).expect_err(pointer).0;
        assert!(refused.contains(word), "{pointer}: {word:?} is not in {refused:?}");
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false})
}

/// Bytes that begin as a PNG does, in base64.
const PNG: &str = "iVBORw0KGgr7/w==";

#[test]
fn openai_s_chat_is_strict() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "21"});
    let image = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}});
    let good = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true}, "parallel_tool_calls": true,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema(), "strict": true}}],
        "messages": [
            {"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}, image]},
            {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]}, result("a"), result("b"),
        ],
    });
    let bad = vec![
        ("/max_output_tokens", Set(json!(5)), "unknown field"),
        ("/stream", Set(json!(false)), "only allowed when 'stream'"),
        ("/tools", Drop, "only allowed when 'tools'"),
        ("/temperature", Set(json!(3)), "temperature"),
        ("/tools/0/function/name", Set(json!("a b")), "not allowed"),
        ("/tools/0/function/parameters/additionalProperties", Drop, "additionalProperties"),
        ("/tools/0/function/parameters/type", Set(json!("OBJECT")), "OBJECT"),
        ("/messages/1/content/1/image_url/url", Set(json!("data:image/png;base64,iVBORw0KGgr7_w==")), "base64"),
        ("/messages/1/content/1/image_url/url", Set(json!("data:image/png;base64,AAAA")), "no image/png"),
        ("/messages/2/tool_calls/0/function/arguments", Set(json!({})), "not a string"),
        ("/messages/2/tool_calls/0/id", Set(json!("b")), "twice"),
        ("/messages/2/reasoning_content", Set(json!("x")), "unknown field"),
        ("/messages/2/tool_calls/0/id", Set(json!("a".repeat(41))), "maximum length 40"),
        ("/user", Set(json!("u".repeat(65))), "maximum length 64"),
        ("/reasoning_effort", Set(json!("low")), "Unrecognized request argument"),
        ("/response_format", Set(json!({"type": "json_object"})), "the word 'json'"),
        ("/messages/3", Drop, "have no result"),
        ("/messages/3/tool_call_id", Set(json!("c")), "no call with the id"),
    ];
    are_refused(|body| openai::check::check(body, "gpt-4o", House::OpenAi).map(drop), &good, bad);
}

#[test]
fn openai_s_responses_are_strict() {
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let output = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "21"});
    let good = json!({
        "model": "m", "instructions": "s", "stream": true,
        "tools": [{"type": "function", "name": "f", "parameters": schema()}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": schema(), "strict": true}},
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "t"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "t"}]}, call("a"), call("b"), output("b"), output("a"),
        ],
    });
    let bad = vec![
        ("/max_tokens", Set(json!(5)), "unknown field"),
        ("/stream_options", Set(json!({"include_usage": true})), "unknown field"),
        ("/tools/0/parameters/additionalProperties", Drop, "additionalProperties"),
        ("/text/format/name", Drop, "required"),
        ("/input/0/content/0/type", Set(json!("text")), "not one of"),
        ("/input/1/content/0/type", Set(json!("input_text")), "not one of"),
        ("/input/4", Drop, "have no result"),
        ("/input/4/call_id", Set(json!("c")), "no call with the id"),
        ("/input/2/id", Set(json!("call_1")), "begin with 'fc'"),
        ("/input/2/call_id", Set(json!("a".repeat(65))), "longer than 64"),
        ("/max_output_tokens", Set(json!(15)), "max_output_tokens"),
        ("/input/1", Set(json!({"type": "reasoning", "id": "rs_2", "summary": []})), "not found"),
        (
            "/input/1",
            Set(json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"})),
            "verified",
        ),
    ];
    are_refused(|body| responses::check::check(body).map(drop), &good, bad);
}

#[test]
fn anthropic_s_messages_are_strict() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "21"});
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let good = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 5, "system": "s", "tools": [{"name": "f", "input_schema": schema()}], "tool_choice": {"type": "auto"},
        "output_config": {"format": {"type": "json_schema", "schema": schema()}},
        "messages": [
            {"role": "user", "content": [image, {"type": "text", "text": "t"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "t"}, call("a"), call("b")]},
            {"role": "user", "content": [result("a"), result("b"), {"type": "text", "text": "t"}]},
        ],
    });
    let bad = vec![
        ("/stop", Set(json!(["x"])), "unknown field"),
        ("/max_tokens", Drop, "required"),
        ("/temperature", Set(json!(1.5)), "temperature"),
        ("/tools", Drop, "while providing tools"),
        ("/tools/0/input_schema/type", Set(json!("OBJECT")), "OBJECT"),
        ("/output_config/format/schema/additionalProperties", Drop, "additionalProperties"),
        ("/messages/0", Drop, "alternate"),
        ("/messages/0/content/1/text", Set(json!(" ")), "blank"),
        ("/messages/0/content/0/source/media_type", Set(json!("image/bmp")), "not supported"),
        ("/messages/1/content/1/id", Set(json!("a.b")), "not allowed"),
        ("/messages/1/content/1/input", Set(json!("{}")), "not an object"),
        ("/messages/2/content/0", Drop, "have no result"),
        ("/messages/2/content/1", Set(json!({"type": "text", "text": "t"})), "have no result"),
        ("/messages/2", Drop, "prefilled"),
    ];
    are_refused(|body| anthropic::check::check(body).map(drop), &good, bad);
}

#[test]
fn gemini_is_strict_and_vertex_knows_no_ids() {
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let mut first = call.clone();
    first["thoughtSignature"] = json!("Ep4CCpsCAb4-9vt_IHNpZ25hdHVyZQ==");
    let result = json!({"functionResponse": {"name": "f", "response": {"result": "21"}}});
    let own = json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}}});
    let good = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": own}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema()},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mime_type": "image/png", "data": PNG}}, {"text": "t"}]},
            {"role": "model", "parts": [first, call]}, {"role": "user", "parts": [result, result]},
        ],
    });
    let bad = || {
        vec![
            (
                "/generationConfig/thinkingConfig",
                Set(json!({"thinkingLevel": "MEDIUM"})),
                "level MEDIUM is not supported",
            ),
            ("/generationConfig/topK", Set(json!(65)), "topK"),
            ("/model", Set(json!("m")), "unknown field"),
            ("/generationConfig/maxTokens", Set(json!(5)), "unknown field"),
            ("/generationConfig/responseMimeType", Drop, "responseMimeType"),
            ("/tools/0/functionDeclarations/0/parameters/additionalProperties", Set(json!(false)), "unknown field"),
            ("/tools/0/functionDeclarations/0/parameters/properties", Set(json!({})), "non-empty"),
            ("/contents/0/role", Set(json!("assistant")), "not one of"),
            ("/contents/1", Drop, "alternate"),
            ("/contents/1/parts/0/thoughtSignature", Drop, "thought_signature"),
            ("/contents/1/parts/0/thoughtSignature", Set(json!("AAAA")), "not valid"),
            ("/contents/2/parts/0", Drop, "number of function response parts"),
            ("/contents/2/parts/0", Set(json!({"text": "t"})), "number of function response parts"),
            ("/contents/2/parts/0/functionResponse/name", Set(json!("g")), "was called"),
            ("/contents/2/parts/0/functionResponse/response", Set(json!("21")), "not an object"),
        ]
    };
    are_refused(
        |body| gemini::check::check(body, "gemini-3-pro-preview", false, Place::Studio).map(drop),
        &good,
        bad(),
    );
    let mut also_bad = bad();
    also_bad.push(("/contents/1/parts/0/functionCall/id", Set(json!("a")), "unknown field"));
    also_bad.push(("/contents/0/role", Drop, "required"));
    are_refused(
        |body| gemini::check::check(body, "gemini-3-pro-preview", false, Place::Vertex).map(drop),
        &good,
        also_bad,
    );
}

#[test]
fn bedrock_s_converse_is_strict() {
    let call = |id: &str| json!({"toolUse": {"toolUseId": id, "name": "f", "input": {}}});
    let result = |id: &str| json!({"toolResult": {"toolUseId": id, "content": [{"text": "21"}]}});
    let good = json!({
        "system": [{"text": "s"}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": schema()}}}]},
        "messages": [
            {"role": "user", "content": [{"text": "t"}, {"image": {"format": "png", "source": {"bytes": PNG}}}]},
            {"role": "assistant", "content": [call("a"), call("b")]}, {"role": "user", "content": [result("a"), result("b")]},
        ],
    });
    let bad = vec![
        ("/modelId", Set(json!("m")), "unknown field"),
        ("/toolConfig", Drop, "toolConfig field must be defined"),
        ("/toolConfig/tools/0/toolSpec/description", Set(json!("")), "blank"),
        ("/toolConfig/tools/0/toolSpec/inputSchema", Set(schema()), "unknown field"),
        ("/messages/0", Drop, "alternate"),
        ("/messages/0/content/0/text", Set(json!("")), "blank"),
        ("/messages/0/content/0/type", Set(json!("text")), "unknown field"),
        ("/messages/0/content/1/image/format", Set(json!("image/png")), "not one of"),
        ("/messages/1/content/0/toolUse/toolUseId", Set(json!("a".repeat(65))), "not allowed"),
        ("/messages/2/content/0", Drop, "have no result"),
        ("/messages/2", Drop, "end with a user message"),
        ("/outputConfig", Set(json!({"effort": "low"})), "structured outputs or effort"),
        ("/additionalModelRequestFields", Set(json!({"thinking": {}})), "unknown field"),
    ];
    are_refused(|body| bedrock::check::check(body, "amazon.nova-lite-v1%3A0", false).map(drop), &good, bad);
}

#[test]
fn cohere_s_chat_is_strict() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": [{"type": "text", "text": "21"}]});
    let good = json!({
        "model": "m", "stream": false, "tools": [{"type": "function", "function": {"name": "f", "parameters": schema()}}],
        "messages": [
            {"role": "system", "content": "s"}, {"role": "user", "content": "t"},
            {"role": "assistant", "tool_plan": "p", "tool_calls": [call("a"), call("b")]}, result("a"), result("b"),
        ],
    });
    let bad = vec![
        ("/top_p", Set(json!(0.5)), "unknown field"),
        ("/stream", Drop, "required"),
        ("/tools/0/function/parameters", Drop, "required"),
        ("/tool_choice", Set(json!("auto")), "not one of"),
        ("/response_format", Set(json!({"type": "json_object", "json_schema": schema()})), "not supported with tools"),
        ("/k", Set(json!(501)), "not an integer"),
        ("/p", Set(json!(1.0)), "not a number"),
        ("/thinking", Set(json!({"type": "enabled"})), "not supported by the model"),
        ("/messages/1/content", Set(json!("")), "blank"),
        ("/messages/2/tool_calls", Drop, "either content or tool_calls"),
        ("/messages/3", Drop, "have no result"),
        ("/messages/3/name", Set(json!("f")), "unknown field"),
    ];
    are_refused(|body| cohere::check::check(body).map(drop), &good, bad);
}
