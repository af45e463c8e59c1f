//! Requests and whole answers, each before every writer.

use shared::adapter::Delivery;
use shared::catalog::rules::{CallIds, MaxTokensField, ReasoningForm, SchemaForm};

use super::asked::Asked;
use super::stream::written_well;
use super::told::{self, End, Told};
use super::{ID, REPLY, choice};
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::request::Request;
use crate::json::JsonError;
use crate::protocol::provenance::{self, passing};
use crate::protocol::translate::{Between, whole};
use crate::protocol::{Dialect, Seed, Target, limits, ways};

/// A caller's request, written for every upstream.
pub(super) fn request(from: Dialect, bytes: &[u8]) {
    // What the routes let through.
    if crate::json::members(bytes, |_, _| Ok::<_, JsonError>(())).is_err() {
        return;
    }
    let manner = manner(choice(bytes, 4));
    passed(from, bytes, &manner);
    if let Ok(mut request) = from.protocol().read_request(bytes) {
        request.name_results();
        let delivery = if choice(bytes, 3) == 0 { Delivery::Whole } else { Delivery::Stream };
        let target = Target { model: "m", delivery, manner: &manner };
        Dialect::ALL.into_iter().for_each(|to| written(&request, from, to, &target));
    }
}

/// What changes in a request that passes leaves one that the routes take, in which nothing is left to change.
fn passed(dialect: Dialect, bytes: &[u8], manner: &Manner) {
    let edited = |bytes: &[u8]| passing::applied(bytes, &passing::edits(bytes, dialect, manner));
    let once = edited(bytes);
    assert!(once == bytes || crate::json::members(&once, |_, _| Ok::<_, JsonError>(())).is_ok());
    assert_eq!(edited(&once), once);
}

fn manner(which: usize) -> Manner {
    match which {
        0 => UNKNOWN.clone(),
        1 => Manner { reasoning: ReasoningForm::Budget, call_ids: CallIds::Absent, ..UNKNOWN.clone() },
        2 => Manner { schema: SchemaForm::Tool, reasoning_field: Some("reasoning_content".into()), ..UNKNOWN.clone() },
        _ => Manner {
            reasoning: ReasoningForm::None,
            max_tokens_field: MaxTokensField::MaxTokens,
            max_temperature: Some(1),
            call_ids: CallIds::Nine,
            ..UNKNOWN.clone()
        },
    }
}

/// What is written of a request is JSON that the routes take, and that its own reader reads as a conversation in which everything is said that
/// was.
fn written(request: &Request<'_>, from: Dialect, to: Dialect, target: &Target<'_>) {
    let to = ways::better(request, from, to, target.manner);
    let request = &*provenance::for_upstream(request, from, to);
    let is_sayable = limits::check(request, from, to).is_ok();
    if !is_sayable || limits::check_model(request, from, to, target.manner).is_err() {
        return;
    }
    let Ok(outgoing) = to.protocol().write_request(request, target) else { return };
    let shown = || format!("{from:?} to {to:?}: {}", String::from_utf8_lossy(&outgoing.body));
    let read = crate::json::members(&outgoing.body, |_, _| Ok::<_, JsonError>(()));
    // What a writer puts around JSON of the caller's may come to be too deep for our own routes, and not for anybody else's.
    assert!(matches!(read, Ok(()) | Err(JsonError::TooDeep)), "{read:?} {}", shown());
    let asked = Asked::of(request);
    match to.protocol().read_request(&outgoing.body).map(|read| Asked::of(&read)) {
        Ok(written) => assert!(asked.is_in(&written), "{}\nasked {asked:?}\nwritten {written:?}", shown()),
        // A conversation of nothing is one in some formats, and for the upstream to refuse in the others.
        Err(unreadable) => {
            let says_nothing = request.messages.iter().all(|message| message.parts.is_empty());
            assert!(says_nothing, "{unreadable:?} {}", shown());
        }
    }
}

/// An upstream's whole answer, for every caller: as one, and as a stream.
pub(super) fn answer(upstream: Dialect, bytes: &[u8]) {
    let Ok(response) = upstream.protocol().read_response(bytes, &Seed { id: ID }) else { return };
    let answers_by_tool = choice(bytes, 2) == 0;
    for caller in Dialect::ALL {
        let between = Between { upstream, caller, answers_by_tool, reply: REPLY };
        let came = || told::of_response(&response, answers_by_tool);
        if let Ok(body) = whole::whole(&between, bytes) {
            let shown = || format!("{upstream:?} to {caller:?}: {}", String::from_utf8_lossy(&body));
            let told = match caller.protocol().read_response(&body, &Seed { id: ID }) {
                Ok(read) => (told::of_response(&read, false), End::Well),
                Err(_) => (Told::default(), End::Failed),
            };
            written_well(caller, came(), told, &shown);
        }
        if let Ok(stream) = whole::streamed(&between, bytes) {
            let shown = || format!("{upstream:?} to {caller:?}: {}", String::from_utf8_lossy(&stream));
            written_well(caller, came(), told::of_stream(caller, &stream), &shown);
        }
    }
}
