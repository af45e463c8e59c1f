//! How a request is said to each target: as it came where the target speaks the caller's format, and else written anew.

mod other;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use shared::adapter::{Format, OpenAiApi, Operation};

use super::Ask;
use super::prepare::{Shaped, payload, shaped};
use crate::error::Refusal;
use crate::exchange::embedding::Encoding;
use crate::exchange::request::Request;
use crate::protocol::count::CountForm;
use crate::protocol::embedding::EmbeddingForm;
use crate::protocol::route::Asked;
use crate::protocol::translate::Between;
use crate::protocol::{Dialect, NotAnAnswer, Reply, Target, Unreadable, limits, notes, provenance, ways};
use crate::snapshot::route::Stop;
use crate::upstream::Payload;

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The caller's bytes pass.
    AsItCame,
    /// A conversation is written in another dialect than it came in.
    Written { from: Dialect, to: Dialect },
    /// So are texts whose vectors are wanted.
    Embedded { from: EmbeddingForm, to: EmbeddingForm },
    /// So is a conversation whose tokens are counted.
    Counted { from: CountForm, to: CountForm },
    /// Cohere's ranking, for a model at Bedrock.
    Ranked,
}

/// A request as it is said to one target.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// What is asked of the target.
    pub(crate) operation: Operation,
    pub(crate) payload: Payload,
    /// The bodies of further calls, where the target takes a part of the request at a time.
    pub(crate) more: Vec<Payload>,
    /// The fields that the target's model refuses, and that were left out.
    pub(crate) refused: Vec<String>,
    /// What else was changed for the target: the caller's fields, each with how.
    pub(crate) changed: Vec<String>,
    /// Where it was written anew.
    pub(crate) translated: Option<Arc<Translated>>,
}

/// What it takes to bring the answer back into the caller's form.
#[derive(Debug)]
pub(crate) struct Translated {
    /// What the caller speaks: errors are written so.
    pub(crate) caller: Dialect,
    /// What the upstream speaks: errors are read so.
    pub(crate) upstream: Dialect,
    /// What the answer is.
    pub(crate) what: What,
    /// Headers that the upstream wants because of what the body says.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The caller's fields that were left out.
    pub(crate) left_out: Vec<String>,
    id: String,
    model: Arc<str>,
}

/// What an answer is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// A conversation's next message.
    Message { answers_by_tool: bool, created: u64, wants_usage: bool, knows_one_call: bool },
    /// As many vectors as there were texts.
    Embeddings { from: EmbeddingForm, to: EmbeddingForm, texts: usize, encoding: Encoding },
    /// A count of tokens.
    Count { from: CountForm, to: CountForm },
    /// A ranking in Cohere's form.
    Ranking,
}

/// Says a request to targets.
#[derive(Debug)]
pub(super) struct Speaker<'a> {
    pub(super) ask: &'a Ask<'a>,
    pub(super) asked: &'a Asked<'a>,
    /// The request in the exchange form, once a target had to have it.
    pub(super) read: Option<Box<Result<Request<'a>, Unreadable>>>,
}

/// How a target is spoken to; `None` where it can't be.
pub(super) fn way(ask: &Ask<'_>, stop: &Stop) -> Option<Way> {
    match Dialect::of(ask.format, ask.operation) {
        Some(from) => {
            let to = dialect_of(from, stop);
            Some(if from == to { Way::AsItCame } else { Way::Written { from, to } })
        }
        None => other::way(ask, stop),
    }
}

/// What a conversation is written in for a target.
fn dialect_of(from: Dialect, stop: &Stop) -> Dialect {
    match (stop.upstream.format, stop.openai_api()) {
        (Format::OpenAi, OpenAiApi::Both) if from == Dialect::Responses => Dialect::Responses,
        (Format::OpenAi, OpenAiApi::Chat | OpenAiApi::Both) => Dialect::Chat,
        (Format::OpenAi, OpenAiApi::Responses) => Dialect::Responses,
        (Format::Anthropic, _) => Dialect::Anthropic,
        (Format::Gemini, _) => Dialect::Gemini,
        (Format::Bedrock, _) => Dialect::Bedrock,
        (Format::Cohere, _) => Dialect::Cohere,
    }
}

