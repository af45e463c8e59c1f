//! What survives between any two formats, whatever is said. `PROPTEST_CASES=10000` tries more.

use proptest::prelude::*;
use proptest::sample::Index;
use shared::adapter::Delivery;

use super::gist::{Answered, Asked};
use crate::exchange::arbitrary;
use crate::exchange::event::{Ended, Event};
use crate::exchange::manner::UNKNOWN;
use crate::exchange::request::Request;
use crate::exchange::response::{Finish, Response};
use crate::protocol::translate::books::Books;
use crate::protocol::translate::whole::{streamed, whole};
use crate::protocol::translate::{Between, Translation};
use crate::protocol::watch::Ending;
use crate::protocol::{Dialect, Reply, Seed, Target};

pub(super) const ID: &str = "0123456789abcdef0123456789abcdef";

/// Between two dialects, upstream and caller.
pub(super) fn between(upstream: Dialect, caller: Dialect) -> Between<'static> {
    let reply = Reply { id: ID, created: 1, model: "m", wants_usage: true, knows_one_call: false };
    Between { upstream, caller, answers_by_tool: false, reply }
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

/// A request in the words of a dialect.
fn written(request: &Request<'_>, dialect: Dialect) -> Vec<u8> {
    let to = Target { model: "m", delivery: Delivery::Stream, manner: &UNKNOWN };
    dialect.protocol().write_request(request, &to).unwrap().body
}

fn read(body: &[u8], dialect: Dialect) -> Request<'_> {
    let mut request = dialect.protocol().read_request(body).unwrap();
    request.name_results();
    request
}

/// A stream as an upstream of a dialect writes it.
fn sent(dialect: Dialect, events: &[Event<'static>], ended: &Ended) -> Vec<u8> {
    let mut books = between(dialect, dialect).books();
    for event in events {
        books.enter(event.clone());
    }
    for (choice, finish) in &ended.finishes {
        books.enter(Event::Finish { choice: *choice, finish: finish.clone() });
    }
    books.enter(Event::Usage(ended.usage));
    assert!(books.trouble().is_none());
    closed(books)
}

fn closed(mut books: Books) -> Vec<u8> {
    books.close().unwrap();
    books.take().to_vec()
}

/// A stream as its caller gets it, in as many pieces as came.
fn got(between: &Between<'_>, pieces: &[&[u8]]) -> (Vec<u8>, Ending) {
    let mut translation = Translation::new(between);
    let mut given = Vec::new();
    for piece in pieces {
        given.extend_from_slice(&translation.feed(piece));
    }
    let (rest, ending) = translation.end();
    given.extend_from_slice(&rest);
    (given, ending)
}

/// A whole answer in the words of a dialect.
fn answered(response: &Response<'_>, dialect: Dialect) -> Vec<u8> {
    dialect.protocol().write_response(response, &between(dialect, dialect).reply).unwrap()
}

/// A stream that all the dialects can say: Cohere's has a filter's word for a failure only.
fn sayable(
    (mut answer, events, mut ended): (Response<'static>, Vec<Event<'static>>, Ended),
    dialects: [Dialect; 2],
) -> (Response<'static>, Vec<Event<'static>>, Ended) {
    if dialects.contains(&Dialect::Cohere) && answer.choices[0].finish == Finish::Filtered {
        answer.choices[0].finish = Finish::Stop;
        ended.finishes = vec![(0, Finish::Stop)];
    }
    (answer, events, ended)
}

proptest! {
    #[test]
    fn a_conversation_is_the_same_in_every_format(
        mut request in arbitrary::conversation(),
        caller in dialect(),
        upstream in dialect(),
    ) {
        request.name_results();
        let asked = Asked::of(&request).told_in(caller);
        let body = written(&request, caller);
        let came = read(&body, caller);
        prop_assert_eq!(Asked::of(&came).without_defaults(&asked), asked, "in {:?}", caller);
        let went = written(&came, upstream);
        let told = Asked::of(&read(&went, upstream)).without_defaults(&Asked::of(&came));
        let expected = Asked::of(&came).told_in(upstream);
        prop_assert_eq!(told, expected, "{:?} to {:?}: {}", caller, upstream, String::from_utf8_lossy(&went));
    }

    #[test]
    fn a_stream_is_the_same_in_every_format(
        stream in arbitrary::stream(),
        caller in dialect(),
        upstream in dialect(),
    ) {
        let (answer, events, ended) = sayable(stream, [caller, upstream]);
        let came = sent(upstream, &events, &ended);
        let expected = Answered::of(&answer).told_in(upstream);
        let told = Answered::read(upstream, &came).map(|told| told.told_in(upstream));
        let spelled = String::from_utf8_lossy(&came);
        prop_assert_eq!(told, Some(expected.clone()), "in {:?}: {}", upstream, spelled);
        let (given, ending) = got(&between(upstream, caller), &[&came]);
        prop_assert_eq!(ending, Ending::Well);
        let told = Answered::read(caller, &given).map(|told| told.told_in(caller));
        let given = String::from_utf8_lossy(&given);
        prop_assert_eq!(told, Some(expected.told_in(caller)), "{:?} to {:?}:\n{}\n{}", upstream, caller, spelled, given);
    }

    #[test]
    fn a_stream_split_anywhere_is_the_same_stream(
        stream in arbitrary::stream(),
        caller in dialect(),
        upstream in dialect(),
        cuts in prop::collection::vec(any::<Index>(), 1..4),
    ) {
        let (_, events, ended) = sayable(stream, [caller, upstream]);
        let came = sent(upstream, &events, &ended);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(came.len() + 1)).chain([0, came.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &came[pair[0]..pair[1]]).collect();
        let between = between(upstream, caller);
        prop_assert_eq!(got(&between, &pieces), got(&between, &[&came]));
    }

    #[test]
    fn an_answer_is_the_same_whole_and_streamed(
        stream in arbitrary::stream(),
        caller in dialect(),
        upstream in dialect(),
    ) {
        let (answer, events, ended) = sayable(stream, [caller, upstream]);
        let between = between(upstream, caller);
        let expected = Answered::of(&answer).told_in(upstream).told_in(caller);
        let body = answered(&answer, upstream);
        let given = whole(&between, &body).unwrap();
        let at_once = Answered::of(&caller.protocol().read_response(&given, &Seed { id: ID }).unwrap());
        prop_assert_eq!(at_once.told_in(caller), expected.clone(), "whole, {:?} to {:?}", upstream, caller);
        let replayed = Answered::read(caller, &streamed(&between, &body).unwrap()).map(|told| told.told_in(caller));
        prop_assert_eq!(replayed, Some(expected.clone()), "replayed, {:?} to {:?}", upstream, caller);
        let (given, _) = got(&between, &[&sent(upstream, &events, &ended)]);
        let told = Answered::read(caller, &given).map(|told| told.told_in(caller));
        prop_assert_eq!(told, Some(expected), "streamed, {:?} to {:?}", upstream, caller);
    }
}
