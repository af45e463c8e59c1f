//! The further models that a body names, which an upstream asks beside the first.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::{ScanError, folds_to};
use crate::json;

/// The tools, of which a provider's own may name a model: OpenAI's that makes images, Anthropic's that gives advice.
const TOOLS: &str = "tools";
/// What may name further models on top of a body: those that OpenRouter asks one after the other, those that LiteLLM and Bifrost ask where the
/// first fails (docs.litellm.ai/docs/proxy/client_side_fallbacks, read in autumn 2026), and the tools.
pub(super) const FURTHER: [&str; 5] =
    ["models", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", TOOLS];

/// A member on top of a body, or a field of a form, that may name models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Further {
    /// One of [`FURTHER`].
    key: &'static str,
    at: Range<usize>,
    body: Body,
}

/// What it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Json,
    Form,
}

impl Further {
    pub(super) fn of_json(key: &'static str, at: Range<usize>) -> Self {
        Self { key, at, body: Body::Json }
    }

    pub(super) fn of_form(key: &'static str, at: Range<usize>) -> Self {
        Self { key, at, body: Body::Form }
    }

    pub(super) fn is_of(&self, key: &str) -> bool {
        self.key == key
    }

    /// The models that it names in the body.
    ///
    /// # Errors
    ///
    /// When they can't be told.
    pub(crate) fn models<'a>(&self, body: &'a [u8]) -> Result<Vec<Cow<'a, str>>, ScanError> {
        let given = &body[self.at.clone()];
        let mut models = Vec::new();
        match self.body {
            Body::Json => self.in_list(given, &mut models)?,
            Body::Form => self.in_field(given.trim_ascii(), &mut models)?,
        }
        Ok(models)
    }

    fn in_list<'a>(&self, list: &'a [u8], models: &mut Vec<Cow<'a, str>>) -> Result<(), ScanError> {
        if self.key != TOOLS && list != b"null" && !list.starts_with(b"[") {
            return Err(ScanError::NoList(self.key));
        }
        let items = json::items(list);
        // One that nests deeper than is read here may name models where others read it.
        if items.is_none() && list.starts_with(b"[") {
            return Err(ScanError::NoList(self.key));
        }
        for item in items.unwrap_or_default() {
            self.in_item(&list[item], models)?;
        }
        Ok(())
    }

    /// What a form's field names: some who read forms take JSON in one for what it says, and every other text is a name.
    fn in_field<'a>(&self, text: &'a [u8], models: &mut Vec<Cow<'a, str>>) -> Result<(), ScanError> {
        let is_json = serde_json::from_slice::<IgnoredAny>(text).is_ok();
        match text.first() {
            None => Ok(()),
            Some(b'[') if is_json => self.in_list(text, models),
            Some(b'{') if is_json => self.in_item(text, models),
            Some(b'[' | b'{' | b'"') => Err(ScanError::NoList(self.key)),
            Some(_) if self.key == TOOLS => Err(ScanError::NoList(self.key)),
            Some(_) => {
                let name = std::str::from_utf8(text).map_err(|_| ScanError::NoList(self.key))?;
                models.push(name.into());
                Ok(())
            }
        }
    }

    fn in_item<'a>(&self, item: &'a [u8], models: &mut Vec<Cow<'a, str>>) -> Result<(), ScanError> {
        match (self.key, item.first()) {
            (TOOLS, Some(b'{')) => named(item, |name| {
                models.extend(json::string(name));
                Ok(())
            })?,
            (TOOLS, _) => {}
            (_, Some(b'{')) => self.in_object(item, models)?,
            _ => models.push(json::string(item).ok_or(ScanError::NoList(self.key))?),
        }
        Ok(())
    }

    /// What an object names that stands for a model. One without a name, or with more lists, is in a form that nobody here reads.
    fn in_object<'a>(&self, item: &'a [u8], models: &mut Vec<Cow<'a, str>>) -> Result<(), ScanError> {
        let before = models.len();
        named(item, |name| {
            models.push(json::string(name).ok_or(ScanError::NoList(self.key))?);
            Ok(())
        })?;
        let mut has_list = false;
        json::members(item, |key, _| {
            has_list |= FURTHER.into_iter().any(|name| name != TOOLS && folds_to(&key, name));
            Ok::<_, ScanError>(())
        })?;
        if has_list || models.len() == before { Err(ScanError::NoList(self.key)) } else { Ok(()) }
    }
}

/// Gives every `model` of an object, in any case: of two, nobody knows which is taken.
fn named<'a>(object: &'a [u8], mut model: impl FnMut(&'a [u8]) -> Result<(), ScanError>) -> Result<(), ScanError> {
    json::members(object, |key, value| if folds_to(&key, "model") { model(&object[value]) } else { Ok(()) })
}
