//! Embeddings in one format for a caller, in another for an upstream: pure, as conversations are.
//!
//! A caller's form is known by the route, but for Bedrock's `invoke`, whose body tells it; an upstream's by its adapter and its model.

mod cohere;
mod gemini;
mod openai;
mod titan;
mod together;
mod vector;
mod vertex;

use shared::adapter::Operation;

use super::{NotAnAnswer, Unreadable, Unsayable, fields};
use crate::exchange::embedding::{EmbeddingRequest, Embeddings, Encoding, Truncation};
use crate::exchange::request::{Extra, Loss};

/// The most texts of a request: OpenAI's own limit. What goes in parts is a call for each.
const MOST_TEXTS: usize = 2048;
/// The most texts that are asked for one by one.
const MOST_CALLS: usize = 256;
/// No model has more.
const MOST_DIMENSIONS: u64 = 100_000;

/// Of what a model has no field for.
const LEFT_OUT: &str = "was left out: the model has no such thing";
/// Of what it has another word for.
const NEAREST: &str = "was moved to the nearest that the model offers";

/// How embeddings are asked for and given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EmbeddingForm {
    /// OpenAI's.
    OpenAi,
    /// Gemini's `embedContent`: one text.
    GeminiOne,
    /// Gemini's `batchEmbedContents`: several.
    GeminiMany,
    /// Vertex AI's `predict`: as many as the model takes, some one.
    Vertex,
    /// Cohere's, version 2.
    Cohere,
    /// Cohere's models at Bedrock.
    BedrockCohere,
    /// Amazon's Titan models at Bedrock: one text.
    Titan,
}

/// What of a caller's request an answer to it has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EmbeddingReply<'a> {
    /// The model's name for forms that say it.
    pub(crate) model: &'a str,
    /// 32 hexadecimal digits, for forms whose answers have an id.
    pub(crate) id: &'a str,
    pub(crate) encoding: Encoding,
}

