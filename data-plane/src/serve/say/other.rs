//! What is no conversation: embeddings, counts of tokens and rankings, for targets of another form.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use shared::adapter::{AdapterKind, Format, OpenAiApi, Operation};
use shared::catalog::rules::EmbeddingModel;

use super::{Said, Translated, Way, What, id};
use crate::error::Refusal;
use crate::exchange::request::{Extra, Loss};
use crate::json;
use crate::protocol::count::CountForm;
use crate::protocol::embedding::{EmbeddingForm, EmbeddingReply};
use crate::protocol::limits::{Lacking, Refused};
use crate::protocol::{Dialect, NotAnAnswer, Target, limits, provenance, ranking};
use crate::serve::Ask;
use crate::serve::prepare::{Shaped, shaped};
use crate::snapshot::route::Stop;
use crate::upstream::Payload;

/// How a target is spoken to; `None` where it can't be.
pub(super) fn way(ask: &Ask<'_>, stop: &Stop) -> Option<Way> {
    let is_same_format = ask.format == stop.upstream.format;
    match ask.operation {
        Operation::Embeddings | Operation::EmbeddingBatch | Operation::Predict => {
            let (from, to) = (embedding_of(ask)?, embedding_for(stop)?);
            Some(if passes(from, to) { Way::AsItCame } else { Way::Embedded { from, to } })
        }
        // Models have bodies of their own; of those for embeddings the body tells.
        Operation::Invoke if is_same_format => Some(Way::AsItCame),
        Operation::Invoke => Some(Way::Embedded { from: embedding_of(ask)?, to: embedding_for(stop)? }),
        Operation::CountTokens => {
            let (from, to) =
                (CountForm::of_caller(ask.format)?, CountForm::of_upstream(stop.upstream.provider.adapter)?);
            if to == CountForm::Responses && stop.openai_api() == OpenAiApi::Chat {
                return None;
            }
            Some(if from == to { Way::AsItCame } else { Way::Counted { from, to } })
        }
        Operation::Rerank if stop.upstream.format == Format::Bedrock => Some(Way::Ranked),
        Operation::Chat
        | Operation::Responses
        | Operation::Completion
        | Operation::Rerank
        | Operation::OpenAiOnly(_)
        | Operation::ListModels => is_same_format.then_some(Way::AsItCame),
    }
}

/// Whether an upstream takes the caller's form as it is. Gemini's API takes one text as well as several.
fn passes(from: EmbeddingForm, to: EmbeddingForm) -> bool {
    from == to || (from, to) == (EmbeddingForm::GeminiOne, EmbeddingForm::GeminiMany)
}

/// What a caller asks for embeddings in.
fn embedding_of(ask: &Ask<'_>) -> Option<EmbeddingForm> {
    match (ask.format, ask.operation) {
        (Format::OpenAi, Operation::Embeddings) => Some(EmbeddingForm::OpenAi),
        (Format::Gemini, Operation::Embeddings) => Some(EmbeddingForm::GeminiOne),
        (Format::Gemini, Operation::EmbeddingBatch) => Some(EmbeddingForm::GeminiMany),
        (Format::Gemini, Operation::Predict) => Some(EmbeddingForm::Vertex),
        (Format::Cohere, Operation::Embeddings) => Some(EmbeddingForm::Cohere),
        (Format::Bedrock, Operation::Invoke) if json::has_member(&ask.body, b"inputText") => Some(EmbeddingForm::Titan),
        (Format::Bedrock, Operation::Invoke) if json::has_member(&ask.body, b"texts") => {
            Some(EmbeddingForm::BedrockCohere)
        }
        _ => None,
    }
}

/// What an upstream is asked for embeddings in.
fn embedding_for(stop: &Stop) -> Option<EmbeddingForm> {
    match stop.upstream.provider.adapter {
        AdapterKind::OpenAi | AdapterKind::AzureOpenAi => Some(EmbeddingForm::OpenAi),
        AdapterKind::Gemini => Some(EmbeddingForm::GeminiMany),
        AdapterKind::Vertex => Some(EmbeddingForm::Vertex),
        AdapterKind::Cohere => Some(EmbeddingForm::Cohere),
        AdapterKind::Bedrock => Some(match stop.manner().embedding {
            EmbeddingModel::Titan => EmbeddingForm::Titan,
            EmbeddingModel::Cohere => EmbeddingForm::BedrockCohere,
        }),
        AdapterKind::Anthropic => None,
    }
}

/// Embeddings for a target: a call for all of the texts, or one for each.
pub(super) fn embed(ask: &Ask<'_>, from: EmbeddingForm, to: EmbeddingForm, stop: &Stop) -> Result<Said, Refusal> {
    let request = from.read_request(&ask.body).map_err(Refusal::Unreadable)?;
    let left_out = lost(&request.extras, ask.format, stop)?;
    let what = What::Embeddings { from, to, texts: request.inputs.len(), encoding: request.encoding };
    let translated = translated(ask, stop, what, left_out);
    let bodies = to.write_requests(&request, &stop.upstream_model).map_err(Refusal::Unsayable)?;
    let changed = to.notes(&request, from);
    Ok(Said { changed, ..said(to.operation(), bodies, translated, stop) })
}

