//! What is made of a request before anything is called: the targets that it may go to, and the body for each.

use std::ops::Range;

use bytes::Bytes;
use shared::adapter::{Format, Operation};

use super::say::way;
use crate::error::{Refusal, shown};
use crate::protocol::Dialect;
use crate::protocol::provenance::passing;
use crate::protocol::route::Asked;
use crate::snapshot::route::{NoRoute, Plan, Stop};
use crate::upstream::Payload;

/// A body for a target.
#[derive(Debug)]
pub(super) struct Shaped {
    pub(super) payload: Payload,
    /// The fields that were left out because the model refuses them, in the words of the target's format.
    pub(super) refused: Vec<String>,
}

/// The caller's body for a target of the same format: the bytes as they came, but for the model's name, what other providers signed, and what
/// [`shaped`] does.
pub(super) fn payload(body: &Bytes, asked: &Asked<'_>, operation: Operation, stop: &Stop) -> Shaped {
    let renamed = asked.model_at.clone().filter(|_| *stop.upstream_model != *asked.model);
    let is_conversation = Dialect::of(stop.upstream.format, operation).is_some();
    let mut changed = if is_conversation { passing::edits(body) } else { Vec::new() };
    changed.extend(renamed.map(|at| (at, quoted(&stop.upstream_model))));
    shaped(body, &changed, operation, stop)
}

/// A body for a target, the caller's with its changes or one that was written for it: without the fields that the model refuses, with those that it calls
/// otherwise by their names, and with those that the provider sets where they are absent.
pub(super) fn shaped(body: &Bytes, changes: &[(Range<usize>, Vec<u8>)], operation: Operation, stop: &Stop) -> Shaped {
    let fields = stop.fields(operation);
    let lacking = stop.defaults(operation).lacking(body, fields);
    let changed = fields.edits(body);
    let mut edits = changed.edits;
    // What is lacking stands behind the last member, or alone.
    edits.extend(changes.iter().chain(&lacking).map(|(at, with)| (at.clone(), with.as_slice())));
    edits.sort_by_key(|(at, _)| at.start);
    let payload = if edits.is_empty() { Payload::whole(body.clone()) } else { Payload::edited(body, &edits) };
    Shaped { payload, refused: changed.dropped.into_iter().map(str::to_owned).collect() }
}

/// Leaves out the targets that can't be spoken to: what is no conversation is said in its own format only.
pub(super) fn keep_those_that_speak(
    format: Format,
    operation: Operation,
    plan: &mut Plan,
    model: &str,
) -> Result<(), Refusal> {
    let spoken = plan.stops.first().map(|stop| stop.upstream.format);
    plan.stops.retain(|stop| way(format, operation, stop).is_some());
    match spoken {
        Some(spoken) if plan.stops.is_empty() => Err(Refusal::OtherFormat { model: shown(model), spoken }),
        _ => Ok(()),
    }
}

/// What it is to the caller that a request goes nowhere.
pub(super) fn no_route(no: NoRoute, model: &str) -> Refusal {
    let model = shown(model);
    match no {
        NoRoute::Unknown => Refusal::ModelUnknown { model },
        NoRoute::NotAllowed => Refusal::ModelNotAllowed { model },
        NoRoute::NoTarget => Refusal::NoTarget { model },
    }
}

/// A name as a JSON string.
fn quoted(name: &str) -> Vec<u8> {
    // A string always serializes.
    serde_json::to_vec(name).unwrap_or_default()
}
