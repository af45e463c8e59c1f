//! Streams, split in any way, in their own format and in every other.

use bytes::Bytes;
use http::StatusCode;
use shared::adapter::Delivery;

use super::told::{self, Choice, End, Told, Why};
use super::{REPLY, choice};
use crate::protocol::Dialect;
use crate::protocol::error::Problem;
use crate::protocol::translate::Between;
use crate::protocol::watch::{Ending, Watch};

/// A stream in its own format, and into every other.
pub(super) fn every(upstream: Dialect, bytes: &[u8]) {
    same_format(upstream, bytes);
    for caller in Dialect::ALL {
        let answers_by_tool = choice(bytes, 2) == 0;
        translated(&Between { upstream, caller, answers_by_tool, reply: REPLY }, bytes);
    }
}

/// What comes of a stream.
#[derive(Debug, PartialEq)]
struct Ran {
    given: Vec<u8>,
    ending: Ending,
    has_error: bool,
}

/// Feeds a stream in pieces of a size, as a relay does, and past its error.
fn run(watch: &mut Watch, bytes: &[u8], size: usize) -> Ran {
    let mut given = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        given.extend_from_slice(&watch.feed(Bytes::copy_from_slice(piece)));
        if watch.error().is_some() {
            if matches!(watch, Watch::Translation(_)) {
                assert!(watch.feed(Bytes::copy_from_slice(bytes)).is_empty(), "nothing follows an error");
                assert_eq!(watch.end(), (Bytes::new(), Ending::Cut), "nothing follows an error");
            }
            return Ran { given, ending: Ending::Cut, has_error: true };
        }
    }
    let (rest, ending) = watch.end();
    let has_error = watch.error().is_some();
    // What a relay drops.
    if ending == Ending::Well || has_error {
        given.extend_from_slice(&rest);
    }
    Ran { given, ending, has_error }
}

/// The type of a stream's content.
fn content_type(dialect: Dialect) -> &'static [u8] {
    if dialect == Dialect::Bedrock { b"application/vnd.amazon.eventstream" } else { b"text/event-stream" }
}

/// A stream that passes is the same however it is split, and ends well only as it came.
fn same_format(dialect: Dialect, bytes: &[u8]) {
    let run = |size| {
        let watch = Watch::of(dialect.format(), dialect.operation(), Delivery::Stream, content_type(dialect));
        watch.map(|mut watch| run(&mut watch, bytes, size))
    };
    let (Some(ran), Some(split)) = (run(bytes.len()), run(choice(bytes, 97) + 1)) else { return };
    // Damaged bytes may be seen as an error or as a cut, as they are split: the caller gets an error for either.
    assert_eq!(ran.ending, split.ending);
    assert!(ran.ending == Ending::Cut || !ran.has_error);
    // What passes is as the upstream wrote it, its damage too.
    if ran.has_error && (dialect == Dialect::Bedrock || std::str::from_utf8(bytes).is_ok()) {
        for ran in [&ran, &split].into_iter().filter(|ran| ran.has_error) {
            let (_, end) = told::of_stream(dialect, last_event(dialect, &ran.given));
            // Our reader of Amazon's frames stops at their end, behind which damage may still be told.
            let is_behind_the_end = dialect == Dialect::Bedrock && end == End::Well;
            assert!(end == End::Failed || is_behind_the_end, "{dialect:?}: {}", String::from_utf8_lossy(&ran.given));
        }
    }
    if ran.ending == Ending::Well {
        assert!(ran.given == bytes && split.given == bytes, "{dialect:?}: what ends well passes as it came");
    }
}

