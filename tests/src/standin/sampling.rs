//! What a request says of sampling and of the answer's length, told to who asks for it: no value may be lost or changed on its way unnoticed.

use serde_json::{Value, json};

use super::shape::At;

/// In a prompt: tell these instead of another answer.
pub(super) const TELL: &str = "magic:sampling";

/// As they came, null where they did not.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    temperature: Value,
    top_p: Value,
    top_k: Value,
    limit: Value,
}

impl Sampling {
    /// From these places of a body, as JSON pointers: temperature, share and number of the likeliest words, and limit of tokens. Each may have
    /// more than one name.
    pub(super) fn read(top: &At<'_>, places: [&[&str]; 4]) -> Self {
        let at = |names: &[&str]| names.iter().find_map(|name| top.value().pointer(name)).cloned().unwrap_or_default();
        let [temperature, top_p, top_k, limit] = places.map(at);
        Self { temperature, top_p, top_k, limit }
    }

    /// An answer's text.
    pub(super) fn told(&self) -> String {
        let Self { temperature, top_p, top_k, limit } = self;
        json!({"temperature": temperature, "top_p": top_p, "top_k": top_k, "limit": limit}).to_string()
    }
}
