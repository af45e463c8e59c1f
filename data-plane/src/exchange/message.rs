//! What is said in a conversation.

use super::json::Json;
use super::text::Text;
use super::tool::{ToolCall, ToolResult};

/// One side's turn, or a part of it: neighbours of the same role are one turn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) role: Role,
    pub(crate) parts: Vec<Part<'a>>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one who wrote the application, in the middle of the conversation; what stands before it is [`Request::system`].
    ///
    /// [`Request::system`]: super::request::Request::system
    System,
    /// The one who asks. The results of tools stand in the user's turn, before anything else in it.
    User,
    /// The model.
    Assistant,
}

/// A piece of what is said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part<'a> {
    pub(crate) content: Content<'a>,
    /// The conversation up to here may be cached.
    pub(crate) cache: Option<CacheHint>,
}

/// How long a cache is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheHint {
    /// As long as the provider does.
    Default,
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    OneHour,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content<'a> {
    /// Text. Its citations are the model's.
    Text {
        text: Text<'a>,
        citations: Vec<Citation<'a>>,
    },
    /// The model's words for not answering.
    Refusal(Text<'a>),
    Image(Image<'a>),
    Audio(Audio<'a>),
    Document(Document<'a>),
    /// The model calls a tool.
    ToolCall(ToolCall<'a>),
    /// What the tool gave.
    ToolResult(ToolResult<'a>),
    /// What the model thought before it answered. The signature proves it to the provider that made it, and to no other.
    Reasoning {
        text: Text<'a>,
        signature: Option<Text<'a>>,
    },
    /// The same, which only its provider can read.
    SealedReasoning(Text<'a>),
}

/// Where bytes are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source<'a> {
    /// Here, as base64, of this media type.
    Inline { media_type: Text<'a>, data: Text<'a> },
    /// At an `http(s)` URL, which the provider fetches, of this media type if it is known.
    Url { url: Text<'a>, media_type: Option<Text<'a>> },
    /// At the provider, which gave this id.
    File(Text<'a>),
}

/// Whether a text may be a media type: it has to stand in `data:` URLs, where a comma ends it (RFC 2397).
pub(crate) fn is_media_type(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',' || byte == b' ')
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Image<'a> {
    pub(crate) source: Source<'a>,
    /// How closely to look, in OpenAI's words: `low`, `high`, `auto`.
    pub(crate) detail: Option<Text<'a>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audio<'a> {
    pub(crate) source: Source<'a>,
}

/// A file to read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document<'a> {
    pub(crate) body: DocumentBody<'a>,
    /// Its name or title.
    pub(crate) name: Option<Text<'a>>,
    /// What to know of it, which is not to be cited.
    pub(crate) context: Option<Text<'a>>,
    /// The model is to cite from it.
    pub(crate) cites: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DocumentBody<'a> {
    /// Bytes somewhere.
    Bytes(Source<'a>),
    /// Plain text.
    Text(Text<'a>),
}

/// Where something that the model says comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Citation<'a> {
    pub(crate) url: Option<Text<'a>>,
    pub(crate) title: Option<Text<'a>>,
    /// The words that are quoted from the source.
    pub(crate) quoted: Option<Text<'a>>,
    /// Which part of the answer it is for: from this character to before that one.
    pub(crate) answer_span: Option<(u64, u64)>,
    /// The citation as its own format wrote it, for the same format.
    pub(crate) raw: Option<Json<'a>>,
}

impl Document<'_> {
    /// Its name as a file's, for formats that tell from its ending what it is: with that of its media type, if it has none.
    pub(crate) fn file_name(&self) -> Text<'_> {
        let name = self.name.as_deref().unwrap_or("document");
        let is_ending = |text: &str| text.len() <= 5 && text.bytes().any(|byte| byte.is_ascii_alphabetic());
        let has_ending = name.rsplit_once('.').is_some_and(|(_, ending)| is_ending(ending));
        let ending = match &self.body {
            DocumentBody::Bytes(Source::Inline { media_type, .. }) => ending(media_type),
            DocumentBody::Bytes(Source::Url { .. } | Source::File(_)) | DocumentBody::Text(_) => None,
        };
        match ending {
            Some(ending) if !has_ending => format!("{name}.{ending}").into(),
            Some(_) | None => name.into(),
        }
    }
}

/// What the names of files of a type end in.
fn ending(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/pdf" => Some("pdf"),
        "text/plain" => Some("txt"),
        "text/csv" => Some("csv"),
        "text/markdown" => Some("md"),
        "text/html" => Some("html"),
        _ => None,
    }
}

impl<'a> Part<'a> {
    pub(crate) fn of(content: Content<'a>) -> Self {
        Self { content, cache: None }
    }

    pub(crate) fn text(text: impl Into<Text<'a>>) -> Self {
        Self::of(Content::Text { text: text.into(), citations: Vec::new() })
    }

    /// Its text, if it is nothing else.
    pub(crate) fn as_text(&self) -> Option<&Text<'a>> {
        match &self.content {
            Content::Text { text, .. } => Some(text),
            Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::ToolCall(_)
            | Content::ToolResult(_)
            | Content::Reasoning { .. }
            | Content::SealedReasoning(_) => None,
        }
    }
}

impl<'a> Source<'a> {
    /// What an `http(s)` URL or a `data:` URL (RFC 2397) names. `None` for any other, and for a `data:` URL that is not base64.
    pub(crate) fn of_url(url: Text<'a>) -> Option<Self> {
        let scheme_is = |scheme: &str| url.get(..scheme.len()).is_some_and(|given| given.eq_ignore_ascii_case(scheme));
        if scheme_is("https://") || scheme_is("http://") {
            return Some(Self::Url { url, media_type: None });
        }
        if !scheme_is("data:") {
            return None;
        }
        let cut = |text: &'a str| {
            let (head, data) = text["data:".len()..].split_once(',')?;
            let head = head.strip_suffix(";base64")?;
            let media_type = head.split(';').next().filter(|kind| !kind.is_empty()).unwrap_or("text/plain");
            Some(Self::Inline { media_type: media_type.into(), data: data.into() })
        };
        match url.0 {
            std::borrow::Cow::Borrowed(url) => cut(url),
            std::borrow::Cow::Owned(url) => {
                let (head, data) = url["data:".len()..].split_once(',')?;
                let head = head.strip_suffix(";base64")?;
                let media_type = head.split(';').next().filter(|kind| !kind.is_empty()).unwrap_or("text/plain");
                Some(Self::Inline { media_type: media_type.to_owned().into(), data: data.to_owned().into() })
            }
        }
    }

    /// As a URL: `data:` for what is here. `None` for a file's id.
    pub(crate) fn to_url(&self) -> Option<Text<'_>> {
        match self {
            Self::Inline { media_type, data } => Some(format!("data:{};base64,{}", &**media_type, &**data).into()),
            Self::Url { url, .. } => Some(url.borrowed()),
            Self::File(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_ends_in_what_it_is() {
        for (name, media_type, expected) in [
            (None, "application/pdf", "document.pdf"),
            (Some("A report, v1.2 of May"), "application/pdf", "A report, v1.2 of May.pdf"),
            (Some("Version 1.2"), "application/pdf", "Version 1.2.pdf"),
            (Some("a.PDF"), "application/pdf", "a.PDF"),
            (Some("a.log"), "text/plain", "a.log"),
            (Some("a"), "application/x-unknown", "a"),
        ] {
            let source = Source::Inline { media_type: media_type.into(), data: "aGk=".into() };
            let body = DocumentBody::Bytes(source);
            let document = Document { body, name: name.map(Text::from), context: None, cites: false };
            assert_eq!(&*document.file_name(), expected);
        }
    }

    #[test]
    fn urls_name_bytes_here_or_elsewhere() {
        let inline = |media_type: &'static str, data: &'static str| Source::Inline {
            media_type: media_type.into(),
            data: data.into(),
        };
        for (url, source) in [
            ("data:image/png;base64,aGk=", Some(inline("image/png", "aGk="))),
            ("DATA:image/png;charset=x;base64,aGk=", Some(inline("image/png", "aGk="))),
            ("data:;base64,", Some(inline("text/plain", ""))),
            ("data:image/png,plain", None),
            ("HTTPS://h/x", Some(Source::Url { url: "HTTPS://h/x".into(), media_type: None })),
            ("file:///etc/passwd", None),
            ("", None),
        ] {
            assert_eq!(Source::of_url(url.into()), source, "{url}");
            assert_eq!(Source::of_url(url.to_owned().into()), source, "{url}");
        }
        assert_eq!(&*inline("image/png", "aGk=").to_url().unwrap(), "data:image/png;base64,aGk=");
    }
}
