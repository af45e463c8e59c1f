//! Embeddings of Amazon's Titan models at Bedrock: one text a call.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html, read in autumn 2026. Version 1 of the model takes
//! nothing but the text, so that what the caller leaves out is left out here too.

use serde::{Deserialize, Serialize};

use super::extra;
use crate::exchange::embedding::{EmbeddingRequest, Embeddings};
use crate::exchange::json::{Json, Number};
use crate::exchange::request::Loss;
use crate::exchange::text::Text;
use crate::protocol::error::json;
use crate::protocol::{NotAnAnswer, Unreadable, fields};

pub(super) fn read_request(body: &[u8]) -> Result<EmbeddingRequest<'_>, Unreadable> {
    let mut request = EmbeddingRequest::default();
    fields::each(body, |name, value| {
        match name {
            "inputText" => request.inputs = vec![fields::read(name, value)?],
            "dimensions" => request.dimensions = Some(fields::read(name, value)?),
            other => {
                let loss = if other == "inputImage" { Loss::Refused } else { Loss::Warned };
                request.extras.push(extra(other, value, loss)?);
            }
        }
        Ok(())
    })?;
    Ok(request)
}

pub(super) fn write_request(request: &EmbeddingRequest<'_>, at: usize) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Form<'a> {
        input_text: Option<&'a Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        dimensions: Option<&'a Number<'a>>,
    }
    json(&Form { input_text: request.inputs.get(at), dimensions: request.dimensions.as_ref() })
}

pub(super) fn read_response(body: &[u8]) -> Result<Embeddings<'_>, NotAnAnswer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Form<'a> {
        #[serde(borrow)]
        embedding: Json<'a>,
        input_text_token_count: Option<u64>,
    }
    let form: Form<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    Ok(Embeddings { vectors: vec![form.embedding], input_tokens: form.input_text_token_count })
}

pub(super) fn write_response(embeddings: &Embeddings<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Form<'a> {
        embedding: Option<&'a Json<'a>>,
        input_text_token_count: u64,
    }
    json(&Form { embedding: embeddings.vectors.first(), input_text_token_count: embeddings.input_tokens.unwrap_or(0) })
}
