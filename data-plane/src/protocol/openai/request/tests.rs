//! Requests, read and written.

mod demands;
mod round_trip;

use shared::adapter::Delivery;
use shared::catalog::rules::{MaxTokensField, SchemaForm};

use super::{read, write};
use crate::exchange::feature::Feature;
use crate::exchange::json::Json;
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{Audio, CacheHint, Content, Document, DocumentBody, Image, Message, Part, Role, Source};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Loss, Request, Schema};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolCall, ToolChoice, ToolResult, id_with_signature};
use crate::protocol::{ANSWER_TOOL, Target};

fn with(rest: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{rest}}}"#)
}

fn messages(messages: &str) -> String {
    format!(r#"{{"messages":[{messages}]}}"#)
}

fn error_of(body: &str) -> String {
    read(body.as_bytes()).unwrap_err().to_string()
}

fn extras_of<'a>(request: &'a Request<'_>) -> Vec<(&'a str, Loss)> {
    request.extras.iter().map(|extra| (extra.field.as_str(), extra.loss)).collect()
}

fn user(parts: Vec<Part<'_>>) -> Message<'_> {
    Message { role: Role::User, parts }
}

fn inline<'a>(media_type: &'a str, data: &'a str) -> Source<'a> {
    Source::Inline { media_type: media_type.into(), data: data.into() }
}

fn to<'a>(manner: &'a Manner, delivery: Delivery) -> Target<'a> {
    Target { model: "up", delivery, manner }
}

/// What is written for an upstream, as it is read by people.
fn written_for(manner: &Manner, request: &Request<'_>) -> serde_json::Value {
    let outgoing = write(request, &to(manner, Delivery::Whole)).unwrap();
    serde_json::from_slice(&outgoing.body).unwrap()
}

fn written(request: &Request<'_>) -> serde_json::Value {
    written_for(&UNKNOWN, request)
}

#[test]
fn every_role_is_read_into_turns() {
    let body = messages(
        r#"{"role":"developer","content":"a"},{"role":"system","content":[{"type":"text","text":"b"}]},
        {"role":"user","content":"q"},
        {"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}},
            {"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},
        {"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"2"}]},
        {"role":"user","content":"and?"},{"role":"system","content":"c"},{"role":"assistant","content":null,"refusal":"no"}"#,
    );
    let request = read(body.as_bytes()).unwrap();
    assert_eq!(request.system, [Part::text("a"), Part::text("b")]);
    let call = |id: &'static str, name: &'static str, arguments: &'static str| {
        let arguments = Json::parse(arguments).unwrap();
        Part::of(Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature: None }))
    };
    let result = |id: &'static str, name: &'static str, text: &'static str| {
        let content = vec![Part::text(text)];
        Part::of(Content::ToolResult(ToolResult { id: id.into(), name: Some(name.into()), content, is_error: false }))
    };
    let expected = [
        user(vec![Part::text("q")]),
        Message { role: Role::Assistant, parts: vec![call("c1", "f", r#"{"x": 1}"#), call("c2", "g", "{}")] },
        user(vec![result("c1", "f", "1"), result("c2", "g", "2"), Part::text("and?")]),
        Message { role: Role::System, parts: vec![Part::text("c")] },
        Message { role: Role::Assistant, parts: vec![Part::of(Content::Refusal("no".into()))] },
    ];
    assert_eq!(request.messages, expected);
    assert_eq!(extras_of(&request), []);
}

#[test]
fn functions_of_before_tools_are_tools() {
    let body = r#"{"messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"r"}],
        "functions":[{"name":"f","parameters":{"type":"object"}}],"function_call":{"name":"f"}}"#;
    let request = read(body.as_bytes()).unwrap();
    assert_eq!(request.tools.len(), 1);
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("f".into())));
    assert_eq!((request.knows_one_call, request.parallel_tool_calls), (true, Some(false)));
    let Content::ToolCall(call) = &request.messages[1].parts[0].content else { panic!("no call") };
    let Content::ToolResult(result) = &request.messages[2].parts[0].content else { panic!("no result") };
    assert_eq!((&call.id, Some(&call.name)), (&result.id, result.name.as_ref()));
}

