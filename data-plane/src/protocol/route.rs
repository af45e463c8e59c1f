//! What routing needs of a request: which model is asked for, where its name stands, and how the answer is to come.
//!
//! Anything that two parsers might read differently, as a key that is given twice, is refused.

mod further;

use std::borrow::Cow;
use std::ops::Range;

use shared::adapter::Delivery;

use self::further::{FURTHER, Further};
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
    /// The members of the body that may name more models, which an upstream asks beside the first.
    pub(crate) further: Vec<Further>,
    /// It goes on from something that its provider keeps for an account, or begins such a thing.
    pub(crate) is_kept: bool,
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
    /// A key that matters, in other letters: some upstreams take it for the same.
    #[error("the body has the key {0:?} in other letters; write it so")]
    OtherLetters(&'static str),
    /// Further models that are no list of names.
    #[error("give {0:?} as a list of models' names, or of objects that name one each")]
    NoList(&'static str),
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
    let (mut model, mut stream, mut further, mut is_kept) = (None, None, Vec::<Further>::new(), false);
    json::members(body, |key, value| {
        let Some(key) = Key::of(&key)? else { return Ok(()) };
        let twice = match key {
            Key::Model => model.replace(value).is_some(),
            Key::Stream => stream.replace(&body[value] == b"true").is_some(),
            Key::Further(key) => {
                let twice = further.iter().any(|known| known.is_of(key));
                further.push(Further::of_json(key, value));
                twice
            }
            Key::Kept => {
                is_kept |= !matches!(&body[value], b"null" | b"false");
                false
            }
        };
        if twice { Err(ScanError::Twice(key.name())) } else { Ok(()) }
    })?;
    match (url, model) {
        (Some(_), Some(_)) => Err(ScanError::ModelInBody),
        (Some(url), None) => {
            let (model, delivery) = (Cow::Borrowed(&*url.model), url.delivery);
            Ok(Asked { model, model_at: ModelAt::Url, delivery, further, is_kept })
        }
        (None, None) => Err(ScanError::NoModel),
        (None, Some(at)) => {
            let model = json::string(&body[at.clone()]).filter(|name| !name.is_empty()).ok_or(ScanError::NoModel)?;
            let delivery = if stream == Some(true) { Delivery::Stream } else { Delivery::Whole };
            Ok(Asked { model, model_at: ModelAt::Json(at), delivery, further, is_kept })
        }
    }
}

/// A key on top of a body that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Model,
    Stream,
    /// One of [`FURTHER`].
    Further(&'static str),
    /// What OpenAI's responses go on from, or leave behind.
    Kept,
}

impl Key {
    /// Which of them a key is, without its escapes.
    fn of(key: &[u8]) -> Result<Option<Self>, ScanError> {
        if matches!(key, b"background" | b"conversation" | b"previous_response_id") {
            return Ok(Some(Self::Kept));
        }
        let mut known = [Self::Model, Self::Stream].into_iter().chain(FURTHER.map(Self::Further));
        match known.find(|known| folds_to(key, known.name())) {
            Some(known) if *key == *known.name().as_bytes() => Ok(Some(known)),
            Some(known) => Err(ScanError::OtherLetters(known.name())),
            None => Ok(None),
        }
    }

    /// Which of them a form's field is. Lists have a field for each item, `fallbacks[]` or `fallbacks[0]`, and some who read forms leave the
    /// brackets out wherever they stand.
    fn of_field(name: &[u8]) -> Result<Option<Self>, ScanError> {
        let stem = name.split(|byte| *byte == b'[').next().unwrap_or_default();
        match Self::of(stem)? {
            Some(key @ (Self::Model | Self::Stream)) if stem.len() < name.len() => {
                Err(ScanError::OtherLetters(key.name()))
            }
            key => Ok(key),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::Further(name) => name,
            Self::Kept => "previous_response_id",
        }
    }
}

/// Whether a key is a name in any case. Upstreams written in Go fold keys so, also those letters beyond ASCII that are cases of a letter of it
/// (pkg.go.dev/encoding/json#Unmarshal, read in autumn 2026): U+017F, a long s, and U+212A, Kelvin's sign.
fn folds_to(key: &[u8], name: &str) -> bool {
    let mut rest = key;
    for letter in name.bytes() {
        rest = match rest {
            [first, rest @ ..] if first.eq_ignore_ascii_case(&letter) => rest,
            [0xc5, 0xbf, rest @ ..] if letter == b's' => rest,
            [0xe2, 0x84, 0xaa, rest @ ..] if letter == b'k' => rest,
            _ => return false,
        };
    }
    rest.is_empty()
}

/// What a form with files asks for.
///
/// # Errors
///
/// When it is no form, or what routing needs is not there exactly once.
pub(crate) fn read_form<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Asked<'a>, ScanError> {
    let (mut models, mut streams, mut further) = (Vec::new(), Vec::new(), Vec::new());
    let mut wrong = None;
    form::each(body, boundary, |name, value| match Key::of_field(name) {
        Ok(Some(Key::Model)) => models.push(value),
        Ok(Some(Key::Stream)) => streams.push(value),
        Ok(Some(Key::Further(key))) => further.push(Further::of_form(key, value)),
        Ok(Some(Key::Kept) | None) => {}
        Err(error) => wrong = Some(error),
    })?;
    wrong.map_or(Ok(()), Err)?;
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
    Ok(Asked { model, model_at: ModelAt::Form(at), delivery, further, is_kept: false })
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
            // Google takes both spellings of every name.
            b"generateContentRequest" | b"generate_content_request" => inner.push(value),
            b"requests" => inner.extend(
                json::items(&body[value.clone()])
                    .unwrap_or_default()
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
    let (model, model_at) = (Cow::Borrowed(&*url.model), ModelAt::Resources(places));
    Ok(Asked { model, model_at, delivery: url.delivery, further: Vec::new(), is_kept: false })
}

/// Finds an object's `model`; the object stands at `offset`.
fn model_in(object: &[u8], offset: usize, places: &mut Vec<Range<usize>>) -> Result<(), ScanError> {
    let mut found = None;
    json::members(object, |key, value| match Key::of(&key)? {
        Some(Key::Model) if found.is_some() => Err(ScanError::Twice("model")),
        Some(Key::Model) => {
            found = Some(offset + value.start..offset + value.end);
            Ok(())
        }
        Some(Key::Stream | Key::Further(_) | Key::Kept) | None => Ok(()),
    })?;
    places.extend(found);
    Ok(())
}

#[cfg(test)]
mod tests;
