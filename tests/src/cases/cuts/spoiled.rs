//! All the ways in which a stream can go wrong.

use bytes::{Bytes, BytesMut};

use crate::cutter::Ending;
use crate::standin::{Dialect, Specimen};

/// A stream that was spoiled, or not.
#[derive(Debug, Clone)]
pub(super) struct Spoiled {
    /// What was done to it.
    pub(super) what: String,
    /// What is left.
    pub(super) body: Bytes,
    pub(super) ending: Ending,
    pub(super) fate: Fate,
}

/// What has to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// A good end.
    Whole,
    /// The same, but for what was cut off behind the answer.
    Finishes,
    /// An error in the caller's format, which the answer may stand before: it was whole, and not all of the stream.
    FailsLate,
    /// A good end, since the upstream said that nothing would come; what came was an error, which may be told.
    IsOver,
    /// An error in the caller's format.
    Fails,
    /// A failure with a status: nothing of an event came before it.
    IsRefused,
}

impl Fate {
    /// Whether a good end would be a lie.
    pub(super) fn is_bad(self) -> bool {
        match self {
            Self::Whole | Self::Finishes | Self::IsOver => false,
            Self::FailsLate | Self::Fails | Self::IsRefused => true,
        }
    }
}

/// A stream cut at the boundary of every event and inside every event, and failing at every boundary; and whole.
pub(super) fn all(dialect: Dialect, specimen: &Specimen) -> Vec<Spoiled> {
    let mut all = vec![whole(specimen)];
    for ending in [Ending::Clean, Ending::Reset] {
        for (index, event) in specimen.events.iter().enumerate() {
            // An end is whole without the empty line behind it, so the last byte of its JSON has to be missing.
            for inside in [0, 1, event.len() / 2, event.len() - 4] {
                all.push(cut(dialect, specimen, index, inside, ending));
            }
        }
    }
    for index in 0..specimen.events.len() {
        all.push(failing(dialect, specimen, index, &specimen.failure, "fails"));
        if dialect == Dialect::Bedrock {
            let mut wrong = specimen.events[index].to_vec();
            let middle = wrong.len() / 2;
            wrong[middle] ^= 1;
            all.push(failing(dialect, specimen, index, &wrong.into(), "has a wrong checksum"));
        }
    }
    all
}

/// A stream cut at every so many bytes, from the first on.
pub(super) fn everywhere(dialect: Dialect, specimen: &Specimen, step: usize) -> Vec<Spoiled> {
    let mut all = vec![whole(specimen)];
    for (index, event) in specimen.events.iter().enumerate() {
        for inside in (0..event.len() - 3).step_by(step) {
            all.push(cut(dialect, specimen, index, inside, Ending::Clean));
        }
    }
    all
}

fn whole(specimen: &Specimen) -> Spoiled {
    Spoiled { what: "whole".into(), body: specimen.events.concat().into(), ending: Ending::Clean, fate: Fate::Whole }
}

fn cut(dialect: Dialect, specimen: &Specimen, index: usize, inside: usize, ending: Ending) -> Spoiled {
    let mut body = BytesMut::from(&*specimen.events[..index].concat());
    body.extend_from_slice(&specimen.events[index][..inside]);
    let what = format!("cut {inside} bytes into event {index}, {ending:?}");
    let fate = match fate(dialect, specimen, index) {
        Fate::IsOver => Fate::Whole,
        // It ends as HTTP ends, behind an event that says that the answer is whole.
        Fate::FailsLate if inside == 0 && ending == Ending::Clean => Fate::Finishes,
        fate => fate,
    };
    Spoiled { what, body: body.freeze(), ending, fate }
}

/// The stream goes on behind the failure as if nothing had been.
fn failing(dialect: Dialect, specimen: &Specimen, index: usize, failure: &Bytes, how: &str) -> Spoiled {
    let (before, after) = specimen.events.split_at(index);
    let body = [before.concat(), failure.to_vec(), after.concat()].concat();
    let what = format!("{how} before event {index}");
    Spoiled { what, body: body.into(), ending: Ending::Clean, fate: fate(dialect, specimen, index) }
}

/// What becomes of a stream that is spoiled at some event.
fn fate(dialect: Dialect, specimen: &Specimen, index: usize) -> Fate {
    match index {
        0 => Fate::IsRefused,
        index if index <= specimen.last => Fate::Fails,
        // Its `message-end` is the end, whatever comes.
        _ if dialect == Dialect::Cohere => Fate::IsOver,
        _ => Fate::FailsLate,
    }
}
