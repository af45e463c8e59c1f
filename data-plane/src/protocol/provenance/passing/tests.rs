use super::super::{Kind, mark, unmarked, unsigned};
use super::*;
use crate::exchange::manner::UNKNOWN;
use crate::exchange::text::Text;

mod back;
mod cuts;
mod turn;

/// What another family signed, and what nobody did.
fn marks() -> [String; 2] {
    let mut signed = Text::from("s");
    mark(&mut signed, Kind::Signed, Dialect::Responses, Dialect::Anthropic);
    [signed.to_string(), unsigned(Dialect::Chat).to_string()]
}

fn applied(body: &str, edits: Vec<Edit>) -> String {
    let mut passed = body.to_owned();
    for (at, with) in edits.into_iter().rev() {
        passed.replace_range(at, std::str::from_utf8(&with).unwrap());
    }
    passed
}

fn passed(body: &str, dialect: Dialect, manner: &Manner) -> String {
    applied(body, edits(body.as_bytes(), dialect, manner))
}

fn of_vendor(reasoning_field: Option<&'static str>, call_ids: CallIds) -> Manner {
    Manner { reasoning_field: reasoning_field.map(Into::into), call_ids, ..UNKNOWN.clone() }
}

/// `M` stands for a mark. What is given with no mark has to pass as it is.
fn assert_passes(dialect: Dialect, manner: &Manner, body: &str, expected: &str) {
    for mark in marks() {
        let with_mark = |text: &str| text.replace("\"M\"", &format!("\"{mark}\""));
        let (body, expected) = (with_mark(body), with_mark(expected));
        let once = passed(&body, dialect, manner);
        assert_eq!(once, expected, "{dialect:?}");
        assert_eq!(passed(&once, dialect, manner), once, "twice");
    }
}

#[test]
fn reasoning_of_others_goes_and_the_rest_stays() {
    for (dialect, body, expected) in [
        (
            Dialect::Anthropic,
            r#"{"m": 1, "messages" : [{"role":"assistant", "content":[ {"type":"thinking","thinking":"t","signature":"M"}, {"type":"redacted_thinking","data":"M"} , {"type":"text","text":"M"} ]}]}"#,
            r#"{"m": 1, "messages" : [{"role":"assistant", "content":[ {"type":"text","text":"M"} ]}]}"#,
        ),
        (
            Dialect::Anthropic,
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"M"}]}, {"role":"user","content":"a"}]}"#,
            r#"{"messages":[{"role":"user","content":"a"}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[{"role":"model","parts":[{"text":"","thought":true,"thoughtSignature":"M"}]},{"role":"model","parts":[{"text":"a"}]}]}"#,
            r#"{"contents":[{"role":"model","parts":[{"text":"a"}]}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[{"parts":[{"thought_signature":"M", "text":"said, and joined by a client"}]}]}"#,
            r#"{"contents":[{"parts":[{"text":"said, and joined by a client"}]}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"generate_content_request":{"contents":[{"parts":[{"text":"t","thought":true,"thought_signature":"M"},{"text":"a"}]}]}}"#,
            r#"{"generate_content_request":{"contents":[{"parts":[{"text":"a"}]}]}}"#,
        ),
        (
            Dialect::Responses,
            r#"{"input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"M"},{"role":"user","content":"a"}]}"#,
            r#"{"input":[{"role":"user","content":"a"}]}"#,
        ),
        (
            Dialect::Bedrock,
            r#"{"messages":[{"content":[{"reasoningContent":{"reasoningText":{"text":"t","signature":"M"}}},{"reasoningContent":{"redactedContent":"M"}},{"text":"a"}]}]}"#,
            r#"{"messages":[{"content":[{"text":"a"}]}]}"#,
        ),
        (
            Dialect::Bedrock,
            r#"{"input":{"converse":{"messages":[{"content":[{"text":"a"},{"reasoningContent":{"redactedContent":"M"}}]}]}}}"#,
            r#"{"input":{"converse":{"messages":[{"content":[{"text":"a"}]}]}}}"#,
        ),
    ] {
        assert_passes(dialect, &UNKNOWN, body, expected);
    }
}

#[test]
fn amazons_users_still_alternate_with_assistants_of_whom_nothing_is_left() {
    let gone = r#"{"content":[{"reasoningContent":{"redactedContent":"M"}}], "role":"assistant"}"#;
    let (user, said) =
        (r#"{"role":"user","content":[{"text":"a"}]}"#, r#"{"role":"assistant","content":[{"text":"b"}]}"#);
    let dot = r#"{"role":"assistant","content":[{"text":"."}]}"#;
    for (given, expected) in [
        (&[user, gone, user][..], &[user, dot, user][..]),
        (&[user, gone, gone, user], &[user, dot, user]),
        (&[user, gone, user, gone, user, said, user], &[user, dot, user, dot, user, said, user]),
        // Without it, these speak in turns.
        (&[user, gone, said, user], &[user, said, user]),
        (&[user, said, gone, user], &[user, said, user]),
        (&[gone, user, gone], &[user]),
    ] {
        let body = |messages: &[&str]| format!("{{\"messages\":[{}]}}", messages.join(", "));
        assert_passes(Dialect::Bedrock, &UNKNOWN, &body(given), &body(expected));
    }
    let anthropics = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"M"}]},{"role":"user","content":"b"}]}"#;
    let joined = r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#;
    assert_passes(Dialect::Anthropic, &UNKNOWN, anthropics, joined);
}

