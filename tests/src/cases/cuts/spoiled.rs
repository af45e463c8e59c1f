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
    /// A failure that can be seen.
    Fails,
    /// A failure with a status: nothing of an event came before it.
    IsRefused,
}

/// A stream cut at the boundary of every event and inside every event, and failing at every boundary; and whole.
pub(super) fn all(dialect: Dialect, specimen: &Specimen) -> Vec<Spoiled> {
    let mut all = vec![whole(specimen)];
    for ending in [Ending::Clean, Ending::Reset] {
        for (index, event) in specimen.events[..=specimen.last].iter().enumerate() {
            // An end is whole without the empty line behind it, so the last byte of its JSON has to be missing.
            for inside in [0, 1, event.len() / 2, event.len() - 4] {
                all.push(cut(specimen, index, inside, ending));
            }
        }
    }
    for index in 0..=specimen.last {
        all.push(failing(specimen, index, &specimen.failure, "fails"));
        if dialect == Dialect::Bedrock {
            let mut wrong = specimen.events[index].to_vec();
            let middle = wrong.len() / 2;
            wrong[middle] ^= 1;
            all.push(failing(specimen, index, &wrong.into(), "has a wrong checksum"));
        }
    }
    all
}

/// A stream cut at every so many bytes, from the first on.
pub(super) fn everywhere(specimen: &Specimen, step: usize) -> Vec<Spoiled> {
    let mut all = vec![whole(specimen)];
    for (index, event) in specimen.events[..=specimen.last].iter().enumerate() {
        for inside in (0..event.len() - 3).step_by(step) {
            all.push(cut(specimen, index, inside, Ending::Clean));
        }
    }
    all
}

fn whole(specimen: &Specimen) -> Spoiled {
    Spoiled { what: "whole".into(), body: specimen.events.concat().into(), ending: Ending::Clean, fate: Fate::Whole }
}

fn cut(specimen: &Specimen, index: usize, inside: usize, ending: Ending) -> Spoiled {
    let mut body = BytesMut::from(&*specimen.events[..index].concat());
    body.extend_from_slice(&specimen.events[index][..inside]);
    let what = format!("cut {inside} bytes into event {index}, {ending:?}");
    Spoiled { what, body: body.freeze(), ending, fate: fate(index) }
}

/// The stream goes on behind the failure as if nothing had been.
fn failing(specimen: &Specimen, index: usize, failure: &Bytes, how: &str) -> Spoiled {
    let (before, after) = specimen.events.split_at(index);
    let body = [before.concat(), failure.to_vec(), after.concat()].concat();
    let what = format!("{how} before event {index}");
    Spoiled { what, body: body.into(), ending: Ending::Clean, fate: fate(index) }
}

fn fate(index: usize) -> Fate {
    if index == 0 { Fate::IsRefused } else { Fate::Fails }
}