impl EmbeddingForm {
    /// Reads a caller's request.
    ///
    /// # Errors
    ///
    /// When a field holds what the form does not allow, or something that only the form's own providers take.
    pub(crate) fn read_request<'a>(self, body: &'a [u8]) -> Result<EmbeddingRequest<'a>, Unreadable> {
        let request = match self {
            Self::OpenAi => openai::read_request(body),
            Self::GeminiOne => gemini::read_one(body),
            Self::GeminiMany => gemini::read_many(body),
            Self::Vertex => vertex::read_request(body),
            Self::Cohere | Self::BedrockCohere => cohere::read_request(body),
            Self::Titan => titan::read_request(body),
        }?;
        let wrong = |wrong: &str| Err(Unreadable { field: "(body)".to_owned(), wrong: wrong.to_owned() });
        let has_odd_dimensions = request
            .dimensions
            .as_ref()
            .is_some_and(|number| number.as_u64().is_none_or(|number| number > MOST_DIMENSIONS));
        match request.inputs.len() {
            0 => wrong("has no text; give at least one"),
            texts if texts > MOST_TEXTS => wrong("has more than 2048 texts; ask in parts"),
            _ if has_odd_dimensions => wrong("asks for dimensions that are no whole number up to 100000"),
            _ => Ok(request),
        }
    }

    /// What of a caller's request this form says otherwise, or not at all: the caller's fields, each with how.
    pub(crate) fn notes(self, request: &EmbeddingRequest<'_>, caller: Self) -> Vec<String> {
        let words = caller.words();
        let has_title = request.titles.iter().any(Option::is_some);
        let changed = [
            (words.purpose, self.changes_purpose(request)),
            (words.title, (has_title && self.words().title.is_none()).then_some(LEFT_OUT)),
            (words.truncation, request.truncation.and_then(|truncation| self.changes_truncation(truncation))),
        ];
        let notes = changed.into_iter().filter_map(|(field, change)| Some((field?, change?)));
        notes.map(|(field, change)| format!("the field {field} {change}")).collect()
    }

    fn changes_purpose(self, request: &EmbeddingRequest<'_>) -> Option<&'static str> {
        match (self, request.purpose, &request.task_type) {
            (Self::GeminiOne | Self::GeminiMany | Self::Vertex, _, _) | (_, None, None) => None,
            (Self::OpenAi | Self::Titan, _, _) | (Self::Cohere | Self::BedrockCohere, None, Some(_)) => Some(LEFT_OUT),
            (Self::Cohere | Self::BedrockCohere, Some(purpose), _) => (!cohere::has_word(purpose)).then_some(NEAREST),
        }
    }

    fn changes_truncation(self, truncation: Truncation) -> Option<&'static str> {
        match (self, truncation) {
            // They refuse what is too long.
            (Self::OpenAi | Self::Titan, Truncation::Never) => None,
            (Self::OpenAi | Self::Titan | Self::GeminiOne | Self::GeminiMany, _) => Some(LEFT_OUT),
            (Self::Vertex, Truncation::Start) => Some(NEAREST),
            (Self::Vertex | Self::Cohere | Self::BedrockCohere, _) => None,
        }
    }

    /// What the form calls what not every form has.
    fn words(self) -> Words {
        let (purpose, title, truncation) = match self {
            Self::OpenAi | Self::Titan => (None, None, None),
            Self::GeminiOne => (Some("taskType"), Some("title"), None),
            Self::GeminiMany => (Some("requests[].taskType"), Some("requests[].title"), None),
            Self::Vertex => (Some("instances[].task_type"), Some("instances[].title"), Some("parameters.autoTruncate")),
            Self::Cohere | Self::BedrockCohere => (Some("input_type"), None, Some("truncate")),
        };
        Words { purpose, title, truncation }
    }

    /// What is asked of the adapter.
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::OpenAi | Self::Cohere | Self::GeminiOne => Operation::Embeddings,
            Self::GeminiMany => Operation::EmbeddingBatch,
            Self::Vertex => Operation::Predict,
            Self::BedrockCohere | Self::Titan => Operation::Invoke,
        }
    }

    /// The bodies of the calls that an upstream is asked with, in the order of the texts.
    ///
    /// # Errors
    ///
    /// When it takes one text a call, and there are more than anybody should have to wait for.
    pub(crate) fn write_requests(self, request: &EmbeddingRequest<'_>, model: &str) -> Result<Vec<Vec<u8>>, Unsayable> {
        let takes_one = matches!(self, Self::GeminiOne | Self::Vertex | Self::Titan);
        if takes_one && request.inputs.len() > MOST_CALLS {
            return Err(Unsayable {
                what: format!("{} texts", request.inputs.len()),
                why: format!("can't be sent to a model that takes one a call: ask for at most {MOST_CALLS} at once"),
            });
        }
        Ok(self.written(request, model))
    }

    fn written(self, request: &EmbeddingRequest<'_>, model: &str) -> Vec<Vec<u8>> {
        let each = |write: &dyn Fn(usize) -> Vec<u8>| (0..request.inputs.len()).map(write).collect();
        match self {
            Self::OpenAi => vec![openai::write_request(request, model)],
            Self::GeminiOne => each(&|at| gemini::write_one(request, at)),
            Self::GeminiMany => vec![gemini::write_many(request, model)],
            Self::Vertex => each(&|at| vertex::write_request(request, at)),
            Self::Cohere => vec![cohere::write_request(request, Some(model))],
            Self::BedrockCohere => vec![cohere::write_request(request, None)],
            Self::Titan => each(&|at| titan::write_request(request, at)),
        }
    }

    /// Reads an upstream's answers to [`write_requests`](Self::write_requests), in their order: as many vectors as texts were sent.
    ///
    /// # Errors
    ///
    /// When one is no answer of the form, or there are not `texts` vectors.
    pub(crate) fn read_responses<'a>(self, bodies: &[&'a [u8]], texts: usize) -> Result<Embeddings<'a>, NotAnAnswer> {
        let mut all = Embeddings::default();
        for body in bodies {
            let one = match self {
                Self::OpenAi => openai::read_response(body),
                Self::GeminiOne | Self::GeminiMany => gemini::read_response(body),
                Self::Vertex => vertex::read_response(body),
                Self::Cohere | Self::BedrockCohere => cohere::read_response(body),
                Self::Titan => titan::read_response(body),
            }?;
            all.vectors.extend(one.vectors);
            all.input_tokens = match (all.input_tokens, one.input_tokens) {
                (Some(before), Some(more)) => Some(before.saturating_add(more)),
                (one, other) => one.or(other),
            };
        }
        if all.vectors.len() == texts { Ok(all) } else { Err(NotAnAnswer) }
    }

    /// Writes an answer for a caller.
    ///
    /// # Errors
    ///
    /// When a vector is none.
    pub(crate) fn write_response(
        self,
        embeddings: &Embeddings<'_>,
        reply: EmbeddingReply<'_>,
    ) -> Result<Vec<u8>, NotAnAnswer> {
        match self {
            Self::OpenAi => openai::write_response(embeddings, reply),
            Self::GeminiOne => Ok(gemini::write_one_response(embeddings)),
            Self::GeminiMany => Ok(gemini::write_many_response(embeddings)),
            Self::Vertex => Ok(vertex::write_response(embeddings)),
            Self::Cohere | Self::BedrockCohere => cohere::write_response(embeddings, reply),
            Self::Titan => Ok(titan::write_response(embeddings)),
        }
    }
}

/// The names of fields; `None` for those that a form lacks.
struct Words {
    purpose: Option<&'static str>,
    title: Option<&'static str>,
    truncation: Option<&'static str>,
}

/// A field with no home.
fn extra<'a>(field: &str, value: &'a [u8], loss: Loss) -> Result<Extra<'a>, Unreadable> {
    Ok(Extra { field: field.to_owned().into(), json: fields::read(field, value)?, loss })
}

#[cfg(test)]
mod tests;
