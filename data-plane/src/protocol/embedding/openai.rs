//! OpenAI's embeddings.
//!
//! Source: platform.openai.com/docs/api-reference/embeddings, read in autumn 2026.

use serde::{Deserialize, Serialize};

use super::{EmbeddingReply, extra, vector};
use crate::exchange::embedding::{EmbeddingRequest, Embeddings, Encoding};
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
            "input" => request.inputs = inputs(value)?,
            "dimensions" => request.dimensions = Some(fields::read(name, value)?),
            "encoding_format" => request.encoding = encoding(name, value)?,
            other => request.extras.push(extra(other, value, Loss::Warned)?),
        }
        Ok(())
    })?;
    Ok(request)
}

/// One text or several. Tokens are numbers of OpenAI's own models.
fn inputs(value: &[u8]) -> Result<Vec<Text<'_>>, Unreadable> {
    match value.first() {
        Some(b'"') => Ok(vec![fields::read("input", value)?]),
        _ => serde_json::from_slice(value).map_err(|_| Unreadable {
            field: "input".to_owned(),
            wrong: "has to be a string or an array of strings: only OpenAI's own models read tokens".to_owned(),
        }),
    }
}

fn encoding(name: &str, value: &[u8]) -> Result<Encoding, Unreadable> {
    match fields::read::<Text<'_>>(name, value)?.as_str() {
        "float" => Ok(Encoding::Numbers),
        "base64" => Ok(Encoding::Base64),
        _ => Err(Unreadable { field: name.to_owned(), wrong: "is not one of \"float\" and \"base64\"".to_owned() }),
    }
}

/// Always as numbers, which every form can write.
pub(super) fn write_request(request: &EmbeddingRequest<'_>, model: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        model: &'a str,
        input: &'a [Text<'a>],
        encoding_format: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        dimensions: Option<&'a Number<'a>>,
    }
    let dimensions = request.dimensions.as_ref();
    json(&Form { model, input: &request.inputs, encoding_format: "float", dimensions })
}

/// Some compatible vendors give base64 whatever was asked for.
pub(super) fn read_response(body: &[u8]) -> Result<Embeddings<'_>, NotAnAnswer> {
    #[derive(Deserialize)]
    struct Form<'a> {
        #[serde(borrow)]
        data: Vec<Item<'a>>,
        usage: Option<Usage>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        index: Option<usize>,
        #[serde(borrow)]
        embedding: Json<'a>,
    }
    #[derive(Deserialize)]
    struct Usage {
        prompt_tokens: Option<u64>,
    }
    let mut form: Form<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    form.data.sort_by_key(|item| item.index);
    let vectors = form.data.into_iter().map(|item| match item.embedding.as_str().as_bytes().first() {
        Some(b'[') => Ok(item.embedding),
        _ => {
            let text: Text<'_> = serde_json::from_str(item.embedding.as_str()).map_err(|_| NotAnAnswer)?;
            vector::from_base64(&text)
        }
    });
    let input_tokens = form.usage.and_then(|usage| usage.prompt_tokens);
    Ok(Embeddings { vectors: vectors.collect::<Result<_, _>>()?, input_tokens })
}

pub(super) fn write_response(embeddings: &Embeddings<'_>, reply: EmbeddingReply<'_>) -> Result<Vec<u8>, NotAnAnswer> {
    #[derive(Serialize)]
    struct Form<'a> {
        object: &'static str,
        data: Vec<Item<'a>>,
        model: &'a str,
        usage: Usage,
    }
    #[derive(Serialize)]
    struct Item<'a> {
        object: &'static str,
        index: usize,
        embedding: Json<'a>,
    }
    #[derive(Serialize)]
    struct Usage {
        prompt_tokens: u64,
        total_tokens: u64,
    }
    let written = |vector| match reply.encoding {
        Encoding::Numbers => Ok(Json::borrowed(vector)),
        Encoding::Base64 => vector::to_base64(vector).map(|text| Json::of(&text)),
    };
    let item = |(index, vector)| Ok(Item { object: "embedding", index, embedding: written(vector)? });
    let data = embeddings.vectors.iter().enumerate().map(item).collect::<Result<_, _>>()?;
    let tokens = embeddings.input_tokens.unwrap_or(0);
    let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
    Ok(json(&Form { object: "list", data, model: reply.model, usage }))
}
