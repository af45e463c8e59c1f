//! What routing needs of a request: which model is asked for, where its name stands, and how the answer is to come.
//!
//! Anything that two parsers might read differently, as a key that is given twice, is refused.

use std::borrow::Cow;
use std::ops::Range;

use shared::adapter::Delivery;

use super::form::{self, FormError};
use crate::json::{self, JsonError};

/// What routing needs of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    /// The name of the model that is asked for.
    pub(crate) model: Cow<'a, str>,
    /// Where it stands in the body.
    pub(crate) model_at: ModelAt,
    /// How the answer is to come.
    pub(crate) delivery: Delivery,
}

/// Where a body names the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModelAt {
    /// Nowhere: the URL does.
    Url,
    /// There, as a JSON string with its quotes.
    Json(Range<usize>),
    /// There, as a form's value.
    Form(Range<usize>),
    /// There, beside the URL, as JSON strings of the resource's name, `models/…`.
    Resources(Vec<Range<usize>>),
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
    /// Not the form that it should be.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A form whose model is missing.
    #[error("the form has no model; give the model's name as the field \"model\"")]
    NoModelInForm,
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
        (Some(url), None) => {
            Ok(Asked { model: Cow::Borrowed(&url.model), model_at: ModelAt::Url, delivery: url.delivery })
        }
        (None, None) => Err(ScanError::NoModel),
        (None, Some(at)) => {
            let model = json::string(&body[at.clone()]).filter(|name| !name.is_empty()).ok_or(ScanError::NoModel)?;
            let delivery = if stream == Some(true) { Delivery::Stream } else { Delivery::Whole };
            Ok(Asked { model, model_at: ModelAt::Json(at), delivery })
        }
    }
}

/// What a form with files asks for.
///
/// # Errors
///
/// When it is no form, or what routing needs is not there exactly once.
pub(crate) fn read_form<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Asked<'a>, ScanError> {
    let (mut models, mut streams) = (Vec::new(), Vec::new());
    form::each(body, boundary, |name, value| match name {
        b"model" => models.push(value),
        b"stream" => streams.push(value),
        _ => {}
    })?;
    let delivery = match streams.as_slice() {
        [] => Delivery::Whole,
        [at] if body[at.clone()].trim_ascii() == b"true" => Delivery::Stream,
        [_] => Delivery::Whole,
        [_, _, ..] => return Err(ScanError::Twice("stream")),
    };
    let at = match models.as_slice() {
        [] => return Err(ScanError::NoModelInForm),
        [at] => at.clone(),
        [_, _, ..] => return Err(ScanError::Twice("model")),
    };
    let model = std::str::from_utf8(&body[at.clone()]).ok().filter(|name| !name.is_empty());
    let model = Cow::Borrowed(model.ok_or(ScanError::NoModelInForm)?);
    Ok(Asked { model, model_at: ModelAt::Form(at), delivery })
}

/// What a request of Google's asks for whose body may name the model once more: on top, in `generateContentRequest`, or in each of
/// `requests`.
///
/// # Errors
///
/// When its body is not JSON, or an object that may name it does so twice.
pub(crate) fn read_resources<'a>(body: &'a [u8], url: &'a UrlModel) -> Result<Asked<'a>, ScanError> {
    let mut places = Vec::new();
    let mut inner = Vec::new();
    model_in(body, 0, &mut places)?;
    json::members(body, |key, value| {
        match &*key {
            b"generateContentRequest" => inner.push(value),
            b"requests" => inner.extend(
                json::items(&body[value.clone()])
                    .into_iter()
                    .map(|item| value.start + item.start..value.start + item.end),
            ),
            _ => {}
        }
        Ok::<_, ScanError>(())
    })?;
    for object in inner.into_iter().filter(|object| body[object.start] == b'{') {
        model_in(&body[object.clone()], object.start, &mut places)?;
    }
    Ok(Asked { model: Cow::Borrowed(&url.model), model_at: ModelAt::Resources(places), delivery: url.delivery })
}

/// Finds an object's `model`; the object stands at `offset`.
fn model_in(object: &[u8], offset: usize, places: &mut Vec<Range<usize>>) -> Result<(), ScanError> {
    let mut found = None;
    json::members(object, |key, value| match &*key {
        b"model" if found.is_some() => Err(ScanError::Twice("model")),
        b"model" => {
            found = Some(offset + value.start..offset + value.end);
            Ok(())
        }
        _ => Ok(()),
    })?;
    places.extend(found);
    Ok(())
}

#[cfg(test)]
mod tests;