/// A count of a conversation's tokens for a target.
pub(super) fn count(ask: &Ask<'_>, from: CountForm, to: CountForm, stop: &Stop) -> Result<Said, Refusal> {
    let conversation = from.conversation(&ask.body).map_err(Refusal::Unreadable)?;
    let mut request = from.dialect().protocol().read_request(&conversation).map_err(Refusal::Unreadable)?;
    request.name_results();
    let request = &*provenance::for_upstream(&request, from.dialect(), to.dialect());
    let lost = limits::check(request, from.dialect(), to.dialect()).map_err(Refusal::Untranslatable)?;
    let delivery = shared::adapter::Delivery::Whole;
    let target = Target { model: &stop.upstream_model, delivery, manner: stop.manner() };
    let outgoing = to.dialect().protocol().write_request(request, &target).map_err(Refusal::Unsayable)?;
    let translated = translated(ask, stop, What::Count { from, to }, lost.warned);
    let body = to.write(&outgoing.body, &stop.upstream_model);
    Ok(said(Operation::CountTokens, vec![body], translated, stop))
}

/// A ranking for a model at Bedrock.
pub(super) fn rank(ask: &Ask<'_>, stop: &Stop) -> Result<Said, Refusal> {
    let request = ranking::read_request(&ask.body).map_err(Refusal::Unreadable)?;
    let left_out = lost(&request.extras, ask.format, stop)?;
    let translated = translated(ask, stop, What::Ranking, left_out);
    Ok(said(Operation::Invoke, vec![ranking::write_bedrock_request(&request)], translated, stop))
}

/// The answer in the caller's form. A message is none of these.
pub(super) fn answer(translated: &Translated, headers: &HeaderMap, bodies: &[Bytes]) -> Result<Vec<u8>, NotAnAnswer> {
    let first = bodies.first().ok_or(NotAnAnswer)?;
    match translated.what {
        What::Message { .. } => Err(NotAnAnswer),
        What::Embeddings { from, to, texts, encoding } => {
            let bodies: Vec<&[u8]> = bodies.iter().map(|body| &**body).collect();
            let mut embeddings = to.read_responses(&bodies, texts)?;
            if to == EmbeddingForm::BedrockCohere {
                embeddings.input_tokens = embeddings.input_tokens.or_else(|| tokens_beside(headers));
            }
            let reply = EmbeddingReply { model: &translated.model, id: &translated.id, encoding };
            from.write_response(&embeddings, reply)
        }
        What::Count { from, to } => Ok(from.write_answer(to.read_answer(first)?)),
        What::Ranking => Ok(ranking::write_response(&ranking::read_response(first)?, &translated.id)),
    }
}

/// How many tokens a model at Bedrock read, which Cohere's have no place for in their bodies.
fn tokens_beside(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-amzn-bedrock-input-token-count")?.to_str().ok()?.parse().ok()
}

/// The fields that are left out.
fn lost(extras: &[Extra<'_>], format: Format, stop: &Stop) -> Result<Vec<String>, Refusal> {
    let (mut left_out, to) = (Vec::new(), main_dialect(stop.upstream.format));
    for extra in extras {
        let field = extra.field.as_str().to_owned();
        match extra.loss {
            Loss::Silent => {}
            Loss::Warned => left_out.push(field),
            Loss::Refused if stop.upstream.format == format => left_out.push(field),
            Loss::Refused => return Err(Refusal::Untranslatable(Refused { field, to, lacking: Lacking::Format })),
        }
    }
    Ok(left_out)
}

fn said(operation: Operation, bodies: Vec<Vec<u8>>, translated: Translated, stop: &Stop) -> Said {
    let mut refused = Vec::new();
    let mut payloads = bodies.into_iter().map(|body| {
        let Shaped { payload, refused: fields, .. } = shaped(&body.into(), &[], operation, stop);
        refused.extend(fields);
        payload
    });
    let payload = payloads.next().unwrap_or_else(|| Payload::whole(Bytes::new()));
    let more = payloads.collect();
    Said { operation, payload, more, refused, changed: Vec::new(), translated: Some(Arc::new(translated)) }
}

fn translated(ask: &Ask<'_>, stop: &Stop, what: What, left_out: Vec<String>) -> Translated {
    Translated {
        caller: main_dialect(ask.format),
        upstream: main_dialect(stop.upstream.format),
        what,
        headers: Vec::new(),
        left_out,
        id: id(),
        model: Arc::clone(&stop.upstream_model),
    }
}

/// The dialect in whose words a format's errors are.
fn main_dialect(format: Format) -> Dialect {
    match format {
        Format::OpenAi => Dialect::Chat,
        Format::Anthropic => Dialect::Anthropic,
        Format::Gemini => Dialect::Gemini,
        Format::Bedrock => Dialect::Bedrock,
        Format::Cohere => Dialect::Cohere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::embedding::Encoding;

    #[test]
    fn tokens_that_stand_beside_the_body_are_told() {
        let (from, to) = (EmbeddingForm::OpenAi, EmbeddingForm::BedrockCohere);
        let translated = Translated {
            caller: Dialect::Chat,
            upstream: Dialect::Bedrock,
            what: What::Embeddings { from, to, texts: 1, encoding: Encoding::Numbers },
            headers: Vec::new(),
            left_out: Vec::new(),
            id: id(),
            model: "m".into(),
        };
        let body = Bytes::from_static(br#"{"id":"e","embeddings":[[1,2]],"texts":["a"]}"#);
        for (count, expected) in [("4", 4), ("x", 0)] {
            let headers = [("x-amzn-bedrock-input-token-count", count)];
            let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let written = answer(&translated, &HeaderMap::from_iter(headers), std::slice::from_ref(&body)).unwrap();
            assert_eq!(
                crate::json::member(&written, b"usage").unwrap(),
                format!(r#"{{"prompt_tokens":{expected},"total_tokens":{expected}}}"#).as_bytes()
            );
        }
    }
}
