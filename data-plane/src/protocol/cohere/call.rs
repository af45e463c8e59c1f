//! Calls of tools, as messages and answers have them.
//!
//! Source: docs.cohere.com/reference/chat (`tool_calls`), read in autumn 2026.

use serde::{Deserialize, Serialize};

use crate::exchange::json::Json;
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, id_with_signature};

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(default = "function")]
    r#type: Text<'a>,
    pub(super) function: Function<'a>,
}

/// What is called.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// The text of a JSON object.
    pub(super) arguments: Text<'a>,
}

fn function<'a>() -> Text<'a> {
    "function".into()
}

impl<'a> Call<'a> {
    pub(super) fn of(id: Text<'a>, name: Text<'a>, arguments: &'a str) -> Self {
        Self { id, r#type: function(), function: Function { name, arguments: arguments.into() } }
    }

    /// A call as an upstream wants it back.
    pub(super) fn returned(call: &'a ToolCall<'_>) -> Self {
        Self::of(call.id.borrowed(), call.name.borrowed(), call.arguments.as_str())
    }

    /// A call as a caller gets it, who gives its signature back in the id.
    pub(super) fn given(call: &'a ToolCall<'_>) -> Self {
        let id = match &call.signature {
            None => call.id.borrowed(),
            Some(signature) => id_with_signature(&call.id, Some(signature)),
        };
        Self::of(id, call.name.borrowed(), call.arguments.as_str())
    }

    /// What it is called with; `None` where that is no object.
    pub(super) fn arguments(&self) -> Option<Json<'a>> {
        match &self.function.arguments.0 {
            std::borrow::Cow::Borrowed(text) => Json::arguments(text),
            std::borrow::Cow::Owned(text) => Json::arguments(text).map(Json::into_owned),
        }
    }
}
