use super::*;
use crate::exchange::json::Number;
use crate::exchange::message::{Audio, Content, Document, DocumentBody, Image, Message, Part, Role, Source};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Sampling, Schema};
use crate::exchange::tool::{Tool, ToolCall, ToolChoice, ToolResult};

fn json(text: &str) -> Json<'_> {
    Json::parse(text).unwrap()
}

fn number(text: &str) -> Option<Number<'_>> {
    Some(serde_json::from_str(text).unwrap())
}

fn of(contents: impl IntoIterator<Item = Content<'static>>) -> Vec<Part<'static>> {
    contents.into_iter().map(Part::of).collect()
}

fn call(id: &'static str, name: &'static str, signature: Option<&'static str>) -> Content<'static> {
    let arguments = json(r#"{"a": 1}"#);
    Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature: signature.map(Into::into) })
}

fn result(id: &'static str, name: &'static str, text: &'static str) -> Content<'static> {
    let content = vec![Part::text(text)];
    Content::ToolResult(ToolResult { id: id.into(), name: Some(name.into()), content, is_error: false })
}

fn inline(media_type: &'static str) -> Source<'static> {
    Source::Inline { media_type: media_type.into(), data: "aGk=".into() }
}

const CAMEL: &str = r#"{
    "model": "models/m",
    "systemInstruction": {"parts": {"text": "S"}},
    "contents": [
        {"parts": [
            {"text": "look"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"inlineData": {"data": "aGk=", "mimeType": "audio/wav"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
            {"fileData": {"mimeType": "image/png", "fileUri": "https://h/i.png"}},
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/i.png"}}
        ]},
        {"role": "model", "parts": [
            {"text": "hm", "thought": true, "thoughtSignature": "sig0"},
            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "sig1"}
        ]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "one"}}}]}
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "temperature": 0.70, "topP": 1, "topK": 40, "maxOutputTokens": 100, "stopSequences": ["x"], "candidateCount": 2,
        "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseModalities": ["TEXT"], "responseLogprobs": false,
        "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
        "thinkingConfig": {"thinkingBudget": 512, "includeThoughts": true}
    },
    "labels": null
}"#;

fn expected() -> Request<'static> {
    let image = |source| Content::Image(Image { source, detail: None });
    let pdf = DocumentBody::Bytes(inline("application/pdf"));
    let url = Source::Url { url: "https://h/i.png".into(), media_type: Some("image/png".into()) };
    let user = of([
        Content::Text { text: "look".into(), citations: Vec::new() },
        image(inline("image/png")),
        Content::Audio(Audio { source: inline("audio/wav") }),
        Content::Document(Document { body: pdf, name: None, context: None, cites: false }),
        image(url),
        image(Source::File("gs://b/i.png".into())),
    ]);
    let thought = Content::Reasoning { text: "hm".into(), signature: Some("sig0".into()) };
    let f = Tool {
        name: "f".into(),
        description: Some("d".into()),
        parameters: Some(json(r#"{"type": "object"}"#)),
        strict: None,
        cache: None,
    };
    let schema = Schema { name: None, description: None, schema: json(r#"{"type": "object"}"#), strict: None };
    Request {
        system: vec![Part::text("S")],
        messages: vec![
            Message { role: Role::User, parts: user },
            Message { role: Role::Assistant, parts: of([thought, call("call_0", "f", Some("sig1"))]) },
            Message { role: Role::User, parts: of([result("call_0", "f", "one")]) },
        ],
        tools: vec![f],
        tool_choice: Some(ToolChoice::Named("f".into())),
        max_tokens: number("100"),
        sampling: Sampling {
            temperature: number("0.70"),
            top_p: number("1"),
            top_k: number("40"),
            presence_penalty: number("0.1"),
            frequency_penalty: number("0.2"),
            seed: number("7"),
        },
        stop: vec!["x".into()],
        choices: number("2"),
        answer_format: Some(AnswerFormat::Schema(schema)),
        reasoning: Some(Reasoning { amount: number("512").map(Amount::Budget), shown: Some(true) }),
        wants_usage: true,
        ..Request::default()
    }
}

#[test]
fn a_request_is_read_as_it_was_meant_in_camel_and_in_snake_case() {
    assert_eq!(read(CAMEL.as_bytes()), Ok(expected()));
    // Names of fields only: their values have no capital after a small letter.
    let mut snake = String::new();
    for sign in CAMEL.chars() {
        if sign.is_ascii_uppercase() && snake.ends_with(|before: char| before.is_ascii_lowercase()) {
            snake.push('_');
            snake.push(sign.to_ascii_lowercase());
        } else {
            snake.push(sign);
        }
    }
    let snake = snake.replace("a_gk=", "aGk=");
    assert!(snake.contains("max_output_tokens") && snake.contains("allowed_function_names"));
    assert_eq!(read(snake.as_bytes()), Ok(expected()));
}

fn contents(contents: &str) -> Result<Vec<Message<'static>>, Unreadable> {
    let body: &'static str = format!(r#"{{"contents": {contents}}}"#).leak();
    read(body.as_bytes()).map(|request| request.messages)
}

#[test]
fn calls_without_ids_get_some_that_pair_them_with_their_responses() {
    let read = contents(
        r#"[{"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "g", "args": {"a": 1}}},
            {"functionCall": {"id": "call_2", "name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f", "args": {"a": 1}}}]},
        {"parts": [{"text": "and"}, {"functionResponse": {"name": "g", "response": {"output": "G"}}},
            {"functionResponse": {"name": "f", "response": {"output": "F0"}}},
            {"functionResponse": {"name": "f", "id": "call_2", "response": {"output": "F2"}}},
            {"functionResponse": {"name": "f", "response": {"output": "F3"}}}]}]"#,
    );
    let calls = [("call_0", "f"), ("call_1", "g"), ("call_2", "f"), ("call_3", "f")];
    let results = [("call_1", "g", "G"), ("call_0", "f", "F0"), ("call_2", "f", "F2"), ("call_3", "f", "F3")];
    let text = Content::Text { text: "and".into(), citations: Vec::new() };
    let user = of(results.map(|(id, name, text)| result(id, name, text)).into_iter().chain([text]));
    let model = of(calls.map(|(id, name)| call(id, name, None)));
    let expected = vec![Message { role: Role::Assistant, parts: model }, Message { role: Role::User, parts: user }];
    assert_eq!(read, Ok(expected));
}

