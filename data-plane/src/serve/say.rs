//! How a request is said to each target: as it came where the target speaks the caller's format, and else written anew.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use shared::adapter::{Format, Operation};

use super::prepare::{Shaped, payload, shaped};
use crate::error::Refusal;
use crate::exchange::manner::OpenAiApi;
use crate::exchange::request::Request;
use crate::protocol::route::Asked;
use crate::protocol::translate::Between;
use crate::protocol::{Dialect, Reply, Target, Unreadable, limits, notes, provenance};
use crate::snapshot::route::Stop;
use crate::upstream::Payload;

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The caller's bytes pass.
    AsItCame,
    /// The request is written in another dialect than it came in.
    Written { from: Dialect, to: Dialect },
}

/// A request as it is said to one target.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// What is asked of the target.
    pub(crate) operation: Operation,
    pub(crate) payload: Payload,
    /// The fields that the target's model refuses, and that were left out.
    pub(crate) refused: Vec<String>,
    /// Where it was written anew.
    pub(crate) translated: Option<Arc<Translated>>,
}

/// What it takes to bring the answer back into the caller's dialect.
#[derive(Debug)]
pub(crate) struct Translated {
    /// What the caller speaks.
    pub(crate) caller: Dialect,
    upstream: Dialect,
    answers_by_tool: bool,
    /// Headers that the upstream wants because of what the body says.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The caller's fields that were left out.
    pub(crate) left_out: Vec<String>,
    /// What of it was changed: fields, each with how.
    pub(crate) changed: Vec<String>,
    id: String,
    created: u64,
    model: Arc<str>,
    wants_usage: bool,
}

/// Says a request to targets.
#[derive(Debug)]
pub(super) struct Speaker<'a> {
    pub(super) format: Format,
    pub(super) operation: Operation,
    pub(super) body: &'a Bytes,
    pub(super) asked: &'a Asked<'a>,
    /// The request in the exchange form, once a target had to have it.
    pub(super) read: Option<Box<Result<Request<'a>, Unreadable>>>,
}

/// How a target is spoken to; `None` where it can't be.
pub(super) fn way(format: Format, operation: Operation, stop: &Stop) -> Option<Way> {
    let spoken = stop.upstream.format;
    let Some(from) = Dialect::of(format, operation) else {
        return (spoken == format).then_some(Way::AsItCame);
    };
    let to = match (spoken, stop.openai_api()) {
        (Format::OpenAi, OpenAiApi::Both) if from == Dialect::Responses => Dialect::Responses,
        (Format::OpenAi, OpenAiApi::ChatOnly | OpenAiApi::Both) => Dialect::Chat,
        (Format::OpenAi, OpenAiApi::ResponsesOnly) => Dialect::Responses,
        (Format::Anthropic, _) => Dialect::Anthropic,
        (Format::Gemini, _) => Dialect::Gemini,
        (Format::Bedrock, _) => Dialect::Bedrock,
        (Format::Cohere, _) => Dialect::Cohere,
    };
    Some(if from == to { Way::AsItCame } else { Way::Written { from, to } })
}

impl Speaker<'_> {
    /// The request for a target.
    ///
    /// # Errors
    ///
    /// When it can't be said to it: what the caller would have to change.
    pub(super) fn say(&mut self, stop: &Stop) -> Result<Said, Refusal> {
        match way(self.format, self.operation, stop) {
            Some(Way::Written { from, to }) => self.write(from, to, stop),
            // Targets that can't be spoken to were left out before.
            Some(Way::AsItCame) | None => {
                let Shaped { payload, refused } = payload(self.body, self.asked, self.operation, stop);
                Ok(Said { operation: self.operation, payload, refused, translated: None })
            }
        }
    }

    fn write(&mut self, from: Dialect, to: Dialect, stop: &Stop) -> Result<Said, Refusal> {
        let body: &[u8] = self.body;
        let read = self.read.get_or_insert_with(|| {
            let mut read = from.protocol().read_request(body);
            if let Ok(request) = &mut read {
                request.name_results();
            }
            Box::new(read)
        });
        let request = read.as_ref().as_ref().map_err(|unreadable| Refusal::Unreadable(unreadable.clone()))?;
        let request = &*provenance::for_upstream(request, from, to);
        let lost = limits::check(request, from, to).map_err(Refusal::Untranslatable)?;
        let target = Target { model: &stop.upstream_model, delivery: self.asked.delivery, manner: stop.manner() };
        let outgoing = to.protocol().write_request(request, &target).map_err(Refusal::Unsayable)?;
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let translated = Translated {
            caller: from,
            upstream: to,
            answers_by_tool: outgoing.answers_by_tool,
            headers: outgoing.headers,
            left_out: lost.warned,
            changed: notes::told(&outgoing.notes, request, from, to, stop.manner()),
            id: format!("{:032x}", u128::from_le_bytes(shared::id::random())),
            created,
            model: Arc::clone(&stop.upstream_model),
            wants_usage: request.wants_usage,
        };
        let operation = to.operation();
        let Shaped { payload, refused } = shaped(&outgoing.body.into(), &[], operation, stop);
        Ok(Said { operation, payload, refused, translated: Some(Arc::new(translated)) })
    }
}

impl Translated {
    /// Between whom the answer goes.
    pub(crate) fn between(&self) -> Between<'_> {
        let Self { caller, upstream, answers_by_tool, ref id, created, ref model, wants_usage, .. } = *self;
        let reply = Reply { id, created, model, wants_usage };
        Between { upstream, caller, answers_by_tool, reply }
    }
}
