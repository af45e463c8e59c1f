//! Vertex AI's embeddings: `predict`.
//!
//! Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api, read in autumn 2026. Some models take one text a
//! call, so that every call has one.

use serde::{Deserialize, Serialize};

use crate::exchange::embedding::{EmbeddingRequest, Embeddings, Truncation};
use crate::exchange::json::{Json, Number};
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;
use crate::protocol::error::json;
use crate::protocol::{NotAnAnswer, Unreadable, fields};

/// Google's words for what vectors are for.
pub(super) mod task_type {
    use crate::exchange::embedding::Purpose;
    use crate::exchange::text::Text;
    use crate::protocol::{Unreadable, fields};

    /// A word that is not known asks for nothing.
    pub(in crate::protocol::embedding) fn read(name: &str, value: &[u8]) -> Result<Option<Purpose>, Unreadable> {
        Ok(match fields::read::<Text<'_>>(name, value)?.as_str() {
            "RETRIEVAL_QUERY" | "QUESTION_ANSWERING" | "FACT_VERIFICATION" | "CODE_RETRIEVAL_QUERY" => {
                Some(Purpose::Query)
            }
            "RETRIEVAL_DOCUMENT" => Some(Purpose::Document),
            "SEMANTIC_SIMILARITY" => Some(Purpose::Similarity),
            "CLASSIFICATION" => Some(Purpose::Classification),
            "CLUSTERING" => Some(Purpose::Clustering),
            _ => None,
        })
    }

    pub(in crate::protocol::embedding) fn word(purpose: Purpose) -> &'static str {
        match purpose {
            Purpose::Query => "RETRIEVAL_QUERY",
            Purpose::Document => "RETRIEVAL_DOCUMENT",
            Purpose::Similarity => "SEMANTIC_SIMILARITY",
            Purpose::Classification => "CLASSIFICATION",
            Purpose::Clustering => "CLUSTERING",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Instance<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    task_type: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    title: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_truncate: Option<bool>,
}

/// What differs between instances can be said in no other format, so the first speaks for all.
pub(super) fn read_request(body: &[u8]) -> Result<EmbeddingRequest<'_>, Unreadable> {
    let mut request = EmbeddingRequest::default();
    fields::each(body, |name, value| {
        match name {
            "instances" => {
                let instances: Vec<Instance<'_>> = fields::read(name, value)?;
                if let Some(first) = instances.first() {
                    let word = first.task_type.as_ref().map(json);
                    request.purpose = word.map_or(Ok(None), |word| task_type::read("task_type", &word))?;
                    request.title = first.title.clone();
                }
                request.inputs = instances.into_iter().map(|instance| instance.content).collect();
            }
            "parameters" => {
                let parameters: Parameters<'_> = fields::read(name, value)?;
                request.dimensions = parameters.output_dimensionality;
                let truncation = |auto| if auto { Truncation::End } else { Truncation::Never };
                request.truncation = parameters.auto_truncate.map(truncation);
            }
            other => request.extras.push(Extra {
                field: other.to_owned().into(),
                json: fields::read(other, value)?,
                loss: Loss::Warned,
            }),
        }
        Ok(())
    })?;
    Ok(request)
}

pub(super) fn write_request(request: &EmbeddingRequest<'_>, at: usize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        instances: [Instance<'a>; 1],
        parameters: Parameters<'a>,
    }
    let Some(text) = request.inputs.get(at) else { return Vec::new() };
    let instance = Instance {
        content: text.borrowed(),
        task_type: request.purpose.map(|purpose| task_type::word(purpose).into()),
        title: request.title.as_ref().map(Text::borrowed),
    };
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
            input_tokens = Some(input_tokens.unwrap_or(0) + tokens as u64);
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