#[test]
fn what_a_function_gave_is_its_output_or_the_json_or_an_error() {
    for (response, text, is_error) in [
        (r#"{"result": "a\nb"}"#, "a\nb", false),
        (r#"{"output": 5}"#, r#"{"output": 5}"#, false),
        (r#"{"output": "x", "more": 1}"#, r#"{"output": "x", "more": 1}"#, false),
        (r#"{"t": [1]}"#, r#"{"t": [1]}"#, false),
        ("{}", "{}", false),
        (r#"{"error": "no"}"#, "no", true),
        (r#"{"error": {"c": 1}}"#, r#"{"c": 1}"#, true),
        (r#"{"error": "no", "more": 1}"#, r#"{"error": "no", "more": 1}"#, true),
    ] {
        let turns = contents(&format!(
            r#"[{{"role": "model", "parts": [{{"functionCall": {{"name": "f"}}}}]}},
                {{"parts": [{{"functionResponse": {{"name": "f", "response": {response}}}}}]}}]"#
        ));
        let turns = turns.unwrap();
        let [_, Message { parts, .. }] = turns.as_slice() else { panic!("{turns:?}") };
        let Content::ToolResult(result) = &parts[0].content else { panic!("{parts:?}") };
        assert_eq!((&result.content, result.is_error), (&vec![Part::text(text)], is_error), "{response}");
    }
}

#[test]
fn an_image_that_a_function_gave_stands_behind_its_text() {
    let turns = contents(
        r#"[{"role": "model", "parts": [{"functionCall": {"name": "f"}}]}, {"parts": {"functionResponse":
            {"name": "f", "response": {"output": ""}, "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}}}]"#,
    );
    let turns = turns.unwrap();
    let Content::ToolResult(result) = &turns[1].parts[0].content else { panic!("{turns:?}") };
    assert_eq!(result.content, of([Content::Image(Image { source: inline("image/png"), detail: None })]));
}

#[test]
fn a_thought_that_only_another_provider_can_read_is_known_by_its_mark() {
    // `keyplane-ax:c2VhbGVk`, as Google's clients encode it.
    let sealed = "a2V5cGxhbmUtYXg6YzJWaGJHVms=";
    let body = format!(
        r#"{{"contents": [{{"role": "model", "parts": [{{"text": "", "thought": true, "thoughtSignature": "{sealed}"}}]}}]}}"#
    );
    let request = crate::protocol::Dialect::Gemini.protocol().read_request(body.as_bytes()).unwrap();
    assert_eq!(request.messages[0].parts, [Part::of(Content::SealedReasoning(sealed.into()))]);
}

#[test]
fn thoughts_that_came_in_pieces_are_one_up_to_their_signature() {
    let turns = contents(
        r#"[{"role": "model", "parts": [{"text": "a", "thought": true}]}, {"role": "model", "parts": [{"text": "b", "thought": true}]},
            {"role": "model", "parts": [{"text": "", "thought": true, "thoughtSignature": "s"}, {"text": "c", "thought": true}]},
            {"role": "model", "parts": [{"text": "hi"}]}]"#,
    );
    let thought = |text: &'static str, signature: Option<&'static str>| Content::Reasoning {
        text: text.into(),
        signature: signature.map(Into::into),
    };
    let said = Content::Text { text: "hi".into(), citations: Vec::new() };
    let parts = of([thought("ab", Some("s")), thought("c", None), said]);
    assert_eq!(turns, Ok(vec![Message { role: Role::Assistant, parts }]));
}

#[test]
fn what_is_wrong_is_named_in_the_callers_words() {
    for (body, field) in [
        ("[]", "(body)"),
        (r#"{"contents": 5}"#, "contents"),
        (r#"{"contents": [{"parts": [{"text": "a"}, {"text": 5}]}]}"#, "contents[0].parts[1].text"),
        (r#"{"contents": [{"role": "assistant"}]}"#, "contents[0].role"),
        (r#"{"contents": [{"parts": [{}]}]}"#, "contents[0].parts[0]"),
        (r#"{"contents": [{"parts": [{"inlineData": {"data": ""}}]}]}"#, "contents[0].parts[0].inlineData.mimeType"),
        (
            r#"{"contents": [{"parts": [{"inlineData": {"mimeType": "ima,e/png", "data": ""}}]}]}"#,
            "contents[0].parts[0].inlineData.mimeType",
        ),
        (r#"{"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}"#, "contents[0].parts[0].functionCall"),
        (
            r#"{"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]}]}"#,
            "contents[0].parts[0].functionCall.args",
        ),
        (
            r#"{"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {}}}]}]}"#,
            "contents[0].parts[0].functionResponse.name",
        ),
        (r#"{"systemInstruction": {"parts": [{"inlineData": {}}]}}"#, "systemInstruction.parts[0]"),
        (r#"{"tools": [{"functionDeclarations": [{}]}]}"#, "tools[0].functionDeclarations[0].name"),
        (r#"{"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}"#, "toolConfig.functionCallingConfig.mode"),
        (r#"{"generationConfig": {"temperature": "hot"}}"#, "generationConfig.temperature"),
        (r#"{"generationConfig": []}"#, "generationConfig"),
        (
            r#"{"generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}}"#,
            "generationConfig.thinkingConfig.thinkingBudget",
        ),
        (
            r#"{"generation_config": {"thinking_config": {"thinking_level": "some"}}}"#,
            "generation_config.thinking_config.thinking_level",
        ),
    ] {
        assert_eq!(read(body.as_bytes()).map_err(|error| error.field), Err(field.to_owned()), "{body}");
    }
}

#[test]
fn what_has_no_home_is_kept_with_what_its_loss_comes_to() {
    let body = r#"{
        "cachedContent": "cachedContents/1", "safetySettings": [], "labels": {"a": "b"}, "unknownThing": 1, "nothing": null,
        "contents": [{"parts": [{"text": "a", "videoMetadata": {}}, {"toolCall": {}}, {"inlineData": {"mimeType": "video/mp4", "data": ""}}]}],
        "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}, {"name": "g"}, {"name": "h"}]}],
        "toolConfig": {"retrievalConfig": {}, "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}},
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "responseLogprobs": true, "logprobs": 3, "mediaResolution": "LOW",
            "speechConfig": {}, "responseMimeType": "text/x.enum", "thinkingConfig": {"more": 1}}
    }"#;
    let mut extras: Vec<_> = read(body.as_bytes())
        .unwrap()
        .extras
        .into_iter()
        .map(|extra| (extra.field.0.into_owned(), extra.loss))
        .collect();
    extras.sort();
    let refused = [
        "cachedContent",
        "contents[0].parts[1].toolCall",
        "contents[0].parts[2].inlineData",
        "generationConfig.logprobs",
        "generationConfig.responseLogprobs",
        "generationConfig.responseMimeType",
        "generationConfig.responseModalities",
        "generationConfig.speechConfig",
        "toolConfig.functionCallingConfig.allowedFunctionNames",
        "tools[0].googleSearch",
    ];
    let warned = [
        "contents[0].parts[0].videoMetadata",
        "generationConfig.mediaResolution",
        "generationConfig.thinkingConfig.more",
        "labels",
        "safetySettings",
        "toolConfig.retrievalConfig",
        "tools[1].functionDeclarations[0].behavior",
        "unknownThing",
    ];
    let with = |fields: &[&str], loss| fields.iter().map(|field| ((*field).to_owned(), loss)).collect::<Vec<_>>();
    let mut expected = [with(&refused, Loss::Refused), with(&warned, Loss::Warned)].concat();
    expected.sort();
    assert_eq!(extras, expected);
}

#[test]
fn modes_of_calling_are_choices_of_tools() {
    let choice = |config: &str| {
        let body = format!(
            r#"{{"tools": {{"functionDeclarations": [{{"name": "f"}}, {{"name": "g"}}]}},
                "toolConfig": {{"functionCallingConfig": {config}}}}}"#
        );
        let body: &'static str = body.leak();
        let request = read(body.as_bytes()).unwrap();
        (request.tool_choice, request.extras.len())
    };
    assert_eq!(choice(r#"{"mode": "AUTO"}"#), (Some(ToolChoice::Auto), 0));
    assert_eq!(choice(r#"{"mode": "any"}"#), (Some(ToolChoice::Required), 0));
    assert_eq!(choice(r#"{"mode": "ANY", "allowedFunctionNames": ["g"]}"#), (Some(ToolChoice::Named("g".into())), 0));
    assert_eq!(choice(r#"{"mode": "ANY", "allowedFunctionNames": ["g", "f"]}"#), (Some(ToolChoice::Required), 0));
    assert_eq!(choice(r#"{"mode": "NONE"}"#), (Some(ToolChoice::Never), 0));
    assert_eq!(choice(r#"{"mode": "VALIDATED"}"#), (Some(ToolChoice::Auto), 1));
    assert_eq!(choice("{}"), (None, 0));
}

#[test]
fn thinking_is_asked_for_by_level_or_budget_and_hidden_unless_asked_for() {
    let reasoning = |config: &'static str| {
        let body: &'static str = format!(r#"{{"generationConfig": {{"thinkingConfig": {config}}}}}"#).leak();
        let reasoning = read(body.as_bytes()).unwrap().reasoning.unwrap();
        (reasoning.amount, reasoning.shown)
    };
    assert_eq!(reasoning(r#"{"thinkingLevel": "LOW"}"#), (Some(Amount::Effort(Effort::Low)), Some(false)));
    assert_eq!(reasoning(r#"{"thinkingLevel": "minimal"}"#), (Some(Amount::Effort(Effort::Minimal)), Some(false)));
    assert_eq!(reasoning(r#"{"thinkingBudget": 0}"#), (Some(Amount::Off), Some(false)));
    assert_eq!(reasoning(r#"{"thinkingBudget": -1}"#), (Some(Amount::Adaptive), Some(false)));
    assert_eq!(reasoning(r#"{"includeThoughts": true}"#), (None, Some(true)));
}

#[test]
fn a_schema_in_googles_words_is_read_as_a_json_schema() {
    let body = r#"{"tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY", "items": {"type": "INTEGER"}}}}"#;
    let request = read(body.as_bytes()).unwrap();
    let parameters = request.tools[0].parameters.as_ref().unwrap();
    assert_eq!(parameters.as_str(), r#"{"type":"object","properties":{"a":{"type":"string"}}}"#);
    let Some(AnswerFormat::Schema(schema)) = &request.answer_format else { panic!("{request:?}") };
    assert_eq!(schema.schema.as_str(), r#"{"type":"array","items":{"type":"integer"}}"#);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, at in 0..CAMEL.len(), byte: u8) {
        drop(read(&bytes));
        let mut body = CAMEL.as_bytes().to_vec();
        body[at] = byte;
        drop(read(&body));
        drop(read(&CAMEL.as_bytes()[..at]));
    }
}

#[test]
fn bytes_in_the_alphabet_of_urls_are_other_formats_too() {
    for (given, expected) in [("-_8=", "+/8="), ("-_8", "+/8="), ("aGk=", "aGk="), ("", "")] {
        let body =
            serde_json::json!({"contents": [{"parts": [{"inlineData": {"data": given, "mime_type": "image/png"}}]}]})
                .to_string();
        let request = read(body.as_bytes()).unwrap();
        let Content::Image(image) = &request.messages[0].parts[0].content else { panic!("no image") };
        let data = expected.into();
        assert_eq!(image.source, Source::Inline { media_type: "image/png".into(), data });
    }
}
