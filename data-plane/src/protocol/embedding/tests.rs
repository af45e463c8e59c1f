use proptest::prelude::*;

use super::*;
use crate::exchange::embedding::Purpose;

const FORMS: [EmbeddingForm; 7] = [
    EmbeddingForm::OpenAi,
    EmbeddingForm::GeminiOne,
    EmbeddingForm::GeminiMany,
    EmbeddingForm::Vertex,
    EmbeddingForm::Cohere,
    EmbeddingForm::BedrockCohere,
    EmbeddingForm::Titan,
];

const REPLY: EmbeddingReply<'_> = EmbeddingReply { model: "m", id: "1", encoding: Encoding::Numbers };

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn written(form: EmbeddingForm, request: &EmbeddingRequest<'_>) -> Vec<String> {
    form.write_requests(request, "m").unwrap().into_iter().map(text).collect()
}

#[test]
fn every_form_is_written_as_its_provider_documents_it() {
    let request = EmbeddingRequest {
        inputs: vec!["a".into(), "b\"".into()],
        purpose: Some(Purpose::Query),
        dimensions: Some(64.into()),
        ..EmbeddingRequest::default()
    };
    let two = |one: &str| [one.to_owned(), one.replace(r#""a""#, r#""b\"""#)].to_vec();
    for (form, expected) in [
        (EmbeddingForm::OpenAi, vec![
            r#"{"model":"m","input":["a","b\""],"encoding_format":"float","dimensions":64}"#.to_owned(),
        ]),
        (EmbeddingForm::Cohere, vec![
            r#"{"model":"m","texts":["a","b\""],"input_type":"search_query","embedding_types":["float"],"output_dimension":64}"#
                .to_owned(),
        ]),
        (EmbeddingForm::BedrockCohere, vec![
            r#"{"texts":["a","b\""],"input_type":"search_query","embedding_types":["float"],"output_dimension":64}"#
                .to_owned(),
        ]),
        (EmbeddingForm::Titan, two(r#"{"inputText":"a","dimensions":64}"#)),
        (
            EmbeddingForm::GeminiOne,
            two(r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":64}"#),
        ),
        (
            EmbeddingForm::Vertex,
            two(r#"{"instances":[{"content":"a","task_type":"RETRIEVAL_QUERY"}],"parameters":{"outputDimensionality":64}}"#),
        ),
    ] {
        assert_eq!(written(form, &request), expected, "{form:?}");
    }
    let [batch] = &written(EmbeddingForm::GeminiMany, &request)[..] else { panic!() };
    assert!(batch.starts_with(r#"{"requests":[{"model":"models/m","content""#), "{batch}");
}

#[test]
fn answers_of_every_shape_are_read() {
    for (form, bodies, expected) in [
        (
            EmbeddingForm::OpenAi,
            vec![
                r#"{"data":[{"index":1,"embedding":[2.50]},{"index":0,"embedding":"AACAPw=="}],"usage":{"prompt_tokens":3}}"#,
            ],
            (vec!["[1.0]", "[2.50]"], Some(3)),
        ),
        (
            EmbeddingForm::Cohere,
            vec![r#"{"embeddings":{"float":[[1],[2]]},"meta":{"billed_units":{"input_tokens":4.0}}}"#],
            (vec!["[1]", "[2]"], Some(4)),
        ),
        (EmbeddingForm::BedrockCohere, vec![r#"{"embeddings":[[1],[2]]}"#], (vec!["[1]", "[2]"], None)),
        (
            EmbeddingForm::Titan,
            vec![r#"{"embedding":[1],"inputTextTokenCount":2}"#, r#"{"embedding":[2],"inputTextTokenCount":3}"#],
            (vec!["[1]", "[2]"], Some(5)),
        ),
        (
            EmbeddingForm::GeminiMany,
            vec![r#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#],
            (vec!["[1]", "[2]"], None),
        ),
        (
            EmbeddingForm::Vertex,
            vec![
                r#"{"predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":2.0,"truncated":false}}}]}"#,
                r#"{"predictions":[{"embeddings":{"values":[2],"statistics":{"token_count":2}}}]}"#,
            ],
            (vec!["[1]", "[2]"], Some(4)),
        ),
    ] {
        let bodies: Vec<_> = bodies.into_iter().map(str::as_bytes).collect();
        let read = form.read_responses(&bodies, 2).unwrap();
        let vectors: Vec<_> = read.vectors.iter().map(|vector| vector.as_str()).collect();
        assert_eq!((vectors, read.input_tokens), expected, "{form:?}");
        assert!(form.read_responses(&bodies, 3).is_err(), "{form:?}");
        assert!(form.read_responses(&[b"{}"], 1).is_err(), "{form:?}");
    }
}

#[test]
fn what_can_not_be_said_elsewhere_is_refused_by_name() {
    for (form, body, field) in [
        (EmbeddingForm::OpenAi, r#"{"input":[1,2]}"#, "input"),
        (EmbeddingForm::OpenAi, r#"{"input":[]}"#, "(body)"),
        (EmbeddingForm::OpenAi, r#"{"input":"a","encoding_format":"hex"}"#, "encoding_format"),
        (EmbeddingForm::Cohere, r#"{"texts":["a"],"embedding_types":["int8"]}"#, "embedding_types"),
        (EmbeddingForm::Cohere, r#"{"texts":["a"],"input_type":"x"}"#, "input_type"),
        (EmbeddingForm::GeminiOne, r#"{"content":{"parts":[]}}"#, "content.parts"),
        (
            EmbeddingForm::GeminiMany,
            r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":"b","taskType":"CLUSTERING"}]}"#,
            "requests[1].taskType",
        ),
        (
            EmbeddingForm::GeminiMany,
            r#"{"requests":[{"content":"a","outputDimensionality":1},{"content":"b"}]}"#,
            "requests[1].outputDimensionality",
        ),
        (EmbeddingForm::GeminiMany, r#"{"requests":[{"content":"a"}],"requests":[{"content":"b"}]}"#, "requests"),
        (EmbeddingForm::GeminiMany, r#"{"requests":[{"content":"a"},{"title":"b"}]}"#, "requests[1].content"),
        (EmbeddingForm::GeminiMany, r#"{"requests":[{"content":"a"},5]}"#, "requests[1]"),
        (
            EmbeddingForm::Vertex,
            r#"{"instances":[{"content":"a","task_type":"CLUSTERING"},{"content":"b"}]}"#,
            "instances[1].task_type",
        ),
        (EmbeddingForm::Vertex, r#"{"instances":[{"content":"a"},{"task_type":"x"}]}"#, "instances[1].content"),
        (EmbeddingForm::Vertex, r#"{"instances":[{"content":"a"}],"instances":[]}"#, "instances"),
        (EmbeddingForm::Titan, "{}", "(body)"),
        (EmbeddingForm::Vertex, "[]", "(body)"),
    ] {
        assert_eq!(form.read_request(body.as_bytes()).unwrap_err().field, field, "{body}");
    }
}

#[test]
fn texts_of_one_request_keep_what_each_has_alone() {
    for (form, body, fields) in [
        (
            EmbeddingForm::GeminiMany,
            r#"{"x":1,"requests":[{"content":"a"},{"content":"b","title":"t","y":2},{"content":"c"}],"z":3}"#,
            vec!["requests[1].y", "x", "z"],
        ),
        (
            EmbeddingForm::Vertex,
            r#"{"x":1,"instances":[{"content":"a"},{"content":"b","title":"t","y":2},{"content":"c"}],"z":3}"#,
            vec!["x", "z", "instances[1].y"],
        ),
    ] {
        let request = form.read_request(body.as_bytes()).unwrap();
        let named: Vec<_> = request.extras.iter().map(|extra| extra.field.as_str()).collect();
        assert_eq!(named, fields, "{form:?}");
        for to in [EmbeddingForm::GeminiOne, EmbeddingForm::Vertex] {
            let bodies = written(to, &request);
            let titled: Vec<_> = bodies.iter().map(|body| body.contains(r#""title":"t""#)).collect();
            assert_eq!(titled, [false, true, false], "{form:?} to {to:?}");
        }
        let [batch] = &written(EmbeddingForm::GeminiMany, &request)[..] else { panic!() };
        assert_eq!(EmbeddingForm::GeminiMany.read_request(batch.as_bytes()).unwrap().title(1), request.title(1));
    }
}

#[test]
fn tokens_without_number_are_counted_to_the_end_of_numbers() {
    let prediction = r#"{"embeddings":{"values":[1],"statistics":{"token_count":1e300}}}"#;
    let body = format!(r#"{{"predictions":[{prediction},{prediction}]}}"#);
    let read = EmbeddingForm::Vertex.read_responses(&[body.as_bytes()], 2).unwrap();
    assert_eq!(read.input_tokens, Some(u64::MAX));
}

#[test]
fn a_caller_who_wants_base64_gets_it() {
    let embeddings = Embeddings { vectors: vec![crate::exchange::json::Json::of(&[1.0_f32])], input_tokens: Some(1) };
    let reply = EmbeddingReply { encoding: Encoding::Base64, ..REPLY };
    let openai = text(EmbeddingForm::OpenAi.write_response(&embeddings, reply).unwrap());
    assert!(openai.contains(r#""embedding":"AACAPw==""#), "{openai}");
    let cohere = text(EmbeddingForm::Cohere.write_response(&embeddings, reply).unwrap());
    assert!(cohere.contains(r#""base64":["AACAPw=="]"#), "{cohere}");
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was_or_told(
        texts in proptest::collection::vec(".{1,20}", 1..4),
        dimensions in proptest::option::of(1..=100_000_u64),
        purpose in proptest::option::of(proptest::sample::select(&Purpose::ALL)),
        title in proptest::option::of(".{0,9}"),
        truncation in proptest::option::of(proptest::sample::select(&[Truncation::Start, Truncation::End, Truncation::Never])),
    ) {
        let request = EmbeddingRequest {
            inputs: texts.iter().map(|text| text.as_str().into()).collect(),
            purpose,
            titles: vec![title.as_deref().map(Into::into)],
            dimensions: dimensions.map(Into::into),
            truncation,
            ..EmbeddingRequest::default()
        };
        for form in FORMS {
            let bodies = form.write_requests(&request, "m").unwrap();
            // They have fields for all of it, under one name or the other.
            let told = [form.notes(&request, EmbeddingForm::Vertex), form.notes(&request, EmbeddingForm::Cohere)].concat();
            let is_told = |field: &str, how: &str| told.iter().any(|note| note.contains(field) && note.contains(how));
            let first = form.read_request(&bodies[0]).unwrap();
            for (field, is_same, is_there) in [
                ("task_type", first.purpose == purpose, first.purpose.is_some()),
                ("title", first.title(0) == request.title(0), first.title(0).is_some()),
                ("truncate", first.truncation == truncation, first.truncation.is_some()),
            ] {
                // Cohere's form always says what the vectors are for.
                // OpenAI and Titan refuse what is too long.
                let is_refusing = matches!(form, EmbeddingForm::OpenAi | EmbeddingForm::Titan);
                let is_default = match field {
                    "task_type" => purpose.is_none(),
                    "truncate" => is_refusing && truncation == Some(Truncation::Never),
                    _ => false,
                };
                prop_assert_eq!(is_told(field, "was "), !is_same && !is_default, "{:?} {}", form, field);
                prop_assert_eq!(is_told(field, "left out"), !is_same && !is_there && !is_default, "{:?} {}", form, field);
            }
            let mut inputs = Vec::new();
            for body in &bodies {
                let read = form.read_request(body).unwrap();
                prop_assert_eq!(read.dimensions.as_ref(), request.dimensions.as_ref());
                inputs.extend(read.inputs);
            }
            prop_assert_eq!(&inputs, &request.inputs, "{:?}", form);
            let one = matches!(form, EmbeddingForm::GeminiOne | EmbeddingForm::Titan);
            let vectors = if one { 1 } else { texts.len() };
            let vectors = (0..vectors).map(|at| crate::exchange::json::Json::of(&[at as f32 + 0.25]));
            let embeddings = Embeddings { vectors: vectors.collect(), input_tokens: None };
            let answer = form.write_response(&embeddings, REPLY).unwrap();
            let read = form.read_responses(&[&answer], embeddings.vectors.len()).unwrap();
            prop_assert_eq!(read.vectors, embeddings.vectors, "{:?}", form);
        }
    }
}

/// What of a caller's body is told for each of the other forms that say it otherwise.
fn told(caller: EmbeddingForm, body: &str) -> Vec<(EmbeddingForm, Vec<String>)> {
    let request = caller.read_request(body.as_bytes()).unwrap();
    let told = FORMS.into_iter().map(|form| (form, form.notes(&request, caller)));
    told.filter(|(_, notes)| !notes.is_empty()).collect()
}

#[test]
fn what_a_form_says_otherwise_is_told_in_the_callers_words() {
    use EmbeddingForm::*;
    let left_out = |field: &str| format!("the field {field} was left out: the model has no such thing");
    let nearest = |field: &str| format!("the field {field} was moved to the nearest that the model offers");
    let one = r#"{"content":{"parts":[{"text":"a"}]},"taskType":"FACT_VERIFICATION","title":"t"}"#;
    let (purpose, title) = (left_out("taskType"), left_out("title"));
    let moved = vec![nearest("taskType"), title.clone()];
    let without = vec![purpose, title];
    assert_eq!(
        told(GeminiOne, one),
        [(OpenAi, without.clone()), (Cohere, moved.clone()), (BedrockCohere, moved), (Titan, without)]
    );
    let many = r#"{"requests":[{"content":"a"},{"content":"b","title":"t"}]}"#;
    let title = vec![left_out("requests[].title")];
    assert_eq!(told(GeminiMany, many), [OpenAi, Cohere, BedrockCohere, Titan].map(|form| (form, title.clone())));
    let whole = r#"{"instances":[{"content":"a","task_type":"CLUSTERING"}],"parameters":{"autoTruncate":false}}"#;
    let purpose = vec![left_out("instances[].task_type")];
    let truncation = vec![left_out("parameters.autoTruncate")];
    assert_eq!(
        told(Vertex, whole),
        [(OpenAi, purpose.clone()), (GeminiOne, truncation.clone()), (GeminiMany, truncation), (Titan, purpose)]
    );
    let start = r#"{"texts":["a"],"input_type":"search_query","truncate":"START"}"#;
    let both = vec![left_out("input_type"), left_out("truncate")];
    let truncation = vec![left_out("truncate")];
    assert_eq!(
        told(Cohere, start),
        [
            (OpenAi, both.clone()),
            (GeminiOne, truncation.clone()),
            (GeminiMany, truncation),
            (Vertex, vec![nearest("truncate")]),
            (Titan, both)
        ]
    );
    assert_eq!(told(OpenAi, r#"{"input":"a","dimensions":8}"#), []);
}

#[test]
fn a_purpose_that_is_not_known_goes_to_google_alone() {
    let body = |word: &str| format!(r#"{{"content":"a","taskType":"{word}"}}"#);
    let new = body("SOMETHING_NEW");
    let forms: Vec<_> = told(EmbeddingForm::GeminiOne, &new).into_iter().map(|(form, _)| form).collect();
    use EmbeddingForm::{BedrockCohere, Cohere, OpenAi, Titan};
    assert_eq!(forms, [OpenAi, Cohere, BedrockCohere, Titan]);
    let request = EmbeddingForm::GeminiOne.read_request(new.as_bytes()).unwrap();
    assert!(written(EmbeddingForm::Vertex, &request)[0].contains(r#""task_type":"SOMETHING_NEW""#));
    assert_eq!(told(EmbeddingForm::GeminiOne, &body("TASK_TYPE_UNSPECIFIED")), []);
}

#[test]
fn nobody_asks_for_more_than_a_provider_should_have_to_give() {
    let body = |texts: usize, more: &str| format!(r#"{{"input":[{}]{more}}}"#, vec![r#""a""#; texts].join(","));
    let read = |body: &str| EmbeddingForm::OpenAi.read_request(body.as_bytes()).map(|request| request.inputs.len());
    assert_eq!(read(&body(2048, "")), Ok(2048));
    for body in [body(2049, ""), body(1, r#","dimensions":1e99"#), body(1, r#","dimensions":100001"#)] {
        assert_eq!(read(&body).unwrap_err().field, "(body)");
    }
    let request = body(257, "");
    let request = EmbeddingForm::OpenAi.read_request(request.as_bytes()).unwrap();
    assert!(EmbeddingForm::Titan.write_requests(&request, "m").is_err());
    assert_eq!(EmbeddingForm::Cohere.write_requests(&request, "m").unwrap().len(), 1);
}
