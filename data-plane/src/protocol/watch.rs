//! Streams that go by: whether they end as their format ends, and whether they turn into an error.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use shared::adapter::{Delivery, Format, Operation};

use super::bedrock::watch::Frames;
use super::error::{Problem, event};
use super::lines::{Choices, Lines};
use super::translate::{Between, Translation};
use super::{Dialect, Unsayable, bedrock};

/// A stream's watch.
#[derive(Debug)]
pub(crate) enum Watch {
    /// Server-sent events.
    Lines(Lines),
    /// Frames of Amazon's event stream.
    Frames(Frames),
    /// Either of them, on its way into another format.
    Translation(Box<Translation>),
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Seen {
    /// No event: signs of life at most.
    #[default]
    Nothing,
    /// Some.
    Begun,
    /// A reason why the model finished: it may end here.
    Finished,
    /// Its end.
    Done,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As the upstream said.
    Well,
    /// Before the upstream said that it would.
    Cut,
}

/// What one event says of the stream.
#[derive(Debug)]
pub(crate) enum Said {
    /// The upstream lives, and has said nothing.
    Alive,
    /// It goes on.
    More,
    /// The model finished.
    Finished,
    /// The stream is whole.
    Done,
    /// It failed.
    Failed(Box<StreamError>),
}

/// An error inside a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamError {
    /// The status that the upstream would have answered with.
    pub(crate) status: StatusCode,
    /// The upstream's error, for those who classify it.
    pub(crate) body: Bytes,
    /// Its kind, where the format's answers have that in a header.
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    /// The event that the caller gets, remade.
    pub(crate) event: Bytes,
}

impl Watch {
    /// A watch for an answer, by the type of its content; `None` for one that is no stream. Where a stream was asked for, what is not JSON is
    /// taken for one, lest it pass unwatched for want of its type.
    pub(crate) fn of(format: Format, operation: Operation, delivery: Delivery, content_type: &[u8]) -> Option<Self> {
        // Sounds and subtitles come whatever `stream` says, and are no events.
        let is_events =
            !matches!(operation, Operation::OpenAiOnly(_)) || is_of_kind(content_type, b"text/event-stream");
        if !is_events || !is_stream(format, delivery, content_type) {
            return None;
        }
        if format == Format::Bedrock {
            return Some(Self::Frames(Frames::default()));
        }
        let dialect = match operation {
            // Their events have types, as those of responses.
            Operation::OpenAiOnly(_) => Dialect::Responses,
            operation => Dialect::of(format, operation).unwrap_or(Dialect::Chat),
        };
        Some(Self::Lines(Lines::new(dialect)))
    }

    /// The same for an answer that goes into another format. A stream that nobody asked for is none: nobody could read it.
    pub(crate) fn between(between: &Between<'_>, delivery: Delivery, content_type: &[u8]) -> Option<Self> {
        let is_stream = is_stream(between.upstream.format(), delivery, content_type);
        (is_stream && delivery == Delivery::Stream).then(|| Self::Translation(Box::new(Translation::new(between))))
    }

    /// What to forward of what came. Empty while an event's line or frame is incomplete. After an [`error`](Self::error) nothing more may
    /// be forwarded.
    pub(crate) fn feed(&mut self, chunk: Bytes) -> Bytes {
        match self {
            Self::Lines(lines) => lines.feed(chunk),
            Self::Frames(frames) => frames.feed(&chunk),
            Self::Translation(translation) => translation.feed(&chunk),
        }
    }

    /// The stream is over. Gives what still waited, and says whether it ended well.
    pub(crate) fn end(&mut self) -> (Bytes, Ending) {
        match self {
            Self::Lines(lines) => lines.end(),
            Self::Frames(frames) => frames.end(),
            Self::Translation(translation) => translation.end(),
        }
    }

    /// How far it has come.
    pub(crate) fn seen(&self) -> Seen {
        match self {
            Self::Lines(lines) => lines.seen(),
            Self::Frames(frames) => frames.seen(),
            Self::Translation(translation) => translation.seen(),
        }
    }

    /// The upstream's error, if it sent one.
    pub(crate) fn error(&self) -> Option<&StreamError> {
        match self {
            Self::Lines(lines) => lines.error(),
            Self::Frames(frames) => frames.error(),
            Self::Translation(translation) => translation.error(),
        }
    }

    /// An error of ours that ends the stream, whatever event was under way.
    pub(crate) fn last_event(&self, problem: &Problem<'_>) -> Bytes {
        match self {
            Self::Lines(lines) => [lines.separator(), &event(lines.dialect(), problem, lines.events())].concat().into(),
            Self::Frames(_) => event(Dialect::Bedrock, problem, 0),
            Self::Translation(translation) => event(translation.caller(), problem, translation.next_number()),
        }
    }

    /// What tells a caller who waits that more will come; empty where nothing may be said, within an event and after the end.
    pub(crate) fn keep_alive(&self) -> &'static [u8] {
        match self {
            _ if self.seen() == Seen::Done => b"",
            Self::Lines(lines) if !lines.is_between_events() => b"",
            Self::Lines(lines) => lines.dialect().keep_alive(),
            Self::Frames(_) => Dialect::Bedrock.keep_alive(),
            Self::Translation(translation) => translation.caller().keep_alive(),
        }
    }

    /// What the upstream said that the caller's format can't, if that is why the stream failed.
    pub(crate) fn unsayable(&self) -> Option<&Unsayable> {
        match self {
            Self::Lines(_) | Self::Frames(_) => None,
            Self::Translation(translation) => translation.unsayable(),
        }
    }
}

/// Whether an answer is a stream, by the type of its content and what was asked for.
fn is_stream(format: Format, delivery: Delivery, content_type: &[u8]) -> bool {
    if format == Format::Bedrock {
        return is_of_kind(content_type, b"application/vnd.amazon.eventstream");
    }
    let is_json = || memchr::memmem::find(&content_type.to_ascii_lowercase(), b"json").is_some();
    is_of_kind(content_type, b"text/event-stream") || delivery == Delivery::Stream && !is_json()
}

/// Whether a content's type is this one, whatever its parameters.
pub(crate) fn is_of_kind(content_type: &[u8], kind: &[u8]) -> bool {
    content_type.get(..kind.len()).is_some_and(|given| given.eq_ignore_ascii_case(kind))
}

/// Whether a JSON value begins here that is a string and not empty.
pub(super) fn begins_with_text(value: &[u8]) -> bool {
    value.starts_with(b"\"") && !value.starts_with(b"\"\"")
}

/// Whether a whole answer that came as a success is one: a format may have another word for errors than the status.
pub(crate) fn is_answer(format: Format, body: &[u8]) -> bool {
    format != Format::Bedrock || bedrock::is_answer(body)
}

/// Whether a whole answer may be an error, by its first bytes.
pub(crate) fn begins_with_error(body: &[u8]) -> bool {
    let inner = body.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| inner.starts_with(b"\"error\""))
}

/// The error that a whole answer is, in spite of its status.
pub(crate) fn error_in(dialect: Dialect, body: &[u8]) -> Option<Box<StreamError>> {
    match dialect.judge(false, body, &mut Choices::default()) {
        Said::Failed(error) => Some(error),
        Said::Alive | Said::More | Said::Finished | Said::Done => None,
    }
}

/// Whether [`is_answer`] has something to say of such answers, so that they have to be looked at before they go on.
pub(crate) fn must_be_looked_at(format: Format, operation: Operation) -> bool {
    format == Format::Bedrock && operation == Operation::Chat
}
