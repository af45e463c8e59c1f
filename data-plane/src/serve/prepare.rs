//! What is made of a request before anything is called: the targets that it may go to, and the body for each.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use shared::adapter::{Format, Operation};

use super::Ask;
use super::say::{Way, way};
use crate::error::{Refusal, shown};
use crate::protocol::Dialect;
use crate::protocol::count::CountForm;
use crate::protocol::error::json as written;
use crate::protocol::form::{self, FormError};
use crate::protocol::notes;
use crate::protocol::provenance::passing;
use crate::protocol::route::{self, Asked, ModelAt, ScanError};
use crate::snapshot::route::{NoRoute, Plan, Stop};
use crate::upstream::Payload;

/// A body for a target.
#[derive(Debug)]
pub(super) struct Shaped {
    pub(super) payload: Payload,
    /// The fields that were left out because the model refuses them, in the words of the target's format.
    pub(super) refused: Vec<String>,
    /// What else was changed of a body that passes: fields, each with how.
    pub(super) changed: Vec<String>,
}

/// What a request asks for, as its format says it.
///
/// # Errors
///
/// When its body does not say it, or says it twice.
pub(super) fn asked<'a>(ask: &'a Ask<'_>) -> Result<Asked<'a>, Refusal> {
    let may_name_it_again =
        matches!(ask.operation, Operation::Embeddings | Operation::EmbeddingBatch | Operation::CountTokens);
    if let (Format::Gemini, true, Some(url)) = (ask.format, may_name_it_again, ask.url) {
        return Ok(route::read_resources(&ask.body, url)?);
    }
    if let Operation::OpenAiOnly(_) = ask.operation {
        let mut types = ask.headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
        let content_type = types.next().unwrap_or_default();
        if let Some(boundary) = form::boundary(content_type).map_err(ScanError::Form)? {
            if types.next().is_some() {
                return Err(ScanError::Form(FormError::Boundary).into());
            }
            return Ok(route::read_form(&ask.body, &boundary)?);
        }
    }
    Ok(route::read(&ask.body, ask.url)?)
}

/// The caller's body for a target of the same format: the bytes as they came, but for the model's name, what was written for the caller in an
/// answer of another format's, and what [`shaped`] does.
pub(super) fn payload(body: &Bytes, asked: &Asked<'_>, operation: Operation, stop: &Stop) -> Shaped {
    let model = &*stop.upstream_model;
    let renamed = match &asked.model_at {
        ModelAt::Json(at) if *model != *asked.model => vec![(at.clone(), written(&model))],
        ModelAt::Form(at) if *model != *asked.model => vec![(at.clone(), model.as_bytes().to_vec())],
        // As they came they may name the alias, or another model than the URL.
        ModelAt::Resources(places) => {
            let name = written(&format!("models/{model}"));
            places.iter().map(|at| (at.clone(), name.clone())).collect()
        }
        ModelAt::Json(_) | ModelAt::Form(_) | ModelAt::Url => Vec::new(),
    };
    let dialect = conversation(stop.upstream.format, operation);
    let mut changes = dialect.map_or_else(Vec::new, |dialect| passing::edits(body, dialect, stop.manner()));
    let thinks_no_more = dialect.map(|dialect| passing::thinking_turned_off(body, &changes, dialect));
    changes.extend(renamed);
    let mut shaped = shaped(body, &changes, operation, stop);
    let is_new = |field: &String| !shaped.refused.contains(field);
    shaped.changed =
        thinks_no_more.into_iter().flatten().filter(is_new).map(|field| notes::turned_off(&field)).collect();
    shaped
}

/// What the conversation in a body is written in; `None` where it holds none.
fn conversation(format: Format, operation: Operation) -> Option<Dialect> {
    match operation {
        Operation::CountTokens => CountForm::of_caller(format).map(CountForm::dialect),
        _ => Dialect::of(format, operation),
    }
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
    // What is put in before a place stands before what changes there; and what changes inside of something that changes goes with it.
    edits.sort_by_key(|(at, _)| (at.start, !at.is_empty(), Reverse(at.end)));
    let payload = if edits.is_empty() { Payload::whole(body.clone()) } else { Payload::edited(body, &edits) };
    Shaped { payload, refused: changed.dropped.into_iter().map(str::to_owned).collect(), changed: Vec::new() }
}

/// Leaves out the targets that can't be spoken to.
pub(super) fn keep_those_that_speak(plan: &mut Plan, ask: &Ask<'_>, model: &str) -> Result<(), Refusal> {
    let first = plan.stops.first().map(|stop| Arc::clone(&stop.upstream));
    plan.stops.retain(|stop| way(ask, stop).is_some());
    match first {
        Some(first) if plan.stops.is_empty() && first.format == ask.format => {
            Err(Refusal::Unsupported { provider: first.id.to_string(), format: first.format })
        }
        Some(first) if plan.stops.is_empty() => Err(Refusal::OtherFormat { model: shown(model), spoken: first.format }),
        _ => Ok(()),
    }
}

/// Refuses further models in a body that goes on as it came, if the caller may not ask its providers for each of them by its name.
pub(super) fn allow_others(plan: &Plan, ask: &Ask<'_>, asked: &Asked<'_>) -> Result<(), Refusal> {
    if asked.further.is_empty() {
        return Ok(());
    }
    let key = &ask.caller.key;
    let as_it_came = plan.stops.iter().filter(|stop| way(ask, stop) == Some(Way::AsItCame));
    for upstream in as_it_came.map(|stop| &stop.upstream).filter(|upstream| !upstream.is_open_to(key)) {
        for further in &asked.further {
            for other in further.models(&ask.body)? {
                let name = format!("{}/{other}", upstream.id);
                if !key.allows(&name) || !upstream.provider.exposed.has(&other) {
                    return Err(Refusal::ModelNotAllowed { model: shown(&name) });
                }
            }
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests;
