//! Gemini's embeddings: of one text, and of several.
//!
//! Source: ai.google.dev/api/embeddings, read in autumn 2026. Answers say nothing of tokens.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::extra;
use super::together::List;
use super::vertex::task_type;
use crate::exchange::embedding::{EmbeddingRequest, Embeddings};
use crate::exchange::json::{Json, Number};
use crate::exchange::request::Loss;
use crate::exchange::text::Text;
use crate::protocol::error::json;
use crate::protocol::{NotAnAnswer, Unreadable, fields};

/// `{"model"?, "content", "taskType", "title", "outputDimensionality"}`.
pub(super) fn read_one(body: &[u8]) -> Result<EmbeddingRequest<'_>, Unreadable> {
    let mut request = EmbeddingRequest::default();
    fields::each(body, |name, value| {
        match name {
            "model" => {}
            "content" => request.inputs = vec![content(value)?],
            "taskType" | "task_type" => task_type::read(name, value, &mut request)?,
            "title" => request.titles = vec![Some(fields::read(name, value)?)],
            "outputDimensionality" | "output_dimensionality" => request.dimensions = Some(fields::read(name, value)?),
            other => request.extras.push(extra(other, value, Loss::Warned)?),
        }
        Ok(())
    })?;
    match request.inputs.is_empty() {
        true => Err(Unreadable { field: "content".to_owned(), wrong: "is missing; give a text".to_owned() }),
        false => Ok(request),
    }
}

/// `{"requests": […]}`, each as for one text.
pub(super) fn read_many(body: &[u8]) -> Result<EmbeddingRequest<'_>, Unreadable> {
    let (mut requests, mut extras) = (None, Vec::new());
    fields::each(body, |name, value| {
        if name != "requests" {
            extras.push(extra(name, value, Loss::Warned)?);
        } else if requests.replace(value).is_some() {
            return Err(Unreadable { field: name.to_owned(), wrong: "is there twice".to_owned() });
        }
        Ok(())
    })?;
    let requests: Vec<&RawValue> = requests.map_or(Ok(Vec::new()), |value| fields::read("requests", value))?;
    let requests = requests.into_iter().map(|request| read_one(request.get().as_bytes()));
    let mut together = List { name: "requests", purpose: "taskType" }.together(requests)?;
    together.extras.append(&mut extras);
    Ok(together)
}

#[derive(Serialize, Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Vec<Part<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

/// A content's text. `google-genai` sends a bare string where a caller gives one.
fn content(value: &[u8]) -> Result<Text<'_>, Unreadable> {
    if value.starts_with(b"\"") {
        return fields::read("content", value);
    }
    let content: Content<'_> = fields::read("content", value)?;
    let mut parts = content.parts.into_iter().map(|part| part.text);
    match (parts.next(), parts.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => {
            Ok([first, second].into_iter().chain(parts).map(|text| text.0).collect::<String>().into())
        }
        (None, _) => Err(Unreadable { field: "content.parts".to_owned(), wrong: "is empty; give a text".to_owned() }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<&'a Number<'a>>,
}

fn one<'a>(request: &'a EmbeddingRequest<'_>, at: usize, model: Option<String>) -> Option<One<'a>> {
    Some(One {
        model,
        content: Content { parts: vec![Part { text: request.inputs.get(at)?.borrowed() }] },
        task_type: task_type::written(request),
        title: request.title(at),
        output_dimensionality: request.dimensions.as_ref(),
    })
}

pub(super) fn write_one(request: &EmbeddingRequest<'_>, at: usize) -> Vec<u8> {
    one(request, at, None).as_ref().map(json).unwrap_or_default()
}

/// Every request of a batch names the model again.
pub(super) fn write_many(request: &EmbeddingRequest<'_>, model: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        requests: Vec<One<'a>>,
    }
    let named = || Some(format!("models/{model}"));
    json(&Form { requests: (0..request.inputs.len()).filter_map(|at| one(request, at, named())).collect() })
}

#[derive(Serialize, Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    values: Json<'a>,
}

pub(super) fn read_response(body: &[u8]) -> Result<Embeddings<'_>, NotAnAnswer> {
    #[derive(Deserialize)]
    struct Form<'a> {
        #[serde(borrow)]
        embedding: Option<Vector<'a>>,
        #[serde(borrow)]
        embeddings: Option<Vec<Vector<'a>>>,
    }
    let form: Form<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let vectors = match (form.embedding, form.embeddings) {
        (Some(one), None) => vec![one.values],
        (None, Some(several)) => several.into_iter().map(|vector| vector.values).collect(),
        (Some(_), Some(_)) | (None, None) => return Err(NotAnAnswer),
    };
    Ok(Embeddings { vectors, input_tokens: None })
}

pub(super) fn write_one_response(embeddings: &Embeddings<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        embedding: Option<Vector<'a>>,
    }
    json(&Form { embedding: embeddings.vectors.first().map(|values| Vector { values: values.borrowed() }) })
}

pub(super) fn write_many_response(embeddings: &Embeddings<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        embeddings: Vec<Vector<'a>>,
    }
    let vectors = embeddings.vectors.iter().map(|values| Vector { values: values.borrowed() });
    json(&Form { embeddings: vectors.collect() })
}
