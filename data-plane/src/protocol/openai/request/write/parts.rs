//! Writes the parts of a message.

use serde::Serialize;

use crate::exchange::message::{self, Audio, Document, DocumentBody, Image, Source};
use crate::exchange::text::Text;
use crate::protocol::Unsayable;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text { text: Text<'a> },
    ImageUrl { image_url: ImageUrl<'a> },
    InputAudio { input_audio: InputAudio<'a> },
    File { file: File<'a> },
}

#[derive(Debug, Serialize)]
pub(super) struct ImageUrl<'a> {
    url: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct InputAudio<'a> {
    data: &'a str,
    format: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
}

/// What a user's part is; `None` for a file that is another provider's.
///
/// # Errors
///
/// When it stands where the format has no place for it.
pub(super) fn write<'a>(part: &'a message::Part<'_>) -> Result<Option<Part<'a>>, Unsayable> {
    match &part.content {
        message::Content::Text { text, .. } => Ok(Some(Part::Text { text: text.borrowed() })),
        message::Content::Image(image) => Ok(self::image(image)),
        message::Content::Audio(audio) => self::audio(audio).map(Some),
        message::Content::Document(document) => Ok(self::document(document)),
        message::Content::Refusal(_) => Err(misplaced("a refusal in a user's turn")),
        message::Content::ToolCall(_) => Err(misplaced("a tool's call in a user's turn")),
        message::Content::ToolResult(_) => Err(misplaced("a tool's result inside another one")),
        message::Content::Reasoning { .. } | message::Content::SealedReasoning(_) => {
            Err(misplaced("reasoning in a user's turn"))
        }
    }
}

/// What stands where the format has no place for it.
pub(super) fn misplaced(what: &str) -> Unsayable {
    Unsayable { what: what.to_owned(), why: "can't be sent as OpenAI chat completions: leave it out".to_owned() }
}

pub(super) fn image<'a>(image: &'a Image<'_>) -> Option<Part<'a>> {
    let image_url = ImageUrl { url: image.source.to_url()?, detail: image.detail.as_deref() };
    Some(Part::ImageUrl { image_url })
}

fn audio<'a>(audio: &'a Audio<'_>) -> Result<Part<'a>, Unsayable> {
    let Source::Inline { media_type, data } = &audio.source else {
        let why = "can't be sent as OpenAI chat completions: send it in the request, as base64".to_owned();
        return Err(Unsayable { what: "audio that is not in the request".to_owned(), why });
    };
    let format = match &**media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        other => other.strip_prefix("audio/").unwrap_or(other),
    };
    Ok(Part::InputAudio { input_audio: InputAudio { data, format } })
}

fn document<'a>(document: &'a Document<'_>) -> Option<Part<'a>> {
    let name = document.name.as_deref();
    let file = |file_data, file_id, filename| Some(Part::File { file: File { filename, file_data, file_id } });
    match &document.body {
        DocumentBody::Text(text) => {
            let head = [name, document.context.as_deref()];
            let head: String = head.into_iter().flatten().flat_map(|line| [line, "\n"]).collect();
            let text = if head.is_empty() { text.borrowed() } else { format!("{head}\n{}", &**text).into() };
            Some(Part::Text { text })
        }
        DocumentBody::Bytes(Source::File(id)) => file(None, Some(&**id), name.map(Text::from)),
        // The format demands a name beside bytes, and tells by its ending what they are.
        DocumentBody::Bytes(source) => file(source.to_url(), None, Some(document.file_name())),
    }
}
