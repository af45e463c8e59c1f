//! What is made of a request before anything is called: the targets that it may go to, and the body for each.

use bytes::Bytes;
use shared::adapter::{Format, Operation};

use crate::error::{Refusal, shown};
use crate::protocol::route::Asked;
use crate::snapshot::route::{NoRoute, Plan, Stop};
use crate::upstream::Payload;

/// The body for a target: the caller's bytes, but for the model's name, the fields that the model refuses or calls otherwise, and those that
/// the provider sets where they are absent.
pub(super) fn payload(body: &Bytes, asked: &Asked<'_>, operation: Operation, stop: &Stop) -> Payload {
    let renamed = asked.model_at.clone().filter(|_| *stop.upstream_model != *asked.model);
    let renamed = renamed.map(|at| (at, quoted(&stop.upstream_model)));
    let fields = stop.fields(operation);
    let lacking = stop.defaults(operation).lacking(body, fields);
    let mut edits = fields.edits(body).edits;
    // What is lacking stands behind the last member, or alone.
    edits.extend(renamed.iter().chain(&lacking).map(|(at, with)| (at.clone(), with.as_slice())));
    edits.sort_by_key(|(at, _)| at.start);
    if edits.is_empty() { Payload::whole(body.clone()) } else { Payload::edited(body, &edits) }
}

/// Leaves out the targets that speak another format than the caller.
pub(super) fn keep_those_that_speak(format: Format, plan: &mut Plan, model: &str) -> Result<(), Refusal> {
    let spoken = plan.stops.first().map(|stop| stop.upstream.format);
    plan.stops.retain(|stop| stop.upstream.format == format);
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
