//! What single models and houses refuse beyond their format.

use serde_json::{Value, json};

use super::Do::{Drop, Set};
use super::{are_refused, schema};
use crate::standin::gemini::Place;
use crate::standin::openai::house::House;
use crate::standin::{Fault, anthropic, bedrock, claude, cohere, gemini, openai, responses};

fn claude(model: &str) -> Value {
    let thought = json!({"type": "thinking", "thinking": "", "signature": claude::AT_BEDROCK});
    let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
    json!({
        "model": model, "max_tokens": 2048, "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "f", "input_schema": schema()}],
        "messages": [
            {"role": "user", "content": "t"}, {"role": "assistant", "content": [thought, call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "21"}]},
        ],
    })
}

#[test]
fn a_claude_that_thinks_wants_its_thoughts_back_and_no_sampling() {
    let check = |body: &Value| anthropic::check::check(body).map(drop);
    let bad = vec![
        ("/thinking/budget_tokens", Set(json!(1023)), "budget_tokens"),
        ("/thinking/budget_tokens", Set(json!(2048)), "must be greater"),
        ("/thinking", Set(json!({"type": "adaptive"})), "not supported on this model"),
        ("/output_config", Set(json!({"effort": "low"})), "effort parameter"),
        ("/max_tokens", Set(json!(64_001)), "max_tokens"),
        ("/temperature", Set(json!(0.5)), "set to 1"),
        ("/top_k", Set(json!(5)), "must be unset"),
        ("/top_p", Set(json!(0.9)), "0.95"),
        ("/tool_choice", Set(json!({"type": "any"})), "forces tool use"),
        ("/messages/1/content/0", Drop, "must start with a thinking block"),
        ("/messages/1/content/0/signature", Set(json!("a2V5cGxhbmUt")), "signature"),
        ("/messages/1/content/0/signature", Set(json!("")), "signature"),
        ("/messages/1/content/0/thinking", Set(json!("x")), "cannot be modified"),
        ("/messages/1/content/0", Set(json!({"type": "redacted_thinking", "data": "x"})), "Invalid `data`"),
        ("/messages/0/content", Set(json!([{"type": "text", "text": ""}])), "blank"),
    ];
    are_refused(check, &claude("claude-sonnet-4-5"), bad);
    let mut sampled = claude("claude-sonnet-4-5");
    (sampled["thinking"], sampled["temperature"]) = (json!({"type": "disabled"}), json!(0.5));
    are_refused(check, &sampled, vec![("/top_p", Set(json!(0.5)), "cannot both be specified")]);
    let mut newest = claude("claude-opus-4-8");
    newest["thinking"] = json!({"type": "adaptive"});
    newest["messages"][1]["content"].as_array_mut().unwrap().remove(0);
    let bad = || {
        vec![
            ("/thinking", Set(json!({"type": "enabled", "budget_tokens": 1024})), "is not supported for this model"),
            ("/temperature", Set(json!(1)), "deprecated"),
        ]
    };
    are_refused(check, &newest, bad());
    newest["model"] = json!("claude-opus-5-5");
    let mut always = bad();
    always.push(("/thinking", Set(json!({"type": "disabled"})), "can't be disabled"));
    are_refused(check, &newest, always);
    let mut old = claude("claude-3-5-haiku-latest");
    old.as_object_mut().unwrap().remove("thinking");
    let format = json!({"format": {"type": "json_schema", "schema": schema()}});
    are_refused(check, &old, vec![("/output_config", Set(format), "not supported on this model")]);
    let mut ending = claude("claude-sonnet-4-5");
    ending["messages"] = json!([{"role": "user", "content": "t"}, {"role": "assistant", "content": "said "}]);
    assert!(check(&ending).unwrap_err().0.contains("trailing whitespace"));
}

#[test]
fn a_claude_at_bedrock_is_as_strict() {
    let text = json!({"reasoningText": {"text": "", "signature": claude::AT_ANTHROPIC}});
    let good = json!({
        "inferenceConfig": {"maxTokens": 2048}, "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": schema()}}}]},
        "messages": [
            {"role": "user", "content": [{"text": "t"}]},
            {"role": "assistant", "content": [{"reasoningContent": text}, {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "21"}]}}]},
        ],
    });
    let bad = vec![
        ("/inferenceConfig/maxTokens", Set(json!(1024)), "must be greater"),
        ("/inferenceConfig/temperature", Set(json!(0.5)), "set to 1"),
        ("/additionalModelRequestFields/top_k", Set(json!(5)), "must be unset"),
        ("/additionalModelRequestFields/seed", Set(json!(5)), "unknown field"),
        ("/toolConfig/toolChoice", Set(json!({"any": {}})), "forces tool use"),
        ("/messages/1/content/0", Drop, "must start with a thinking block"),
        ("/messages/1/content/0/reasoningContent/reasoningText/signature", Set(json!("x")), "signature"),
    ];
    let check = |body: &Value| bedrock::check::check(body, "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0", false);
    are_refused(|body| check(body).map(drop), &good, bad);
}

