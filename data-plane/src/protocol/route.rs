//! What routing needs of a request: which model is asked for, where its name stands, and how the answer is to come.
//!
//! Anything that two parsers might read differently, as a key that is given twice, is refused.

use std::borrow::Cow;
use std::ops::Range;

use shared::adapter::Delivery;

use crate::json::{self, JsonError};

/// What routing needs of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    /// The name of the model that is asked for.
    pub(crate) model: Cow<'a, str>,
    /// Where it stands in the body, with its quotes; `None` where the URL names it.
    pub(crate) model_at: Option<Range<usize>>,
    /// How the answer is to come.
    pub(crate) delivery: Delivery,
}

/// What a URL says of a request in a format whose bodies don't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlModel {
    /// The model's name, decoded.
    pub(crate) model: String,
    /// How the answer is to come.
    pub(crate) delivery: Delivery,
}

/// Why a body can't be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScanError {
    /// Not a JSON object, or one that nests too deep.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No `model` on top, or not a string with something in it.
    #[error("the body has no model; give the model's name as the string \"model\"")]
    NoModel,
    /// A `model` where the URL names it.
    #[error("the model stands in the URL; leave \"model\" out of the body")]
    ModelInBody,
    /// A key that matters is given twice.
    #[error("the body has the key {0:?} twice")]
    Twice(&'static str),
}

/// What a request asks for.
///
/// # Errors
///
/// When its body is not JSON, or what routing needs is not there exactly once.
pub(crate) fn read<'a>(body: &'a [u8], url: Option<&'a UrlModel>) -> Result<Asked<'a>, ScanError> {
    let (mut model, mut stream) = (None, None);
    json::members(body, |key, value| {
        match &*key {
            b"model" if model.is_some() => return Err(ScanError::Twice("model")),
            b"model" => model = Some(value),
            b"stream" if stream.is_some() => return Err(ScanError::Twice("stream")),
            b"stream" => stream = Some(&body[value] == b"true"),
            _ => {}
        }
        Ok(())
    })?;
    match (url, model) {
        (Some(_), Some(_)) => Err(ScanError::ModelInBody),
        (Some(url), None) => Ok(Asked { model: Cow::Borrowed(&url.model), model_at: None, delivery: url.delivery }),
        (None, None) => Err(ScanError::NoModel),
        (None, Some(at)) => {
            let model = json::string(&body[at.clone()]).filter(|name| !name.is_empty()).ok_or(ScanError::NoModel)?;
            let delivery = if stream == Some(true) { Delivery::Stream } else { Delivery::Whole };
            Ok(Asked { model, model_at: Some(at), delivery })
        }
    }
}

#[cfg(test)]
mod tests;