impl Speaker<'_> {
    /// Whether the request is about what a provider keeps for an account, so that it goes there with the one credential that everything does
    /// that is kept.
    pub(super) fn is_kept(&self) -> bool {
        let keeps = matches!(self.ask.operation, Operation::Responses | Operation::CountTokens);
        self.asked.is_kept && keeps && self.ask.format == Format::OpenAi
    }

    /// The request for a target.
    ///
    /// # Errors
    ///
    /// When it can't be said to it: what the caller would have to change.
    pub(super) fn say(&mut self, stop: &Stop) -> Result<Said, Refusal> {
        match way(self.ask, stop) {
            Some(Way::Written { from, to }) => self.write(from, to, stop),
            Some(Way::Embedded { from, to }) => other::embed(self.ask, from, to, stop),
            Some(Way::Counted { from, to }) => other::count(self.ask, from, to, stop),
            Some(Way::Ranked) => other::rank(self.ask, stop),
            // Targets that can't be spoken to were left out before.
            Some(Way::AsItCame) | None => {
                let operation = self.ask.operation;
                let Shaped { payload, refused, changed } = payload(&self.ask.body, self.asked, operation, stop);
                Ok(Said { operation, payload, more: Vec::new(), refused, changed, translated: None })
            }
        }
    }

    fn write(&mut self, from: Dialect, to: Dialect, stop: &Stop) -> Result<Said, Refusal> {
        let body: &[u8] = &self.ask.body;
        let read = self.read.get_or_insert_with(|| {
            let mut read = from.protocol().read_request(body);
            if let Ok(request) = &mut read {
                request.name_results();
            }
            Box::new(read)
        });
        let request = read.as_ref().as_ref().map_err(|unreadable| Refusal::Unreadable(unreadable.clone()))?;
        // What a provider sets by itself may be chat's alone.
        let has_both = stop.openai_api() == OpenAiApi::Both && stop.defaults(Operation::Responses).is_empty();
        let to = if has_both { ways::better(request, from, to, stop.manner()) } else { to };
        let request = &*provenance::for_upstream(request, from, to);
        let lost = limits::check(request, from, to).map_err(Refusal::Untranslatable)?;
        limits::check_model(request, from, to, stop.manner()).map_err(Refusal::Untranslatable)?;
        let target = Target { model: &stop.upstream_model, delivery: self.asked.delivery, manner: stop.manner() };
        let outgoing = to.protocol().write_request(request, &target).map_err(Refusal::Unsayable)?;
        let created = now();
        let translated = Translated {
            caller: from,
            upstream: to,
            what: What::Message {
                answers_by_tool: outgoing.answers_by_tool,
                created,
                wants_usage: request.wants_usage,
                knows_one_call: request.knows_one_call,
            },
            headers: outgoing.headers,
            left_out: lost.warned,
            id: id(),
            model: Arc::clone(&stop.upstream_model),
        };
        let operation = to.operation();
        let changed = notes::told(&outgoing.notes, request, from, to, stop.manner());
        let Shaped { payload, mut refused, .. } = shaped(&outgoing.body.into(), &[], operation, stop);
        refused.retain(|field| !outgoing.unasked.contains(&field.as_str()));
        Ok(Said { operation, payload, more: Vec::new(), refused, changed, translated: Some(Arc::new(translated)) })
    }
}

/// What an answer says of when it was made.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// An answer's own id.
pub(super) fn id() -> String {
    format!("{:032x}", u128::from_le_bytes(shared::id::random()))
}

impl Translated {
    /// Between whom a message goes; `None` where the answer is something else.
    pub(crate) fn between(&self) -> Option<Between<'_>> {
        let Self { caller, upstream, what, ref id, ref model, .. } = *self;
        let What::Message { answers_by_tool, created, wants_usage, knows_one_call } = what else { return None };
        let reply = Reply { id, created, model, wants_usage, knows_one_call };
        Some(Between { upstream, caller, answers_by_tool, reply })
    }

    /// What is neither a message nor a stream, in the caller's form, from the bodies of as many answers as calls were made, and the headers of the
    /// first.
    ///
    /// # Errors
    ///
    /// When one is no answer.
    pub(crate) fn other(&self, headers: &HeaderMap, bodies: &[Bytes]) -> Result<Vec<u8>, NotAnAnswer> {
        other::answer(self, headers, bodies)
    }
}