#[test]
fn results_without_ids_answer_the_calls_of_their_name_in_their_order() {
    let call = r#"{"role":"assistant","function_call":{"name":"f","arguments":"{}"}}"#;
    let result = r#"{"role":"function","name":"f","content":"r"}"#;
    let by_id =
        r#"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
    let answer = r#"{"role":"tool","tool_call_id":"a","content":"r"}"#;
    let user = r#"{"role":"user","content":"q"}"#;
    for (messages, answered) in [
        ([call, result, call, result].as_slice(), [0, 1].as_slice()),
        (&[call, call, result, result], &[0, 1]),
        (&[by_id, answer, call, result], &[0, 1]),
        // A call that the user did not let answer.
        (&[call, user, call, result], &[1]),
        // Once more, for who told it twice.
        (&[call, result, result], &[0, 0]),
    ] {
        let body = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
        let request = read(body.as_bytes()).unwrap();
        let parts = || request.messages.iter().flat_map(|message| &message.parts).map(|part| &part.content);
        let calls: Vec<_> =
            parts().filter_map(|part| if let Content::ToolCall(call) = part { Some(&call.id) } else { None }).collect();
        let results =
            parts().filter_map(|part| if let Content::ToolResult(result) = part { Some(&result.id) } else { None });
        let found: Vec<_> = results.map(|id| calls.iter().position(|call| *call == id).unwrap()).collect();
        assert_eq!(found, answered, "{body}");
    }
}

#[test]
fn every_part_is_read() {
    let image = |source, detail: Option<&'static str>| Content::Image(Image { source, detail: detail.map(Text::from) });
    let url = || Source::Url { url: "https://h/i".into(), media_type: None };
    let file = |source, name: Option<&'static str>| {
        let body = DocumentBody::Bytes(source);
        Content::Document(Document { body, name: name.map(Text::from), context: None, cites: false })
    };
    for (part, expected) in [
        (r#"{"type":"text","text":"a\nb"}"#, Content::Text { text: "a\nb".into(), citations: vec![] }),
        (r#"{"type":"image_url","image_url":{"url":"https://h/i","detail":"low"}}"#, image(url(), Some("low"))),
        (r#"{"type":"image_url","image_url":"https://h/i"}"#, image(url(), None)),
        (
            r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}"#,
            image(inline("image/png", "aGk="), None),
        ),
        (
            r#"{"type":"input_audio","input_audio":{"data":"aGk=","format":"mp3"}}"#,
            Content::Audio(Audio { source: inline("audio/mpeg", "aGk=") }),
        ),
        (
            r#"{"type":"file","file":{"file_data":"data:application/pdf;base64,aGk=","filename":"a.pdf"}}"#,
            file(inline("application/pdf", "aGk="), Some("a.pdf")),
        ),
        (
            r#"{"type":"file","file":{"file_data":"aGk=","filename":"a.CSV"}}"#,
            file(inline("text/csv", "aGk="), Some("a.CSV")),
        ),
        (r#"{"type":"file","file":{"file_id":"file-1"}}"#, file(Source::File("file-1".into()), None)),
        (r#"{"type":"file","file":{"file_data":"https://h/i"}}"#, file(url(), None)),
    ] {
        let body = messages(&format!(r#"{{"role":"user","content":[{part}]}}"#));
        assert_eq!(read(body.as_bytes()).unwrap().messages, [user(vec![Part::of(expected)])], "{part}");
    }
}

#[test]
fn breakpoints_of_caches_are_kept_wherever_they_stand() {
    let body = r#"{"messages":[
        {"role":"system","content":"s","cache_control":{"type":"ephemeral","ttl":"1h"}},
        {"role":"user","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}]}],
        "tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral","ttl":"5m"}}]}"#;
    let request = read(body.as_bytes()).unwrap();
    assert_eq!(request.system[0].cache, Some(CacheHint::OneHour));
    assert_eq!(request.messages[0].parts[0].cache, Some(CacheHint::Default));
    assert_eq!(request.tools[0].cache, Some(CacheHint::FiveMinutes));
}

#[test]
fn reasoning_and_signatures_come_back() {
    let id = id_with_signature("c1", Some("aB+/"));
    let body = messages(&format!(
        r#"{{"role":"user","content":"q"}},{{"role":"assistant","content":"a","reasoning_content":"why",
            "reasoning_details":[{{"type":"reasoning.text","text":"why","signature":"s","index":0,"format":"x"}},
                {{"type":"reasoning.encrypted","data":"e"}}],
            "tool_calls":[{{"id":"{id}","type":"function","index":0,"function":{{"name":"f","arguments":"{{}}"}}}},
                {{"id":"c2","type":"function","function":{{"name":"f","arguments":{{"a":1}}}},
                    "extra_content":{{"google":{{"thought_signature":"t"}}}}}}]}},
        {{"role":"tool","tool_call_id":"{id}","content":"r"}}"#,
        id = &*id
    ));
    let request = read(body.as_bytes()).unwrap();
    let call = |id: &'static str, arguments: &'static str, signature: &'static str| {
        let arguments = Json::parse(arguments).unwrap();
        let signature = Some(signature.into());
        Part::of(Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature }))
    };
    let expected = [
        Part::of(Content::Reasoning { text: "why".into(), signature: Some("s".into()) }),
        Part::of(Content::SealedReasoning("e".into())),
        Part::text("a"),
        call("c1", "{}", "aB+/"),
        call("c2", r#"{"a":1}"#, "t"),
    ];
    assert_eq!(request.messages[1].parts, expected);
    let Content::ToolResult(result) = &request.messages[2].parts[0].content else { panic!("no result") };
    assert_eq!((&*result.id, result.name.as_deref()), ("c1", Some("f")));
    assert_eq!(extras_of(&request), []);
}

