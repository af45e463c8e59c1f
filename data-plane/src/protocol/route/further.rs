//! The further models that a body names, which an upstream asks beside the first.

use std::borrow::Cow;
use std::ops::Range;

use super::{ScanError, folds_to};
use crate::json;

/// The tools, of which a provider's own may name a model: OpenAI's that makes images, Anthropic's that gives advice.
const TOOLS: &str = "tools";
/// What may name further models on top of a body: those that OpenRouter asks one after the other, those that LiteLLM and Bifrost ask where the
/// first fails (docs.litellm.ai/docs/proxy/client_side_fallbacks, read in autumn 2026), and the tools.
pub(super) const FURTHER: [&str; 5] =
    ["models", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", TOOLS];

/// A member on top of a body that may name models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Further {
    /// One of [`FURTHER`].
    key: &'static str,
    at: Range<usize>,
}

impl Further {
    pub(super) fn new(key: &'static str, at: Range<usize>) -> Self {
        Self { key, at }
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
        let list = &body[self.at.clone()];
        let mut models = Vec::new();
        if self.key != TOOLS && list != b"null" && !list.starts_with(b"[") {
            return Err(ScanError::NoList(self.key));
        }
        for item in json::items(list).into_iter().map(|at| &list[at]) {
            match (self.key, item.first()) {
                (TOOLS, Some(b'{')) => named(item, |name| {
                    models.extend(json::string(name));
                    Ok(())
                })?,
                (TOOLS, _) => {}
                (_, Some(b'{')) => self.in_object(item, &mut models)?,
                _ => models.push(json::string(item).ok_or(ScanError::NoList(self.key))?),
            }
        }
        Ok(models)
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
