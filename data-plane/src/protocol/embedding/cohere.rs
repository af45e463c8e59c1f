//! Cohere's embeddings, version 2; and of its models at Bedrock, which leave the model out and answer in two shapes.
//!
//! Sources: docs.cohere.com/reference/embed; docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html, read in autumn 2026.

use serde::{Deserialize, Serialize};

use super::{EmbeddingReply, extra, vector};
use crate::exchange::embedding::{EmbeddingRequest, Embeddings, Encoding, Purpose, Truncation};
use crate::exchange::json::{Json, Number};
use crate::exchange::request::Loss;
use crate::exchange::text::Text;
use crate::protocol::error::json;
use crate::protocol::{NotAnAnswer, Unreadable, fields};

pub(super) fn read_request(body: &[u8]) -> Result<EmbeddingRequest<'_>, Unreadable> {
    let mut request = EmbeddingRequest::default();
    fields::each(body, |name, value| {
        match name {
            "model" => {}
            "texts" => request.inputs = fields::read(name, value)?,
            "input_type" => request.purpose = purpose(name, value)?,
            "output_dimension" => request.dimensions = Some(fields::read(name, value)?),
            "embedding_types" => request.encoding = encoding(name, value)?,
            "truncate" => request.truncation = Some(truncation(name, value)?),
            other => {
                let loss = if matches!(other, "images" | "inputs") { Loss::Refused } else { Loss::Warned };
                request.extras.push(extra(other, value, loss)?);
            }
        }
        Ok(())
    })?;
    Ok(request)
}

fn purpose(name: &str, value: &[u8]) -> Result<Option<Purpose>, Unreadable> {
    match fields::read::<Text<'_>>(name, value)?.as_str() {
        "search_query" => Ok(Some(Purpose::Query)),
        "search_document" => Ok(Some(Purpose::Document)),
        "classification" => Ok(Some(Purpose::Classification)),
        "clustering" => Ok(Some(Purpose::Clustering)),
        // Images stand in a field of their own, which is what refuses them.
        "image" => Ok(None),
        _ => Err(Unreadable {
            field: name.to_owned(),
            wrong: "is not one of \"search_query\", \"search_document\", \"classification\" and \"clustering\""
                .to_owned(),
        }),
    }
}

/// Whether there is a word that says no more and no less.
pub(super) fn has_word(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Query | Purpose::Document | Purpose::Classification | Purpose::Clustering => true,
        Purpose::Question | Purpose::Fact | Purpose::Code | Purpose::Similarity => false,
    }
}

fn encoding(name: &str, value: &[u8]) -> Result<Encoding, Unreadable> {
    let kinds: Vec<Text<'_>> = fields::read(name, value)?;
    match kinds.as_slice() {
        [] => Ok(Encoding::Numbers),
        [kind] if &**kind == "float" => Ok(Encoding::Numbers),
        [kind] if &**kind == "base64" => Ok(Encoding::Base64),
        _ => Err(Unreadable {
            field: name.to_owned(),
            wrong: "has to be [\"float\"] or [\"base64\"]: other providers have no other types".to_owned(),
        }),
    }
}

fn truncation(name: &str, value: &[u8]) -> Result<Truncation, Unreadable> {
    match fields::read::<Text<'_>>(name, value)?.as_str() {
        "NONE" => Ok(Truncation::Never),
        "END" | "RIGHT" => Ok(Truncation::End),
        "START" | "LEFT" => Ok(Truncation::Start),
        _ => Err(Unreadable {
            field: name.to_owned(),
            wrong: "is not one of \"NONE\", \"START\" and \"END\"".to_owned(),
        }),
    }
}

pub(super) fn write_request(request: &EmbeddingRequest<'_>, model: Option<&str>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<&'a str>,
        texts: &'a [Text<'a>],
        input_type: &'static str,
        embedding_types: [&'static str; 1],
        #[serde(skip_serializing_if = "Option::is_none")]
        output_dimension: Option<&'a Number<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        truncate: Option<&'static str>,
    }
    let input_type = match request.purpose {
        Some(Purpose::Query | Purpose::Question | Purpose::Fact | Purpose::Code) => "search_query",
        // The API wants one. Most texts that are embedded are there to be found.
        Some(Purpose::Document) | None => "search_document",
        Some(Purpose::Classification) => "classification",
        Some(Purpose::Clustering | Purpose::Similarity) => "clustering",
    };
    let truncate = request.truncation.map(|truncation| match truncation {
        Truncation::Never => "NONE",
        Truncation::End => "END",
        Truncation::Start => "START",
    });
    json(&Form {
        model,
        texts: &request.inputs,
        input_type,
        embedding_types: ["float"],
        output_dimension: request.dimensions.as_ref(),
        truncate,
    })
}

/// Vectors stand by their types, or, in answers of Bedrock to requests that name none, alone.
pub(super) fn read_response(body: &[u8]) -> Result<Embeddings<'_>, NotAnAnswer> {
    #[derive(Deserialize)]
    struct Form<'a> {
        #[serde(borrow)]
        embeddings: Json<'a>,
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        billed_units: Option<Units>,
    }
    #[derive(Deserialize)]
    struct Units {
        input_tokens: Option<f64>,
    }
    #[derive(Deserialize)]
    struct ByType<'a> {
        #[serde(borrow)]
        float: Vec<Json<'a>>,
    }
    let form: Form<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let written = form.embeddings.as_str();
    let vectors: Result<Vec<Json<'_>>, _> = if form.embeddings.is_object() {
        serde_json::from_str(written).map(|by_type: ByType<'_>| by_type.float)
    } else {
        serde_json::from_str(written)
    };
    let vectors = vectors.map_err(|_| NotAnAnswer)?.into_iter().map(Json::into_owned).collect();
    let tokens = form.meta.and_then(|meta| meta.billed_units).and_then(|units| units.input_tokens);
    Ok(Embeddings { vectors, input_tokens: tokens.map(|tokens| tokens as u64) })
}

pub(super) fn write_response(embeddings: &Embeddings<'_>, reply: EmbeddingReply<'_>) -> Result<Vec<u8>, NotAnAnswer> {
    #[derive(Serialize)]
    struct Form<'a> {
        id: &'a str,
        embeddings: ByType<'a>,
        texts: [&'static str; 0],
        meta: Meta,
        response_type: &'static str,
    }
    #[derive(Serialize)]
    struct ByType<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        float: Option<&'a [Json<'a>]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<Vec<String>>,
    }
    #[derive(Serialize)]
    struct Meta {
        api_version: Version,
        billed_units: Units,
    }
    #[derive(Serialize)]
    struct Version {
        version: &'static str,
    }
    #[derive(Serialize)]
    struct Units {
        input_tokens: u64,
    }
    let vectors = embeddings.vectors.as_slice();
    let by_type = match reply.encoding {
        Encoding::Numbers => ByType { float: Some(vectors), base64: None },
        Encoding::Base64 => {
            ByType { float: None, base64: Some(vectors.iter().map(vector::to_base64).collect::<Result<_, _>>()?) }
        }
    };
    let units = Units { input_tokens: embeddings.input_tokens.unwrap_or(0) };
    let meta = Meta { api_version: Version { version: "2" }, billed_units: units };
    Ok(json(&Form { id: reply.id, embeddings: by_type, texts: [], meta, response_type: "embeddings_by_type" }))
}