#[test]
fn chat_shows_reasoning_of_others_to_vendors_alone_who_want_it_there() {
    let body = r#"{"messages":[{"role":"assistant", "reasoning_content":"t", "content":"a" ,"reasoning_details":[{"type":"reasoning.text","text":"t","index":0},{"type":"reasoning.text","signature":"M","index":0}]}]}"#;
    let nowhere = r#"{"messages":[{"role":"assistant", "content":"a"}]}"#;
    let back = r#"{"messages":[{"role":"assistant", "reasoning_content":"t", "content":"a"}]}"#;
    for (field, expected) in [
        (None, nowhere),
        (Some("extra_content"), nowhere),
        (Some("reasoning_details"), nowhere),
        (Some("reasoning_content"), back),
        (Some("reasoning"), back),
    ] {
        assert_passes(Dialect::Chat, &of_vendor(field, CallIds::Carried), body, expected);
    }
}

#[test]
fn ids_become_what_the_provider_takes_for_calls_and_results_alike() {
    let chat = |call: &str, extra: &str, result: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","tool_calls":[{{"id":"{call}","type":"function"{extra},"function":{{"name":"f","arguments":"{{\"id\":\"x--ts--\"}}"}}}}]}},{{"role":"tool", "tool_call_id": "{result}", "content":"c"}}]}}"#
        )
    };
    let google = r#","extra_content":{"google":{"thought_signature":"aB+/"}}"#;
    let (long, nine) = ("x".repeat(50), of_vendor(None, CallIds::Nine));
    let in_chat = |id: &str, manner| Dialect::Chat.protocol().call_id(id, manner).into_owned();
    for (manner, id, extra, plain, kept) in [
        (&UNKNOWN, "c1--ts--aB-_", google, "c1", ""),
        (&of_vendor(Some("extra_content"), CallIds::Carried), "c1--ts--aB-_", google, "c1", google),
        (&UNKNOWN, &*format!("{long}--ts--"), "", &in_chat(&long, &UNKNOWN), ""),
        (&nine, "call_1", "", &in_chat("call_1", &nine), ""),
        (&nine, "c1--ts--aB-_", google, &in_chat("c1", &nine), ""),
        (&nine, "aB3dE6gH9", google, "aB3dE6gH9", google),
    ] {
        assert_passes(Dialect::Chat, manner, &chat(id, extra, id), &chat(plain, kept, plain));
    }
    let to_google = passed(
        &chat("c1--ts--aB-_", "", "c1--ts--aB-_"),
        Dialect::Chat,
        &of_vendor(Some("extra_content"), CallIds::Carried),
    );
    assert_eq!(
        to_google,
        chat("c1", "", "c1").replacen(r#""c1""#, &format!(r#""c1"{google}"#), 1),
        "only the id had it"
    );
    for (dialect, body, expected) in [
        (
            Dialect::Anthropic,
            r#"{"messages":[{"content":[{"type":"tool_use","id":"f:0--ts--","input":{"id":"f:0--ts--"}}]},{"content":[{"type":"tool_result","tool_use_id":"f:0--ts--"}]}]}"#,
            r#"{"messages":[{"content":[{"type":"tool_use","id":"f_3a0","input":{"id":"f:0--ts--"}}]},{"content":[{"type":"tool_result","tool_use_id":"f_3a0"}]}]}"#,
        ),
        (
            Dialect::Responses,
            r#"{"input":[{"type":"function_call","call_id":"c--ts--AA.."},{"type":"function_call_output","call_id":"c--ts--AA..","output":"c--ts--AA.."}]}"#,
            r#"{"input":[{"type":"function_call","call_id":"c"},{"type":"function_call_output","call_id":"c","output":"c--ts--AA.."}]}"#,
        ),
        (
            Dialect::Bedrock,
            r#"{"messages":[{"content":[{"toolUse":{"toolUseId":"c--ts--AA","input":{"toolUseId":"c--ts--AA"}}}]},{"content":[{"toolResult":{"toolUseId":"c--ts--AA"}}]}]}"#,
            r#"{"messages":[{"content":[{"toolUse":{"toolUseId":"c","input":{"toolUseId":"c--ts--AA"}}}]},{"content":[{"toolResult":{"toolUseId":"c"}}]}]}"#,
        ),
        (
            Dialect::Cohere,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c--ts--AA"}]},{"role":"tool","tool_call_id":"c--ts--AA"}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c"}]},{"role":"tool","tool_call_id":"c"}]}"#,
        ),
    ] {
        assert_passes(dialect, &UNKNOWN, body, expected);
    }
}

#[test]
fn vertex_gets_no_ids() {
    let body = r#"{"contents":[{"parts":[{"functionCall":{"id":"c", "name":"f","args":{"id":"x"}}}]},{"parts":[{"functionResponse":{"name":"f","id":"c","response":{"id":"x"}}}]}]}"#;
    let without = r#"{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"id":"x"}}}]},{"parts":[{"functionResponse":{"name":"f","response":{"id":"x"}}}]}]}"#;
    assert_passes(Dialect::Gemini, &of_vendor(None, CallIds::Absent), body, without);
    assert_passes(Dialect::Gemini, &UNKNOWN, body, body);
}

#[test]
fn what_only_looks_like_a_mark_passes() {
    for body in [
        r#"{"messages":[{"content":[{"type":"thinking","signature":"a2V5cGxhbmUt"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"text","text":"M"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","id":"c","input":{"signature":"M","id":"a--ts--b"}}]}]}"#,
        r#"{"a":1,"thoughtSignature":"M","extra_content":{},"reasoning_details":[{"index":0}],"messages":[]}"#,
        r#"{"messages":[{"content":[]}],"M":1,"signature":"M","tools":[{"id":"a--ts--b"}]}"#,
        r#"{"messages":[{"content":["a2V5cGxhbmUt""#,
    ] {
        for dialect in Dialect::ALL {
            assert_passes(dialect, &UNKNOWN, body, body);
        }
    }
}