#[test]
fn parameters_are_read() {
    let body = with(
        r#""max_tokens":1,"max_completion_tokens":2,"temperature":0.70,"top_p":1,"top_k":40,"seed":-3,"presence_penalty":0.1,
        "frequency_penalty":-0.1,"stop":"x","n":2,"user":"u","parallel_tool_calls":false,"reasoning_effort":"none",
        "stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},"response_format":{"type":"json_object"}"#,
    );
    let request = read(body.as_bytes()).unwrap();
    let sampling = &request.sampling;
    let numbers = [
        (&request.max_tokens, "2"),
        (&sampling.temperature, "0.70"),
        (&sampling.top_p, "1"),
        (&sampling.top_k, "40"),
        (&sampling.seed, "-3"),
        (&sampling.presence_penalty, "0.1"),
        (&sampling.frequency_penalty, "-0.1"),
        (&request.choices, "2"),
    ];
    for (number, expected) in numbers {
        assert_eq!(number.as_ref().map(|number| number.as_str()), Some(expected));
    }
    assert_eq!(request.stop, [Text::from("x")]);
    assert_eq!((request.user.as_deref(), request.parallel_tool_calls), (Some("u"), Some(false)));
    assert_eq!(request.reasoning, Some(Reasoning { amount: Some(Amount::Off), shown: None }));
    assert_eq!((request.wants_usage, &request.answer_format), (true, &Some(AnswerFormat::Json)));
    assert_eq!(extras_of(&request), []);
}

#[test]
fn what_is_so_anyway_is_silent() {
    let body = with(
        r#""n":1,"logprobs":false,"stream_options":{},"tools":[],"logit_bias":{},"metadata":{},"store":false,"stop":null,
        "modalities":["text"],"service_tier":"auto","tool_choice":null"#,
    );
    let request = read(body.as_bytes()).unwrap();
    assert_eq!(extras_of(&request), []);
    let body = messages(
        r#"{"role":"user","content":"q"},{"role":"assistant","content":"a","refusal":null,"annotations":[],"audio":null,
            "tool_calls":null,"function_call":null}"#,
    );
    assert_eq!(extras_of(&read(body.as_bytes()).unwrap()), []);
}

#[test]
fn what_has_no_home_is_kept_with_its_place() {
    let body = r#"{"messages":[{"role":"user","name":"Bo","content":[{"type":"text","text":"q","x":1}]},
        {"role":"assistant","audio":{"id":"a"},"content":"a"}],
        "tools":[{"type":"function","function":{"name":"f","y":2}},{"type":"custom","custom":{"name":"c"}}],
        "logprobs":true,"verbosity":"low","stream_options":{"z":3},"safety_identifier":"s","user":"u"}"#;
    let request = read(body.as_bytes()).unwrap();
    let mut extras = extras_of(&request);
    extras.sort_unstable();
    let expected = [
        ("logprobs", Loss::Refused),
        ("messages[0].content[0].x", Loss::Warned),
        ("messages[0].name", Loss::Warned),
        ("messages[1].audio", Loss::Refused),
        ("stream_options.z", Loss::Warned),
        ("tools[0].function.y", Loss::Warned),
        ("tools[1]", Loss::Refused),
        ("user", Loss::Warned),
        ("verbosity", Loss::Warned),
    ];
    assert_eq!(extras, expected);
    assert_eq!(request.user.as_deref(), Some("s"));
}

