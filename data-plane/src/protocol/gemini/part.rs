//! The parts of a content, as they are written.

use serde::Serialize;

use crate::exchange::json::Json;
use crate::exchange::message::Source;
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;

/// Stands for the signature of a call that has none: such as another model made. Without one, models from Gemini 3 on refuse a call.
///
/// Source: ai.google.dev/gemini-api/docs/thought-signatures, read in autumn 2026.
pub(super) const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// A part: one of the first fields, and what is said about it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Text<'a>>,
}

/// Bytes. Vertex has been seen to want the type before them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

/// Bytes elsewhere.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    file_uri: &'a str,
}

/// The model calls a function.
#[derive(Debug, Serialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) args: Json<'a>,
}

/// What it gave.
#[derive(Debug, Serialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) response: Json<'a>,
}

impl<'a> Part<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    /// A thought, with its signature. One that only its provider can read has nothing else.
    pub(super) fn thought(text: &'a str, signature: Option<&'a str>) -> Self {
        let thought_signature = signature.map(Text::from);
        Self { text: Some(text), thought: Some(true), thought_signature, ..Self::default() }
    }

    /// A call of a whole answer's, with its id: newer clients send it back, and older ones don't look at it.
    pub(super) fn call(call: &'a ToolCall<'a>) -> Self {
        let function_call = FunctionCall { id: Some(&call.id), name: &call.name, args: call.arguments.borrowed() };
        Self {
            function_call: Some(function_call),
            thought_signature: call.signature.as_ref().map(Text::borrowed),
            ..Self::default()
        }
    }

    /// What is at a source.
    pub(super) fn source(source: &'a Source<'_>) -> Self {
        match source {
            Source::Inline { media_type, data } => {
                Self { inline_data: Some(Blob { mime_type: media_type, data }), ..Self::default() }
            }
            Source::Url { url, media_type } => Self::file(url, media_type.as_deref().or_else(|| media_type_of(url))),
            Source::File(uri) => Self::file(uri, media_type_of(uri)),
        }
    }

    fn file(uri: &'a str, media_type: Option<&'a str>) -> Self {
        Self { file_data: Some(File { mime_type: media_type, file_uri: uri }), ..Self::default() }
    }
}

/// Whether a URI is one of Google's own: of Cloud Storage, or of a file that was uploaded to Gemini.
pub(super) fn is_googles(uri: &str) -> bool {
    uri.starts_with("gs://") || uri.starts_with("https://generativelanguage.googleapis.com/")
}

/// The type of a file by its name's end, which Vertex wants to be told.
fn media_type_of(uri: &str) -> Option<&'static str> {
    let (_, extension) = uri.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "html" => "text/html",
        "md" => "text/markdown",
        "wav" => "audio/wav",
        "mp3" => "audio/mp3",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "aac" => "audio/aac",
        _ => return None,
    })
}
