//! What images, audio and documents are: the media types, and Amazon's words for them. Anthropic takes the same images.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/vision; docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html, …_AudioBlock.html and …_DocumentBlock.html, read in
//! autumn 2026.

/// A format's word, and its media types, the usual one first.
type Known = (&'static str, &'static [&'static str]);

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Image,
    Audio,
    Document,
}

impl Medium {
    fn known(self) -> &'static [Known] {
        match self {
            Self::Image => IMAGES,
            Self::Audio => AUDIO,
            Self::Document => DOCUMENTS,
        }
    }

    /// The media type of a format.
    pub(super) fn media_type(self, format: &str) -> Option<&'static str> {
        let (_, types) = self.known().iter().find(|(word, _)| *word == format)?;
        types.first().copied()
    }

    /// The format of a media type, whatever its parameters.
    pub(super) fn format(self, media_type: &str) -> Option<&'static str> {
        let given = media_type.split(';').next().unwrap_or_default().trim();
        let is_it = |types: &[&str]| types.iter().any(|known| known.eq_ignore_ascii_case(given));
        self.known().iter().find(|(_, types)| is_it(types)).map(|(word, _)| *word)
    }

    /// The format of a file, by the end of its name.
    pub(super) fn format_of_file(self, name: &str) -> Option<&'static str> {
        let (_, ending) = name.rsplit_once('.')?;
        self.known().iter().find(|(word, _)| word.eq_ignore_ascii_case(ending)).map(|(word, _)| *word)
    }

    /// The media type as everybody knows it: `image/jpeg` for `image/JPG; q=1`.
    pub(super) fn usual(self, media_type: &str) -> Option<&'static str> {
        self.format(media_type).and_then(|format| self.media_type(format))
    }

    /// The formats, for people.
    pub(super) fn formats(self) -> String {
        self.known().iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
    }
}

const IMAGES: &[Known] = &[
    ("png", &["image/png"]),
    ("jpeg", &["image/jpeg", "image/jpg"]),
    ("gif", &["image/gif"]),
    ("webp", &["image/webp"]),
];

const AUDIO: &[Known] = &[
    ("mp3", &["audio/mpeg", "audio/mp3"]),
    ("opus", &["audio/opus"]),
    ("wav", &["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"]),
    ("aac", &["audio/aac", "audio/x-aac"]),
    ("flac", &["audio/flac", "audio/x-flac"]),
    ("mp4", &["audio/mp4"]),
    ("ogg", &["audio/ogg"]),
    ("mka", &["audio/x-matroska", "audio/matroska"]),
    ("m4a", &["audio/m4a", "audio/x-m4a"]),
    ("pcm", &["audio/pcm", "audio/l16"]),
    ("webm", &["audio/webm"]),
];

const DOCUMENTS: &[Known] = &[
    ("pdf", &["application/pdf"]),
    ("csv", &["text/csv"]),
    ("doc", &["application/msword"]),
    ("docx", &["application/vnd.openxmlformats-officedocument.wordprocessingml.document"]),
    ("xls", &["application/vnd.ms-excel"]),
    ("xlsx", &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"]),
    ("html", &["text/html"]),
    ("txt", &["text/plain"]),
    ("md", &["text/markdown"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_media_types_lead_to_each_other() {
        for medium in [Medium::Image, Medium::Audio, Medium::Document] {
            for (format, _) in medium.known() {
                assert_eq!(medium.media_type(format).and_then(|kind| medium.format(kind)), Some(*format));
            }
        }
        assert_eq!(Medium::Image.format("IMAGE/JPG; q=1"), Some("jpeg"));
        assert_eq!(Medium::Image.usual("IMAGE/JPG; q=1"), Some("image/jpeg"));
        assert_eq!(Medium::Image.format("image/svg+xml"), None);
        assert_eq!(Medium::Document.format_of_file("a.b.DOCX"), Some("docx"));
    }
}
