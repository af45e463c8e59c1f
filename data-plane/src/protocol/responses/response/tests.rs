//! What answers read as, and what is read back from those that are written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read, write};
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Content, Image, Part, Source};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::tool::ToolCall;
use crate::exchange::usage::Usage;
use crate::protocol::{Reply, Seed};

const SEED: Seed<'_> = Seed { id: "0123456789abcdef0123456789abcdef" };
const REPLY: Reply<'_> =
    Reply { id: SEED.id, created: 1_700_000_000, model: "target", wants_usage: true, knows_one_call: false };

fn with(parts: Vec<Part<'static>>, finish: Finish<'static>) -> Response<'static> {
    Response { choices: vec![Choice { parts, finish, logprobs: None }], ..Response::default() }
}

fn written(response: &Response<'_>) -> Value {
    serde_json::from_slice(&write(response, &REPLY).unwrap()).unwrap()
}

fn call(id: &'static str, arguments: &'static str, signature: Option<&'static str>) -> Part<'static> {
    let arguments = Json::parse(arguments).unwrap();
    let signature = signature.map(Into::into);
    Part::of(Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature }))
}

#[test]
fn an_answer_is_its_items_without_those_that_are_not_known() {
    let body = br#"{"id": "resp_1", "object": "response", "model": "gpt", "status": "completed", "error": null, "incomplete_details": null,
        "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "E"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}, "arguments": {"x": 1}},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
            {"type": "output_text", "text": "see", "logprobs": [], "annotations": [
                {"type": "url_citation", "url": "https://h", "title": "t", "start_index": 0, "end_index": 3},
                {"type": "file_citation", "file_id": "f", "filename": "a.pdf", "index": 1},
                {"type": "something_new"}]},
            {"type": "something_new", "text": 5}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}", "status": "completed"}],
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15}}"#;
    let without = String::from_utf8_lossy(body).replace(r#", "text": 5"#, "");
    let url = Citation {
        url: Some("https://h".into()),
        title: Some("t".into()),
        answer_span: Some((0, 3)),
        ..Citation::default()
    };
    let file = Citation { title: Some("a.pdf".into()), ..Citation::default() };
    let expected = Response {
        id: Some("resp_1".into()),
        model: Some("gpt".into()),
        usage: Usage { input: Some(10), cache_read: Some(4), cache_write: None, output: Some(5), reasoning: Some(2) },
        ..with(
            vec![
                Part::of(Content::Reasoning { text: "a".into(), signature: Some("E".into()) }),
                Part::of(Content::Text { text: "see".into(), citations: vec![url, file] }),
                call("call_1", r#"{"a":1}"#, None),
            ],
            Finish::ToolCalls,
        )
    };
    assert_eq!(read(without.as_bytes(), &SEED).unwrap(), expected);
}

#[test]
fn an_answer_is_over_for_the_reason_that_it_gives() {
    let message = r#"{"type": "message", "content": [{"type": "output_text", "text": "t"}]}"#;
    let refusal = r#"{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}"#;
    let cut = r#"{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a", "status": "incomplete"}"#;
    for (item, more, finish) in [
        (message, r#""status": "completed""#, Some(Finish::Stop)),
        (message, r#""model": "m""#, Some(Finish::Stop)),
        (refusal, r#""status": "completed""#, Some(Finish::Refused)),
        (
            message,
            r#""status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}"#,
            Some(Finish::Length),
        ),
        (
            message,
            r#""status": "incomplete", "incomplete_details": {"reason": "content_filter"}"#,
            Some(Finish::Filtered),
        ),
        (message, r#""status": "incomplete", "incomplete_details": {"reason": "something_new"}"#, Some(Finish::Length)),
        (cut, r#""status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}"#, Some(Finish::Length)),
        (message, r#""status": "failed", "error": {"code": "server_error", "message": "m"}"#, None),
        (message, r#""status": "in_progress""#, None),
        (message, r#""status": "cancelled""#, None),
        (&cut.replace("incomplete", "completed"), r#""status": "completed""#, None),
    ] {
        let body = format!(r#"{{"output": [{item}], {more}}}"#);
        let read = read(body.as_bytes(), &SEED).ok().map(|response| response.choices[0].finish.clone());
        assert_eq!(read, finish, "{body}");
    }
    for none in ["", "{}", "[]", r#"{"error": {"message": "m"}}"#, r#"{"choices": []}"#] {
        assert!(read(none.as_bytes(), &SEED).is_err(), "{none}");
    }
}

#[test]
fn an_answer_has_every_member_that_clients_demand() {
    let parts = vec![
        Part::of(Content::Reasoning { text: "why".into(), signature: Some("E".into()) }),
        Part::text("hi"),
        call("call_1", "{}", Some("S+/=")),
    ];
    let usage = Usage { input: Some(3), output: Some(2), ..Usage::default() };
    let written = written(&Response { usage, ..with(parts, Finish::ToolCalls) });
    let id = SEED.id;
    let expected = json!({
        "id": format!("resp_{id}"), "object": "response", "created_at": 1_700_000_000, "status": "completed", "background": false,
        "error": null, "incomplete_details": null, "instructions": null, "max_output_tokens": null, "metadata": {}, "model": "target",
        "output": [
            {"type": "reasoning", "id": format!("rs_{id}_0"), "summary": [{"type": "summary_text", "text": "why"}], "encrypted_content": "E"},
            {"type": "message", "id": format!("msg_{id}_1"), "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "id": format!("fc_{id}_2"), "status": "completed", "arguments": "{}", "call_id": "call_1--ts--S-_.", "name": "f"},
        ],
        "parallel_tool_calls": true, "previous_response_id": null, "reasoning": {"effort": null, "summary": null}, "store": false,
        "temperature": null, "text": {}, "tool_choice": "auto", "tools": [], "top_p": null, "truncation": "disabled",
        "usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 5},
        "user": null,
    });
    assert_eq!(written, expected);
}

#[test]
fn where_an_answer_was_cut_its_last_item_was() {
    let sealed = Part::of(Content::SealedReasoning("E".into()));
    let cut = written(&with(vec![Part::text("a"), sealed, Part::text("b")], Finish::Length));
    assert_eq!(
        (&cut["status"], &cut["incomplete_details"]),
        (&json!("incomplete"), &json!({"reason": "max_output_tokens"}))
    );
    assert_eq!((&cut["output"][0]["status"], &cut["output"][2]["status"]), (&json!("completed"), &json!("incomplete")));
    assert_eq!(cut["usage"], Value::Null);
    let refused = written(&with(vec![Part::text("a")], Finish::Refused));
    assert_eq!(refused["incomplete_details"], json!({"reason": "content_filter"}));
}

#[test]
fn an_image_is_an_item_or_not_left_out_in_silence() {
    let image = |source| Part::of(Content::Image(Image { source, detail: None }));
    let inline = image(Source::Inline { media_type: "image/jpeg".into(), data: "/9j/aGk=".into() });
    let response = with(vec![Part::text("here"), inline.clone()], Finish::Stop);
    let item = written(&response)["output"][1].clone();
    let id = format!("ig_{}_1", SEED.id);
    let expected = json!({"type": "image_generation_call", "id": id, "status": "completed", "result": "/9j/aGk="});
    assert_eq!(item, expected);
    let bytes = write(&response, &REPLY).unwrap();
    assert_eq!(read(&bytes, &SEED).unwrap().choices[0].parts[1], inline);
    let elsewhere = image(Source::Url { url: "https://h/a.png".into(), media_type: None });
    assert!(write(&with(vec![elsewhere], Finish::Stop), &REPLY).is_err());
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex(r#"[a-z"\\\né{}]{1,12}"#).unwrap()
}

fn content() -> impl Strategy<Value = Content<'static>> {
    let citation = proptest::option::of((text(), 0..9u64)).prop_map(|citation| {
        let citation = citation.map(|(title, from)| Citation {
            url: Some("https://h".into()),
            title: Some(title.into()),
            answer_span: Some((from, from + 1)),
            ..Citation::default()
        });
        citation.into_iter().collect()
    });
    prop_oneof![
        (text(), citation).prop_map(|(text, citations)| Content::Text { text: text.into(), citations }),
        text().prop_map(|sealed| Content::SealedReasoning(sealed.into())),
        (text(), proptest::option::of(text())).prop_map(|(text, signature)| Content::Reasoning {
            text: text.into(),
            signature: signature.map(Into::into)
        }),
        // Reasoning that is not shown is not sealed reasoning.
        text().prop_map(|signature| Content::Reasoning { text: "".into(), signature: Some(signature.into()) }),
        (text(), text()).prop_map(|(id, argument)| {
            let arguments = Json::of(&json!({ "a": argument }));
            Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature: None })
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        parts in proptest::collection::vec(content().prop_map(Part::of), 0..5),
        refusal in proptest::option::of(text()),
        finish in 0..3usize,
        (input, output, other) in any::<(u32, u32, u32)>(),
        id in proptest::option::of(text()),
    ) {
        let mut parts = parts;
        parts.extend(refusal.map(|refusal| Part::of(Content::Refusal(refusal.into()))));
        let has = |is: fn(&Content<'_>) -> bool| parts.iter().any(|part| is(&part.content));
        let finish = match finish {
            0 => Finish::Length,
            1 => Finish::Filtered,
            _ if has(|content| matches!(content, Content::ToolCall(_))) => Finish::ToolCalls,
            _ if has(|content| matches!(content, Content::Refusal(_))) => Finish::Refused,
            _ => Finish::Stop,
        };
        let [input, output, other] = [input, output, other].map(|count| Some(u64::from(count)));
        let response = Response {
            id: Some(id.unwrap_or_else(|| format!("resp_{}", REPLY.id)).into()),
            model: Some("m".into()),
            usage: Usage { input, cache_read: other, cache_write: other, output, reasoning: other },
            ..with(parts, finish)
        };
        let bytes = write(&response, &REPLY).unwrap();
        prop_assert_eq!(read(&bytes, &SEED).unwrap(), response);
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, text in r#"\PC*"#) {
        let _ = read(&body, &SEED);
        let _ = read(format!(r#"{{"output": [{{"type": "message", "content": {text}}}]}}"#).as_bytes(), &SEED);
    }
}