#[test]
fn a_choice_of_tools_is_read_in_every_form() {
    for (choice, expected, extras) in [
        (r#""none""#, Some(ToolChoice::Never), 0),
        (r#""auto""#, Some(ToolChoice::Auto), 0),
        (r#""required""#, Some(ToolChoice::Required), 0),
        (r#""any""#, Some(ToolChoice::Required), 0),
        (r#"{"type":"function","function":{"name":"f"}}"#, Some(ToolChoice::Named("f".into())), 0),
        (r#"{"type":"custom","custom":{"name":"c"}}"#, None, 1),
        (
            r#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"custom","custom":{"name":"c"}}]}}"#,
            None,
            1,
        ),
    ] {
        let body =
            with(&format!(r#""tools":[{{"type":"function","function":{{"name":"f"}}}}],"tool_choice":{choice}"#));
        let request = read(body.as_bytes()).unwrap();
        assert_eq!((&request.tool_choice, request.extras.len()), (&expected, extras), "{choice}");
    }
}

#[test]
fn allowed_tools_are_the_only_ones() {
    let body = with(
        r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}},
        "tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]"#,
    );
    let request = read(body.as_bytes()).unwrap();
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!((names, request.tool_choice), (vec!["g"], Some(ToolChoice::Required)));
}

#[test]
fn reasoning_is_read_in_openrouters_form() {
    let budget = Amount::Budget(9.into());
    for (given, amount, shown) in [
        (r#"{"effort":"high"}"#, Some(Amount::Effort(Effort::High)), None),
        (r#"{"max_tokens":9,"exclude":true}"#, Some(budget), Some(false)),
        (r#"{"enabled":false}"#, Some(Amount::Off), None),
        (r#"{"enabled":true}"#, Some(Amount::Adaptive), None),
    ] {
        let body = with(&format!(r#""reasoning":{given}"#));
        assert_eq!(read(body.as_bytes()).unwrap().reasoning, Some(Reasoning { amount, shown }), "{given}");
    }
    assert_eq!(read(with(r#""reasoning":{}"#).as_bytes()).unwrap().reasoning, None);
}

#[test]
fn what_is_wrong_is_named_in_the_callers_words() {
    let user =
        |part: &str| messages(&format!(r#"{{"role":"system","content":"s"}},{{"role":"user","content":[{part}]}}"#));
    let call = |call: &str| messages(&format!(r#"{{"role":"assistant","tool_calls":[{call}]}}"#));
    for (body, error) in [
        ("[]".to_owned(), "(body)"),
        ("{}".to_owned(), "the field messages is missing"),
        (messages(""), "the field messages is empty: give at least one message"),
        (messages("null"), "the field messages[0] "),
        (messages("5"), "the field messages[0] can't be read: invalid type: integer `5`, expected an object"),
        (messages("{}"), "the field messages[0].role is missing"),
        (messages(r#"{"role":"bot","content":""}"#), "the field messages[0].role is not one of"),
        (messages(r#"{"role":"user"}"#), "the field messages[0].content is missing"),
        (messages(r#"{"role":"user","content":5}"#), "the field messages[0].content can't be read"),
        (messages(r#"{"role":"tool","content":"x"}"#), "the field messages[0].tool_call_id is missing"),
        (
            user(r#"{"type":"image_url","image_url":{"url":"ftp://x"}}"#),
            "the field messages[1].content[0].image_url.url is neither",
        ),
        (
            user(r#"{"type":"image_url","image_url":{"url":7}}"#),
            "the field messages[1].content[0].image_url.url can't be read",
        ),
        (user(r#"{"type":"image_url"}"#), "the field messages[1].content[0].image_url.url is missing"),
        (user(r#"{"type":"text"}"#), "the field messages[1].content[0].text is missing"),
        (user(r#"{"type":"video"}"#), "the field messages[1].content[0].type is not one of \"text\", \"image_url\""),
        (user(r#"{"type":"file","file":{}}"#), "the field messages[1].content[0].file has neither"),
        (
            user(r#"{"type":"text","text":"a","cache_control":{"ttl":"2h"}}"#),
            "the field messages[1].content[0].cache_control.ttl",
        ),
        (
            call(r#"{"id":"a","function":{"name":"f","arguments":"[1]"}}"#),
            "the field messages[0].tool_calls[0].function.arguments is not",
        ),
        (call(r#"{"function":{"name":"f"}}"#), "the field messages[0].tool_calls[0].id is missing"),
        (call(r#"{"id":"a","type":"custom","custom":{}}"#), "the field messages[0].tool_calls[0].type is not"),
        (with(r#""n":0"#), "the field n is not a whole number from 1 on"),
        (with(r#""temperature":"hot""#), "the field temperature can't be read"),
        (with(r#""reasoning_effort":"huge""#), "the field reasoning_effort is not one of"),
        (with(r#""tool_choice":"some""#), "the field tool_choice is not one of"),
        (with(r#""tools":[{"type":"function"}]"#), "the field tools[0].function is missing"),
        (
            with(r#""tools":[{"type":"function","function":{"name":5}}]"#),
            "the field tools[0].function.name can't be read",
        ),
        (with(r#""response_format":{"type":"json_schema"}"#), "the field response_format.json_schema is missing"),
        (with(r#""stream_options":{"include_usage":"yes"}"#), "the field stream_options.include_usage can't be read"),
    ] {
        let told = error_of(&body);
        assert!(told.starts_with(error) || error == "(body)" && told.contains(error), "{body}\n{told}");
    }
}

#[test]
fn a_turn_with_results_becomes_a_message_for_each() {
    let image = || Part::of(Content::Image(Image { source: inline("image/png", "aGk="), detail: None }));
    let result = |id: &'static str, content| {
        Part::of(Content::ToolResult(ToolResult { id: id.into(), name: None, content, is_error: false }))
    };
    let parts = vec![
        result("c1", vec![Part::text("a"), Part::text("b")]),
        result("c2", vec![image()]),
        result("c3", vec![]),
        Part::text("and?"),
    ];
    let request = Request { messages: vec![user(parts)], ..Request::default() };
    let url = serde_json::json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}});
    let expected = serde_json::json!([
        {"role": "tool", "tool_call_id": "c1", "content": "a\nb"},
        {"role": "tool", "tool_call_id": "c2", "content": "The result is in the next message."},
        {"role": "tool", "tool_call_id": "c3", "content": ""},
        {"role": "user", "content": [url, {"type": "text", "text": "and?"}]},
    ]);
    assert_eq!(written(&request)["messages"], expected);
}

#[test]
fn results_of_neighboring_messages_stand_together() {
    let image = Part::of(Content::Image(Image { source: inline("image/png", "aGk="), detail: None }));
    let result = |id: &'static str, content| {
        Part::of(Content::ToolResult(ToolResult { id: id.into(), name: None, content, is_error: false }))
    };
    let messages = vec![user(vec![result("c1", vec![image])]), user(vec![result("c2", vec![Part::text("b")])])];
    let written = written(&Request { messages, ..Request::default() });
    let roles: Vec<_> = written["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["tool", "tool", "user"]);
}

#[test]
fn documents_are_files_and_plain_ones_text() {
    let document = |body, context: Option<&'static str>| {
        let name = Some("Title".into());
        Part::of(Content::Document(Document { body, name, context: context.map(Text::from), cites: false }))
    };
    let parts = vec![
        document(DocumentBody::Text("words".into()), Some("old")),
        document(DocumentBody::Bytes(inline("application/pdf", "aGk=")), None),
    ];
    let expected = serde_json::json!([
        {"type": "text", "text": "Title\nold\n\nwords"},
        {"type": "file", "file": {"filename": "Title.pdf", "file_data": "data:application/pdf;base64,aGk="}},
    ]);
    let request = Request { messages: vec![user(parts)], ..Request::default() };
    assert_eq!(written(&request)["messages"][0]["content"], expected);
}

#[test]
fn a_manner_decides_of_names_and_limits() {
    let request = Request {
        max_tokens: Some(5.into()),
        reasoning: Some(Reasoning { amount: Some(Amount::Effort(Effort::Max)), shown: None }),
        sampling: crate::exchange::request::Sampling { temperature: Some(2.into()), ..Default::default() },
        ..Request::default()
    };
    let plain = written(&request);
    assert_eq!(plain["max_completion_tokens"], 5);
    assert_eq!((&plain["reasoning_effort"], &plain["temperature"]), (&"max".into(), &2.into()));
    let manner = Manner {
        max_tokens_field: MaxTokensField::MaxTokens,
        efforts: vec![Effort::Low, Effort::High],
        max_temperature: Some(1),
        ..UNKNOWN.clone()
    };
    let fitted = written_for(&manner, &request);
    assert_eq!((&fitted["max_tokens"], fitted.get("max_completion_tokens")), (&5.into(), None));
    assert_eq!((&fitted["reasoning_effort"], &fitted["temperature"]), (&"high".into(), &1.into()));
}

#[test]
fn more_stop_texts_than_the_vendor_takes_are_refused_with_their_limit() {
    let manner = Manner { max_stops: Some(4), ..UNKNOWN.clone() };
    let request = |count| Request { stop: vec!["x".into(); count], ..Request::default() };
    assert_eq!(written_for(&manner, &request(4))["stop"].as_array().map(Vec::len), Some(4));
    assert_eq!(written(&request(5))["stop"].as_array().map(Vec::len), Some(5), "others may take more");
    let to = Target { model: "m", delivery: Delivery::Whole, manner: &manner };
    let refused = write(&request(5), &to).unwrap_err().to_string();
    assert_eq!(refused, "5 stop sequences can't be sent to this provider, which takes 4: leave some out");
}

#[test]
fn a_call_and_its_result_are_shortened_alike() {
    let id = "x".repeat(80);
    let arguments = Json::empty_object();
    let call = ToolCall { id: id.clone().into(), name: "f".into(), arguments, signature: None };
    let result = ToolResult { id: id.into(), name: None, content: vec![Part::text("a")], is_error: false };
    let messages = vec![
        Message { role: Role::Assistant, parts: vec![Part::of(Content::ToolCall(call))] },
        Message { role: Role::User, parts: vec![Part::of(Content::ToolResult(result))] },
    ];
    let written = written(&Request { messages, ..Request::default() });
    let id = written["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() <= 40 && written["messages"][1]["tool_call_id"].as_str() == Some(id));
}

#[test]
fn an_amount_of_reasoning_becomes_a_word() {
    let none_known = &UNKNOWN;
    let some_known = &Manner { efforts: vec![Effort::High, Effort::Low], ..UNKNOWN.clone() };
    let always = &Manner { always_thinks: true, ..some_known.clone() };
    for (amount, manner, word) in [
        (Amount::Off, none_known, Some("none")),
        (Amount::Off, some_known, Some("none")),
        (Amount::Off, always, Some("low")),
        (Amount::Adaptive, none_known, None),
        (Amount::Budget(4096.into()), none_known, Some("medium")),
        (Amount::Budget(4096.into()), some_known, Some("low")),
        (Amount::Effort(Effort::Minimal), some_known, Some("low")),
    ] {
        let reasoning = Some(Reasoning { amount: Some(amount.clone()), shown: None });
        let request = Request { reasoning, ..Request::default() };
        assert_eq!(written_for(manner, &request)["reasoning_effort"].as_str(), word, "{amount:?}");
    }
}

#[test]
fn a_vendor_gets_back_the_reasoning_that_it_wants() {
    let call =
        ToolCall { id: "c".into(), name: "f".into(), arguments: Json::empty_object(), signature: Some("t".into()) };
    let parts = vec![
        Part::of(Content::Reasoning { text: "why".into(), signature: Some("s".into()) }),
        Part::text("a"),
        Part::of(Content::ToolCall(call)),
    ];
    let request = Request { messages: vec![Message { role: Role::Assistant, parts }], ..Request::default() };
    let message = |field: Option<&'static str>| {
        let manner = Manner { reasoning_field: field.map(Into::into), ..UNKNOWN.clone() };
        written_for(&manner, &request)["messages"][0].clone()
    };
    let call = serde_json::json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let plain = serde_json::json!({"role": "assistant", "content": "a", "tool_calls": [call]});
    assert_eq!(message(None), plain);
    assert_eq!(message(Some("reasoning_content"))["reasoning_content"], "why");
    let details = serde_json::json!([{"type": "reasoning.text", "index": 0, "text": "why", "signature": "s"}]);
    assert_eq!(message(Some("reasoning_details")).get("reasoning"), None);
    assert_eq!(message(Some("reasoning_details"))["reasoning_details"], details);
    let signed = message(Some("extra_content"));
    assert_eq!(signed["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "t");
    assert_eq!(signed.get("reasoning_content"), None);
}

#[test]
fn a_stream_always_tells_its_usage() {
    let request = Request { messages: vec![user(vec![Part::text("q")])], ..Request::default() };
    let outgoing = write(&request, &to(&UNKNOWN, Delivery::Stream)).unwrap();
    let expected = r#"{"model":"up","messages":[{"role":"user","content":"q"}],"stream":true,"stream_options":{"include_usage":true}}"#;
    assert_eq!(String::from_utf8(outgoing.body).unwrap(), expected);
    let outgoing = write(&request, &to(&UNKNOWN, Delivery::Whole)).unwrap();
    assert_eq!(
        String::from_utf8(outgoing.body).unwrap(),
        r#"{"model":"up","messages":[{"role":"user","content":"q"}]}"#
    );
}

#[test]
fn a_schema_is_asked_for_natively_or_by_a_tool() {
    let schema = Schema {
        name: Some("not a name".into()),
        description: None,
        schema: Json::parse(r#"{"type":"object","properties":{}}"#).unwrap(),
        strict: Some(true),
    };
    let mut request = Request { answer_format: Some(AnswerFormat::Schema(schema)), ..Request::default() };
    let native = &written(&request)["response_format"];
    assert_eq!((&native["type"], &native["json_schema"]["name"]), (&"json_schema".into(), &"answer".into()));
    let manner = Manner { schema: SchemaForm::Tool, ..UNKNOWN.clone() };
    let by_tool = written_for(&manner, &request);
    assert_eq!(by_tool.get("response_format"), None);
    assert_eq!(by_tool["tools"][0]["function"]["name"], ANSWER_TOOL);
    assert_eq!(by_tool["tool_choice"]["function"]["name"], ANSWER_TOOL);
    assert!(write(&request, &to(&manner, Delivery::Whole)).unwrap().answers_by_tool);
    let tool = Tool { name: "f".into(), description: None, parameters: None, strict: None, cache: None };
    request.tools.push(tool);
    assert_eq!(written_for(&manner, &request)["tool_choice"], "required");
}

#[test]
fn nothing_is_said_of_tools_where_there_are_none() {
    let request =
        Request { tool_choice: Some(ToolChoice::Auto), parallel_tool_calls: Some(false), ..Request::default() };
    assert_eq!(written(&request), serde_json::json!({"model": "up", "messages": []}));
}

#[test]
fn strict_is_said_of_schemas_alone_that_openai_holds_a_model_to() {
    let tool = |schema, strict| Tool {
        name: "f".into(),
        description: None,
        parameters: Json::parse(schema),
        strict: Some(strict),
        cache: None,
    };
    let closed = r#"{"type":"object","properties":{},"additionalProperties":false}"#;
    let tools = vec![tool(closed, true), tool("{}", true), tool("{}", false)];
    let outgoing = write(&Request { tools, ..Request::default() }, &to(&UNKNOWN, Delivery::Whole)).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&outgoing.body).unwrap();
    let said = |index: usize| body["tools"][index]["function"].get("strict").cloned();
    assert_eq!((said(0), said(1), said(2)), (Some(true.into()), None, Some(false.into())));
    assert_eq!(outgoing.notes.iter().map(|note| note.feature).collect::<Vec<_>>(), [Feature::StrictTools]);
}

#[test]
fn what_can_not_be_said_is_told() {
    let tool =
        |name: &'static str| Tool { name: name.into(), description: None, parameters: None, strict: None, cache: None };
    let audio = Audio { source: Source::Url { url: "https://h/a".into(), media_type: None } };
    for (request, told) in [
        (Request { tools: vec![tool("a b")], ..Request::default() }, "the tool name \"a b\""),
        (
            Request { tools: vec![tool("a")], tool_choice: Some(ToolChoice::Named("é".into())), ..Request::default() },
            "the tool name \"é\"",
        ),
        (Request { messages: vec![user(vec![Part::of(Content::Audio(audio))])], ..Request::default() }, "audio"),
    ] {
        let error = write(&request, &to(&UNKNOWN, Delivery::Whole)).unwrap_err();
        assert!(error.to_string().starts_with(told), "{error}");
    }
}
