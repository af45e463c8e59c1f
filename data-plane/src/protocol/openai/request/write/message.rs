//! A message as it is written.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::parts::Part;
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;
use crate::protocol::openai::reasoning;

#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: Content<'a>,
    pub(super) tool_call_id: Option<Cow<'a, str>>,
    pub(super) refusal: Option<String>,
    pub(super) reasoning: Option<Reasoning<'a>>,
    pub(super) images: Vec<Part<'a>>,
    pub(super) tool_calls: Vec<Call<'a>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    /// `null`.
    #[default]
    Nothing,
    Text(Text<'a>),
    Parts(Vec<Part<'a>>),
}

/// The reasoning of an assistant's turn, in the field that the vendor has for it.
#[derive(Debug)]
pub(super) enum Reasoning<'a> {
    Text { field: &'a str, text: String },
    Details(Vec<reasoning::Written<'a>>),
}

/// A call that was made.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) call: &'a ToolCall<'a>,
    /// The signature goes with it.
    pub(super) signature: Option<&'a str>,
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.role)?;
        if let Some(id) = &self.tool_call_id {
            map.serialize_entry("tool_call_id", id)?;
        }
        match &self.reasoning {
            Some(Reasoning::Text { field, text }) => map.serialize_entry(field, text)?,
            Some(Reasoning::Details(details)) => map.serialize_entry("reasoning_details", details)?,
            None => {}
        }
        map.serialize_entry("content", &self.content)?;
        if let Some(refusal) = &self.refusal {
            map.serialize_entry("refusal", refusal)?;
        }
        if !self.images.is_empty() {
            map.serialize_entry("images", &self.images)?;
        }
        if !self.tool_calls.is_empty() {
            map.serialize_entry("tool_calls", &self.tool_calls)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct WrittenCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WrittenFunction<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct WrittenFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct ExtraContent<'a> {
    google: Google<'a>,
}

#[derive(Serialize)]
struct Google<'a> {
    thought_signature: &'a str,
}

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let extra_content =
            self.signature.map(|thought_signature| ExtraContent { google: Google { thought_signature } });
        let function = WrittenFunction { name: &self.call.name, arguments: self.call.arguments.as_str() };
        WrittenCall { id: &self.id, r#type: "function", function, extra_content }.serialize(serializer)
    }
}
