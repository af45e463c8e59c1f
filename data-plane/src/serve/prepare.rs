//! What is made of a request before anything is called: the targets that it may go to, and the body for each.

use bytes::Bytes;
use shared::adapter::{Format, Operation};

use super::say::way;
use crate::error::{Refusal, shown};
use crate::protocol::route::Asked;
use crate::snapshot::route::{NoRoute, Plan, Stop};
use crate::upstream::Payload;

/// The body for a target: the caller's bytes, but for the model's name and the fields that the provider sets where they are absent.
pub(super) fn payload(body: &Bytes, asked: &Asked<'_>, stop: &Stop) -> Payload {
    let renamed = asked.model_at.clone().filter(|_| *stop.upstream_model != *asked.model);
    let renamed = renamed.map(|at| (at, quoted(&stop.upstream_model)));
    let lacking = stop.upstream.provider.edits.request_defaults.lacking(body);
    match (&renamed, &lacking) {
        (None, None) => Payload::whole(body.clone()),
        (Some((at, with)), None) | (None, Some((at, with))) => Payload::edited(body, &[(at.clone(), with)]),
        // What is lacking stands behind the last member, or alone.
        (Some((at, with)), Some((end, fields))) => Payload::edited(body, &[(at.clone(), with), (end.clone(), fields)]),
    }
}

/// A body that was written for a target, with the fields that its provider sets where they are absent.
pub(super) fn defaulted(body: Bytes, stop: &Stop) -> Payload {
    match stop.upstream.provider.edits.request_defaults.lacking(&body) {
        None => Payload::whole(body),
        Some((at, with)) => Payload::edited(&body, &[(at, &with)]),
    }
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
