//! Vertex AI's embeddings: `predict`.
//!
//! Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api, read in autumn 2026. Some models take one text a
//! call, so that every call has one.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::extra;
use super::together::List;
use crate::exchange::embedding::{EmbeddingRequest, Embeddings, Truncation};
use crate::exchange::json::{Json, Number};
use crate::exchange::request::Loss;
use crate::exchange::text::Text;
use crate::protocol::error::json;
use crate::protocol::{NotAnAnswer, Unreadable, fields};

/// Google's words for what vectors are for.
pub(super) mod task_type {
    use crate::exchange::embedding::{EmbeddingRequest, Purpose};
    use crate::exchange::text::Text;
    use crate::protocol::{Unreadable, fields};

    /// A word that is not known is kept for Google.
    pub(in crate::protocol::embedding) fn read<'a>(
        name: &str,
        value: &'a [u8],
        request: &mut EmbeddingRequest<'a>,
    ) -> Result<(), Unreadable> {
        let word: Text<'a> = fields::read(name, value)?;
        match Purpose::ALL.into_iter().find(|purpose| *word == *self::word(*purpose)) {
            Some(purpose) => request.purpose = Some(purpose),
            // It says that nothing is said.
            None if *word == *"TASK_TYPE_UNSPECIFIED" => {}
            None => request.task_type = Some(word),
        }
        Ok(())
    }

    /// What a request says.
    pub(in crate::protocol::embedding) fn written<'a>(request: &'a EmbeddingRequest<'_>) -> Option<&'a str> {
        request.purpose.map(word).or(request.task_type.as_deref())
    }

    fn word(purpose: Purpose) -> &'static str {
        match purpose {
            Purpose::Query => "RETRIEVAL_QUERY",
            Purpose::Question => "QUESTION_ANSWERING",
            Purpose::Fact => "FACT_VERIFICATION",
            Purpose::Code => "CODE_RETRIEVAL_QUERY",
            Purpose::Document => "RETRIEVAL_DOCUMENT",
            Purpose::Similarity => "SEMANTIC_SIMILARITY",
            Purpose::Classification => "CLASSIFICATION",
            Purpose::Clustering => "CLUSTERING",
        }
    }
}

#[derive(Serialize)]
struct Instance<'a> {
    content: &'a Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a Text<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_truncate: Option<bool>,
}

pub(super) fn read_request(body: &[u8]) -> Result<EmbeddingRequest<'_>, Unreadable> {
    let mut request = EmbeddingRequest::default();
    let mut texts = EmbeddingRequest::default();
    fields::each(body, |name, value| {
        match name {
            "instances" if !texts.inputs.is_empty() => {
                return Err(Unreadable { field: name.to_owned(), wrong: "is there twice".to_owned() });
            }
            "instances" => {
                let instances: Vec<&RawValue> = fields::read(name, value)?;
                let instances = instances.into_iter().map(|instance| read_instance(instance.get().as_bytes()));
                texts = List { name: "instances", purpose: "task_type" }.together(instances)?;
            }
            "parameters" => {
                let parameters: Parameters<'_> = fields::read(name, value)?;
                request.dimensions = parameters.output_dimensionality;
                let truncation = |auto| if auto { Truncation::End } else { Truncation::Never };
                request.truncation = parameters.auto_truncate.map(truncation);
            }
            other => request.extras.push(extra(other, value, Loss::Warned)?),
        }
        Ok(())
    })?;
    request.extras.append(&mut texts.extras);
    let (dimensions, truncation, extras) = (request.dimensions, request.truncation, request.extras);
    Ok(EmbeddingRequest { dimensions, truncation, extras, ..texts })
}

fn read_instance(instance: &[u8]) -> Result<EmbeddingRequest<'_>, Unreadable> {
    let mut request = EmbeddingRequest::default();
    fields::each(instance, |name, value| {
        match name {
            "content" => request.inputs = vec![fields::read(name, value)?],
            "task_type" => task_type::read(name, value, &mut request)?,
            "title" => request.titles = vec![Some(fields::read(name, value)?)],
            other => request.extras.push(extra(other, value, Loss::Warned)?),
        }
        Ok(())
    })?;
    match request.inputs.is_empty() {
        true => Err(Unreadable { field: "content".to_owned(), wrong: "is missing".to_owned() }),
        false => Ok(request),
    }
}

pub(super) fn write_request(request: &EmbeddingRequest<'_>, at: usize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        instances: [Instance<'a>; 1],
        parameters: Parameters<'a>,
    }
    let Some(content) = request.inputs.get(at) else { return Vec::new() };
    let instance = Instance { content, task_type: task_type::written(request), title: request.title(at) };
    let parameters = Parameters {
        output_dimensionality: request.dimensions.as_ref().map(Number::borrowed),
        auto_truncate: request.truncation.map(|truncation| truncation != Truncation::Never),
    };
    json(&Form { instances: [instance], parameters })
}

#[derive(Serialize, Deserialize)]
struct Prediction<'a> {
    #[serde(borrow)]
    embeddings: Vector<'a>,
}

#[derive(Serialize, Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    values: Json<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
}

#[derive(Serialize, Deserialize)]
struct Statistics {
    token_count: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct Predictions<'a> {
    #[serde(borrow)]
    predictions: Vec<Prediction<'a>>,
}

pub(super) fn read_response(body: &[u8]) -> Result<Embeddings<'_>, NotAnAnswer> {
    let form: Predictions<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let mut input_tokens = None;
    let vectors = form.predictions.into_iter().map(|Prediction { embeddings }| {
        if let Some(tokens) = embeddings.statistics.and_then(|statistics| statistics.token_count) {
            input_tokens = Some(input_tokens.unwrap_or(0_u64).saturating_add(tokens as u64));
        }
        embeddings.values
    });
    let vectors = vectors.collect();
    Ok(Embeddings { vectors, input_tokens })
}

pub(super) fn write_response(embeddings: &Embeddings<'_>) -> Vec<u8> {
    let predictions = embeddings
        .vectors
        .iter()
        .map(|values| Prediction { embeddings: Vector { values: values.borrowed(), statistics: None } });
    json(&Predictions { predictions: predictions.collect() })
}
