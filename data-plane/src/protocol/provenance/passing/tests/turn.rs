//! Whether Claude is told to think on where what was thought went.

use super::*;

const ENABLED: &str = r#"{"type":"enabled","budget_tokens":1024}"#;
const OFF: &str = r#"{"type":"disabled"}"#;

/// What may stand in a conversation, in a letter each.
fn message(dialect: Dialect, letter: char) -> &'static str {
    let is_anthropic = dialect == Dialect::Anthropic;
    match letter {
        // Said by the user, by a tool, and by both.
        'u' if is_anthropic => r#"{"role":"user","content":"a"}"#,
        'u' => r#"{"role":"user","content":[{"text":"a"}]}"#,
        'r' if is_anthropic => r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"c"}]}"#,
        'r' => r#"{"role":"user","content":[{"toolResult":{"toolUseId":"c","content":[{"text":"a"}]}}]}"#,
        'b' if is_anthropic => {
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"c"},{"type":"text","text":"a"}]}"#
        }
        'b' => r#"{"role":"user","content":[{"toolResult":{"toolUseId":"c","content":[]}},{"text":"a"}]}"#,
        // Calls that others thought of, that Claude did, and that nobody did; and words that others thought of.
        'm' if is_anthropic => {
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"M"},{"type":"tool_use","id":"c"}]}"#
        }
        'm' => {
            r#"{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"t","signature":"M"}}},{"toolUse":{"toolUseId":"c"}}]}"#
        }
        'k' if is_anthropic => {
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"c"}]}"#
        }
        'k' => {
            r#"{"role":"assistant","content":[{"reasoningContent":{"redactedContent":"s"}},{"toolUse":{"toolUseId":"c"}}]}"#
        }
        'n' if is_anthropic => r#"{"role":"assistant","content":[{"type":"tool_use","id":"c"}]}"#,
        'n' => r#"{"role":"assistant","content":[{"toolUse":{"toolUseId":"c"}}]}"#,
        'w' if is_anthropic => {
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"M"},{"type":"text","text":"a"}]}"#
        }
        _ => r#"{"role":"assistant","content":[{"reasoningContent":{"redactedContent":"M"}},{"text":"a"}]}"#,
    }
}

/// What becomes of how the model is asked to think before these messages.
fn asked_to_think(dialect: Dialect, letters: &str, thinking: &str) -> serde_json::Value {
    let messages: Vec<_> = letters.chars().map(|letter| message(dialect, letter)).collect();
    let asks = match dialect {
        Dialect::Anthropic => format!("\"thinking\" : {thinking}"),
        _ => format!("\"additionalModelRequestFields\" : {{ \"top_k\":1, \"thinking\" : {thinking} }}"),
    };
    let body = format!("{{{asks} ,\"messages\":[{}]}}", messages.join(","));
    let mut modes = marks().map(|mark| {
        let body = body.replace("\"M\"", &format!("\"{mark}\""));
        let once = passed(&body, dialect, &UNKNOWN);
        assert_eq!(passed(&once, dialect, &UNKNOWN), once, "twice");
        let changes = edits(body.as_bytes(), dialect, &UNKNOWN);
        let field = if dialect == Dialect::Anthropic { "thinking" } else { "additionalModelRequestFields.thinking" };
        let turned_off = thinking_turned_off(body.as_bytes(), &changes, dialect);
        assert_eq!(turned_off.first().map(String::as_str), once.contains(OFF).then_some(field), "{once}");
        let value: serde_json::Value = serde_json::from_str(&once).unwrap();
        let pointer = ["/thinking", "/additionalModelRequestFields/thinking"];
        pointer.iter().find_map(|pointer| value.pointer(pointer)).unwrap().clone()
    });
    assert_eq!(modes[0], modes[1]);
    modes[0].take()
}

#[test]
fn a_turn_that_goes_on_without_its_thinking_goes_on_without_any() {
    for dialect in [Dialect::Anthropic, Dialect::Bedrock] {
        for (letters, expected) in [
            ("umr", OFF),
            // The second step, whose own call was made without a thought, and was not thought of by others.
            ("umrnr", OFF),
            ("umrnrnr", OFF),
            // What the user says beside a result ends no turn.
            ("umb", OFF),
            ("umbnr", OFF),
            ("umrw", OFF),
            ("uw", OFF),
            // The user's next word begins a turn.
            ("umrwu", ENABLED),
            ("uwu", ENABLED),
            ("uwukr", ENABLED),
            ("umrnrwukrnr", ENABLED),
            ("uwukbnr", ENABLED),
            // It holds nothing that was written for the caller: whatever is wrong with it is theirs.
            ("unr", ENABLED),
        ] {
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(asked_to_think(dialect, letters, ENABLED), expected, "{dialect:?} {letters}");
        }
        let adaptive = r#"{"type":"adaptive"}"#;
        assert_eq!(asked_to_think(dialect, "umr", adaptive)["type"], "adaptive");
    }
}

#[test]
fn amazons_callers_turn_it_off_by_its_older_name_and_where_tokens_are_counted() {
    let body = |thinking: &str, thought: &str| {
        let messages = format!(
            r#"[{{"role":"assistant","content":[{thought}{{"toolUse":{{"toolUseId":"c"}}}}]}},{}]"#,
            message(Dialect::Bedrock, 'r')
        );
        [
            format!(r#"{{"messages":{messages},"additionalModelRequestFields":{{"reasoning_config":{thinking}}}}}"#),
            format!(
                r#"{{"input":{{"converse":{{"additionalModelRequestFields":{{"thinking":{thinking}}},"messages":{messages}}}}}}}"#
            ),
        ]
    };
    let given = body(ENABLED, r#"{"reasoningContent":{"redactedContent":"M"}}, "#);
    let fields =
        ["additionalModelRequestFields.reasoning_config", "input.converse.additionalModelRequestFields.thinking"];
    for ((given, expected), field) in given.iter().zip(&body(OFF, "")).zip(fields) {
        let given = &given.replace("\"M\"", "\"a2V5cGxhbmUtYXM6cw==\"");
        assert_passes(Dialect::Bedrock, &UNKNOWN, given, expected);
        let changes = edits(given.as_bytes(), Dialect::Bedrock, &UNKNOWN);
        assert_eq!(thinking_turned_off(given.as_bytes(), &changes, Dialect::Bedrock), [field]);
    }
}