/// A stream's last event alone. In damaged bytes before it our reader may see JSON to the end, where callers see lines that say nothing.
fn last_event(dialect: Dialect, stream: &[u8]) -> &[u8] {
    if dialect == Dialect::Bedrock {
        return stream;
    }
    let line_before = |end: usize| memchr::memrchr2(b'\n', b'\r', &stream[..end]).map_or(0, |at| at + 1);
    let begins_line =
        |at: &usize| matches!(stream.get(*at), Some(b'\n' | b'\r')) && stream[*at + 1..].starts_with(b"data:");
    let Some(data) = (0..stream.len()).rev().find(begins_line) else { return stream };
    let before = line_before(data);
    if stream[before..].starts_with(b"event:") { &stream[before..] } else { &stream[data + 1..] }
}

/// What a caller gets is one stream of their format, which says what the upstream said, and ends as it ended.
fn translated(between: &Between<'_>, bytes: &[u8]) {
    let Between { upstream, caller, .. } = *between;
    let watch = || Watch::between(between, Delivery::Stream, content_type(upstream));
    let (Some(mut whole), Some(mut pieces)) = (watch(), watch()) else { return };
    let ran = run(&mut whole, bytes, bytes.len());
    let split = run(&mut pieces, bytes, choice(bytes, 97) + 1);
    let shown = || format!("{upstream:?} to {caller:?}: {}", String::from_utf8_lossy(&ran.given));
    assert!(ran == split, "{} but split\n{}", shown(), String::from_utf8_lossy(&split.given));
    let (told, end) = told::of_stream(caller, &ran.given);
    match (ran.ending, ran.has_error) {
        (Ending::Well, has_error) => {
            assert!(!has_error, "{}", shown());
            let came = told::of_upstream(upstream, bytes, between.answers_by_tool);
            written_well(caller, came, (told, end), &shown);
        }
        (Ending::Cut, true) => assert_eq!(end, End::Failed, "{}", shown()),
        (Ending::Cut, false) => {
            assert_eq!(end, End::Cut, "{}", shown());
            let problem = Problem { status: StatusCode::BAD_GATEWAY, code: "upstream_error", message: "cut".into() };
            let last = [&*ran.given, &whole.last_event(&problem)].concat();
            assert_eq!(told::of_stream(caller, &last).1, End::Failed, "{}", shown());
        }
    }
}

/// What was written of an answer that ended well is a stream that does so.
pub(super) fn written_well(caller: Dialect, came: Told, (told, end): (Told, End), shown: &dyn Fn() -> String) {
    let is = |why| came.choices.values().any(|choice| choice.why == why);
    if caller == Dialect::Cohere && (is(Why::Filtered) || is(Why::Refused) && end == End::Failed) {
        // It has no word for a filter but `ERROR`, nor for a refusal without words.
        assert_eq!(end, End::Failed, "{}", shown());
        return;
    }
    assert_eq!(end, End::Well, "{}", shown());
    same(caller, came, told, shown);
}

/// Two answers say the same, as far as the caller's format can.
pub(super) fn same(caller: Dialect, mut came: Told, mut told: Told, shown: &dyn Fn() -> String) {
    match caller {
        Dialect::Chat | Dialect::Gemini => {}
        // They have one alternative. Who asked for more was refused.
        Dialect::Responses | Dialect::Anthropic | Dialect::Bedrock | Dialect::Cohere => {
            came.choices.retain(|index, _| *index == 0);
        }
    }
    if caller == Dialect::Cohere {
        // An answer of nothing has a sentence that says why.
        let says_nothing =
            |index| came.choices.get(index).is_none_or(|came| came.said.is_empty() && came.calls.is_empty());
        let choices = told.choices.iter_mut().filter(|(index, _)| says_nothing(*index));
        choices.for_each(|(_, choice)| choice.said.clear());
    }
    told.level(&came);
    came.level(&came.clone());
    // One that says nothing may be written or not.
    for side in [&mut came, &mut told] {
        side.choices.retain(|_, choice| *choice != Choice::default());
        // A format that writes calls whole writes each when it ends.
        side.choices.values_mut().for_each(|choice| choice.calls.sort());
    }
    assert!(came == told, "{}\ncame {came:?}\ntold {told:?}", shown());
}
