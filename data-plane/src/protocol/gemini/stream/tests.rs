use super::*;
use crate::exchange::message::{Citation, Image, Source};
use crate::protocol::Reader as _;

const SEED: Seed<'_> = Seed { id: "0123456789abcdef0123456789abcdef" };

/// What a stream gives: its events as they are shown, and how far each took it.
fn read(events: &[&str]) -> (Vec<String>, Vec<Result<Progress, Fault>>) {
    let mut reader = Reader::new(&SEED);
    let mut given = Vec::new();
    let progress = events.iter().map(|data| {
        let frame = Frame::Event { name: "", data: data.as_bytes() };
        reader.read(frame, &mut |event| given.push(format!("{event:?}")))
    });
    let progress = progress.collect();
    (given, progress)
}

fn shown(events: impl IntoIterator<Item = Event<'static>>) -> Vec<String> {
    events.into_iter().map(|event| format!("{event:?}")).collect()
}

fn piece(piece: Piece<'static>) -> Event<'static> {
    Event::Piece { choice: 0, piece }
}

fn begin(usage: Usage) -> Event<'static> {
    Event::Begin { id: Some("r".into()), model: Some("m".into()), usage }
}

fn used(input: u64, output: Option<u64>) -> Usage {
    Usage { input: Some(input), output, ..Usage::default() }
}

#[test]
fn each_event_has_new_parts_and_all_of_the_usage() {
    let (given, progress) = read(&[
        r#"{"candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "Hi"}], "role": "model"}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 3}, "modelVersion": "m", "responseId": "r"}"#,
        r#"{"candidates": [{"content": {"parts": [
                {"functionCall": {"name": "f", "args": {"a": "\u00e9"}}, "thoughtSignature": "s"}, {"functionCall": {"name": "g", "id": "x"}}
            ]}}], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5}, "modelVersion": "m", "responseId": "r"}"#,
        r#"{"candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "t"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5}}"#,
        r#"{"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 6}}"#,
        "",
    ]);
    let call = |call,
                id: &'static str,
                name: &'static str,
                signature: Option<&'static str>,
                arguments: &'static str| {
        [
            piece(Piece::ToolBegin { call, id: id.into(), name: name.into(), signature: signature.map(Into::into) }),
            piece(Piece::ToolArguments { call, fragment: arguments.into() }),
            piece(Piece::ToolEnd { call }),
        ]
    };
    let mut expected = vec![
        begin(used(3, None)),
        piece(Piece::Reasoning("hm".into())),
        piece(Piece::Text("Hi".into())),
        Event::Usage(used(3, None)),
    ];
    expected.extend(call(0, "call_0123456789abcdef01234567_0", "f", Some("s"), r#"{"a": "\u00e9"}"#));
    expected.extend(call(1, "x", "g", None, "{}"));
    expected.push(Event::Usage(used(3, Some(5))));
    expected.push(Event::Finish { choice: 0, finish: Finish::ToolCalls });
    expected.push(Event::Usage(used(3, Some(6))));
    assert_eq!(given, shown(expected));
    let finished = Ok(Progress::Finished);
    assert_eq!(progress, [Ok(Progress::More), Ok(Progress::More), finished.clone(), finished.clone(), finished]);
}

#[test]
fn a_stream_is_whole_when_every_alternative_is_over() {
    let (given, progress) = read(&[
        r#"{"candidates": [{"content": {"parts": [{"text": "a"}]}}, {"index": 1, "content": {"parts": [{"text": "b"}]}}]}"#,
        r#"{"candidates": [{"finishReason": "STOP"}]}"#,
        r#"{"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]}"#,
    ]);
    assert_eq!(progress, [Ok(Progress::More), Ok(Progress::More), Ok(Progress::Finished)]);
    let ends = [(0, Finish::Stop), (1, Finish::Length)].map(|(choice, finish)| Event::Finish { choice, finish });
    assert_eq!(given[3..], shown(ends));
}

#[test]
fn alternatives_beyond_any_number_are_no_answer() {
    let events = (0..=MOST_CHOICES).map(|index| format!(r#"{{"candidates": [{{"index": {index}}}]}}"#));
    let events: Vec<String> = events.collect();
    let (_, progress) = read(&events.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(progress[..MOST_CHOICES].iter().all(Result::is_ok) && progress[MOST_CHOICES].is_err());
}

#[test]
fn a_prompt_that_was_blocked_ends_the_stream() {
    let (given, progress) =
        read(&[r#"{"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m", "responseId": "r"}"#]);
    let expected = [begin(Usage::default()), Event::Finish { choice: 0, finish: Finish::Filtered }];
    assert_eq!((given, progress), (shown(expected), vec![Ok(Progress::Finished)]));
}

#[test]
fn signatures_of_thoughts_images_and_sources_are_given_as_they_come() {
    let (given, _) = read(&[
        r#"{"candidates": [{"content": {"parts": [{"text": "", "thought": true, "thoughtSignature": "s"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]},
            "groundingMetadata": {"groundingChunks": [{"web": {"uri": "u"}}]}}], "modelVersion": "m", "responseId": "r"}"#,
    ]);
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    let expected = [
        begin(Usage::default()),
        piece(Piece::ReasoningSignature("s".into())),
        piece(Piece::Image(Image { source, detail: None })),
        piece(Piece::Citation(Citation { url: Some("u".into()), ..Citation::default() })),
    ];
    assert_eq!(given, shown(expected));
}

#[test]
fn errors_end_the_stream_in_each_of_their_forms() {
    let error = r#"{"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}"#;
    for (data, status) in [
        (error.to_owned(), 503),
        (format!("[{error}\n]\n"), 503),
        (r#"{"error": {"message": "m"}}"#.to_owned(), 500),
        ("<html>".to_owned(), 502),
        (r#"{"candidates": 5}"#.to_owned(), 502),
        (r#"{"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}"#.to_owned(), 502),
        (r#"{"candidates": [{"content": {"parts": [{"functionCall": {}}]}}]}"#.to_owned(), 502),
    ] {
        let (_, progress) = read(&[r#"{"candidates": [{"content": {"parts": [{"text": "a"}]}}]}"#, &data]);
        let [Ok(Progress::More), Err(fault)] = progress.as_slice() else { panic!("{data}: {progress:?}") };
        assert_eq!(fault.status.as_u16(), status, "{data}");
        let said = crate::protocol::gemini::error::given(&http::HeaderMap::new(), &fault.body);
        assert!(said.is_some(), "{data}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        drop(Reader::new(&SEED).read(Frame::Event { name: "", data: &bytes }, &mut |_| ()));
        drop(Reader::new(&SEED).read(Frame::Exception { name: "", data: &bytes }, &mut |_| ()));
    }
}
