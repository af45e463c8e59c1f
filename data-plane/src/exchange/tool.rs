//! Tools, their calls and their results.

use super::json::Json;
use super::message::{CacheHint, Part};
use super::text::Text;

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) description: Option<Text<'a>>,
    /// The JSON schema of its arguments, an object; `None` where it takes none.
    pub(crate) parameters: Option<Json<'a>>,
    /// Arguments have to match the schema exactly; `None` where the caller does not say.
    pub(crate) strict: Option<bool>,
    pub(crate) cache: Option<CacheHint>,
}

/// Which tools the model calls.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToolChoice<'a> {
    /// Those that it likes.
    Auto,
    /// At least one.
    Required,
    /// This one.
    Named(Text<'a>),
    /// None.
    Never,
}

/// The model calls a tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolCall<'a> {
    /// What the result refers to. Readers make one where the format has none: unique in the conversation.
    pub(crate) id: Text<'a>,
    pub(crate) name: Text<'a>,
    /// An object.
    pub(crate) arguments: Json<'a>,
    /// What its provider wants back with the call, or it refuses it.
    pub(crate) signature: Option<Text<'a>>,
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolResult<'a> {
    /// Of the call.
    pub(crate) id: Text<'a>,
    /// The tool's name, where the format says it: [`Request::name_results`](super::request::Request::name_results) finds the others.
    pub(crate) name: Option<Text<'a>>,
    /// Text, JSON as text, images, documents.
    pub(crate) content: Vec<Part<'a>>,
    /// The tool failed.
    pub(crate) is_error: bool,
}

/// Parts an id from the signature inside it: see [`id_with_signature`]. What it parts from nothing was only marked.
pub(crate) const ID_MARK: &str = "--ts--";

/// An id that carries its call's signature, for formats that have no other place for it: clients send ids back as they got them, and drop
/// fields that they don't know.
pub(crate) fn id_with_signature(id: &str, signature: Option<&str>) -> Text<'static> {
    let Some(signature) = signature else { return id.to_owned().into() };
    // The signature is base64, whose signs an id must not have.
    let written: String = signature
        .chars()
        .map(|sign| match sign {
            '+' => '-',
            '/' => '_',
            '=' => '.',
            other => other,
        })
        .collect();
    format!("{id}{ID_MARK}{written}").into()
}

/// The id and the signature of an id of a call that a caller sends back.
pub(crate) fn split_id<'a>(id: &Text<'a>) -> (Text<'a>, Option<Text<'static>>) {
    let Some((plain, written)) = id.split_once(ID_MARK) else { return (id.clone(), None) };
    if written.is_empty() {
        return (plain.to_owned().into(), None);
    }
    let signature: String = written
        .chars()
        .map(|sign| match sign {
            '-' => '+',
            '_' => '/',
            '.' => '=',
            other => other,
        })
        .collect();
    (plain.to_owned().into(), Some(signature.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_a_signature_and_gives_it_back() {
        let joined = id_with_signature("call_1", Some("aB+/x=="));
        assert!(joined.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        assert_eq!(split_id(&joined), ("call_1".into(), Some("aB+/x==".into())));
        assert_eq!(split_id(&"call_1".into()), ("call_1".into(), None));
        assert_eq!(split_id(&"f:0--ts--".into()), ("f:0".into(), None));
    }
}