#[test]
fn a_model_of_openai_that_reasons_takes_no_sampling_and_may_refuse_functions() {
    let check = |model: &'static str| move |body: &Value| openai::check::check(body, model, House::OpenAi).map(drop);
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": schema()}}]);
    let good = json!({"model": "m", "tools": tools, "messages": [{"role": "user", "content": "t"}]});
    let bad = || {
        vec![
            ("/temperature", Set(json!(0.5)), "not supported with this model"),
            ("/max_tokens", Set(json!(5)), "max_completion_tokens"),
            ("/stop", Set(json!("x")), "not supported with this model"),
            ("/reasoning_effort", Set(json!("xhigh")), "not one of"),
        ]
    };
    are_refused(check("gpt-5-mini"), &good, bad());
    let late = "Function tools with reasoning_effort are not supported";
    are_refused(check("gpt-5.4"), &good, vec![("/reasoning_effort", Set(json!("low")), late)]);
    let mut told = good;
    told["reasoning_effort"] = json!("none");
    are_refused(
        check("gpt-5.6"),
        &told,
        vec![("/reasoning_effort", Drop, late), ("/reasoning_effort", Set(json!("low")), late)],
    );
    let good = json!({"model": "gpt-5.2", "input": "t", "reasoning": {"effort": "high"}});
    let bad = vec![
        ("/top_p", Set(json!(0.5)), "not supported with this model"),
        ("/reasoning/effort", Set(json!("minimal")), "not one of"),
        ("/model", Set(json!("gpt-4o")), "not supported with this model"),
    ];
    are_refused(|body| responses::check::check(body).map(drop), &good, bad);
}

#[test]
fn houses_like_openai_s_have_rules_of_their_own() {
    let check = |house: House| move |body: &Value| openai::check::check(body, "m", house).map(drop);
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let good = json!({
        "model": "m", "tools": [{"type": "function", "function": {"name": "f", "parameters": schema()}}],
        "messages": [
            {"role": "user", "content": "t"},
            {"role": "assistant", "content": "", "tool_calls": [call("abcdefgh1")]},
            {"role": "tool", "tool_call_id": "abcdefgh1", "content": "21"},
        ],
    });
    let bad = || {
        vec![
            ("/user", Set(json!("u")), "unknown field"),
            ("/seed", Set(json!(1)), "unknown field"),
            ("/stream_options", Set(json!({})), "unknown field"),
            ("/messages/0/name", Set(json!("n")), "unknown field"),
            ("/messages/0/role", Set(json!("developer")), "not one of"),
            ("/messages/1/reasoning_content", Set(json!("x")), "unknown field"),
            ("/messages/1/tool_calls/0/id", Set(json!("call_1")), "length of 9"),
        ]
    };
    are_refused(check(House::Mistral), &good, bad());
    let mut followed = good.clone();
    followed["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": "t"}));
    assert!(check(House::Mistral)(&followed).unwrap_err().0.contains("Unexpected role 'user' after role 'tool'"));
    let bad = vec![
        ("/messages/1/reasoning_content", Set(json!("x")), "unknown field"),
        ("/messages/1/annotations", Set(json!([])), "unknown field"),
        ("/response_format", Set(json!({"type": "json_object"})), "cannot be combined"),
        ("/store", Set(json!(false)), "unknown field"),
    ];
    are_refused(check(House::Groq), &good, bad);
    let mut thought = good;
    thought["messages"][1]["reasoning_content"] = json!("x");
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema()}});
    let bad = vec![
        ("/messages/1/reasoning_content", Drop, "must be passed back"),
        ("/response_format", Set(format), "unavailable now"),
        ("/tool_choice", Set(json!("required")), "does not support this tool_choice"),
    ];
    are_refused(check(House::DeepSeek), &thought, bad);
}

#[test]
fn geminis_differ_in_their_budgets_and_in_what_they_want_back() {
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let good = json!({
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema()}]}],
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 128}},
        "contents": [
            {"role": "user", "parts": [{"text": "t"}]}, {"role": "model", "parts": [call]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
        ],
    });
    let bad = vec![
        ("/generationConfig/thinkingConfig/thinkingBudget", Set(json!(127)), "is invalid"),
        ("/generationConfig/thinkingConfig/thinkingBudget", Set(json!(0)), "only works in thinking mode"),
        ("/generationConfig/thinkingConfig/thinkingBudget", Set(json!(32_769)), "is invalid"),
        ("/generationConfig/thinkingConfig/thinkingLevel", Set(json!("LOW")), "only one of"),
        ("/generationConfig/thinkingConfig", Set(json!({"thinkingLevel": "LOW"})), "level is not supported"),
        ("/generationConfig/responseMimeType", Set(json!("application/json")), "is unsupported"),
    ];
    let check =
        |model: &'static str| move |body: &Value| gemini::check::check(body, model, false, Place::Studio).map(drop);
    are_refused(check("gemini-2.5-pro"), &good, bad);
    let refused: Result<(), Fault> = check("gemini-3-pro-preview")(&good);
    assert!(refused.unwrap_err().0.contains("missing a thought_signature"));
    // What was called before the user's last word needs none.
    let mut over = good.clone();
    let said = [json!({"role": "model", "parts": [{"text": "t"}]}), json!({"role": "user", "parts": [{"text": "t"}]})];
    over["contents"].as_array_mut().unwrap().extend(said);
    check("gemini-3-pro-preview")(&over).unwrap();
    let bad = vec![("/generationConfig/thinkingConfig/thinkingBudget", Set(json!(24_577)), "is invalid")];
    are_refused(check("gemini-2.5-flash"), &good, bad);
    let refused = check("gemini-2.0-flash")(&good);
    assert!(refused.unwrap_err().0.contains("Thinking is not enabled"));
}

#[test]
fn cohere_s_models_that_think_take_a_budget() {
    let good = json!({
        "model": "command-a-reasoning-08-2025", "stream": false, "thinking": {"type": "enabled", "token_budget": 1024},
        "messages": [{"role": "user", "content": "t"}],
    });
    let bad = vec![
        ("/thinking/token_budget", Set(json!(0)), "not an integer"),
        ("/thinking/type", Set(json!("adaptive")), "not one of"),
        ("/stop_sequences", Set(json!(["a", "b", "c", "d", "e", "f"])), "more than five"),
        ("/model", Set(json!("command-a-03-2025")), "not supported by the model"),
    ];
    are_refused(|body| cohere::check::check(body).map(drop), &good, bad);
}
