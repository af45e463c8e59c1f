//! The API formats: for each a folder, with the same faces.
//!
//! ```text
//! request    reads a caller's request into the exchange form, and writes an upstream's from it
//! response   reads an upstream's whole answer, and writes a caller's
//! stream     reads an upstream's stream piece by piece, and writes a caller's
//! error      reads an upstream's error, and writes a caller's
//! watch      a stream of the same format that goes by: did it end as its format ends, or turn into an error
//! ```
//!
//! What has no format of its own is here: [`route`] finds what routing needs of a request, [`translate`] puts one format's reader before
//! another's writer, [`error`] and [`watch`] choose the folder. All of it is pure: bytes and values in, bytes and values out.

pub(crate) mod count;
pub(crate) mod embedding;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod limits;
pub(crate) mod notes;
pub(crate) mod provenance;
pub(crate) mod ranking;
pub(crate) mod route;
pub(crate) mod scrub;
pub(crate) mod translate;
pub(crate) mod watch;
pub(crate) mod ways;

mod anthropic;
mod bedrock;
mod claude;
mod cohere;
mod gemini;
mod openai;
mod responses;

mod call_id;
mod characters;
mod fields;
mod lines;
mod media;
mod sse;
mod tool_name;

#[cfg(test)]
mod fixtures;

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use shared::adapter::{Delivery, Format, Operation};

use self::error::Given;
use self::notes::Note;
use crate::exchange::event::{Ended, Event};
use crate::exchange::feature::Feature;
use crate::exchange::manner::Manner;
use crate::exchange::request::{Loss, Request};
use crate::exchange::response::Response;

/// What conversations are written in. OpenAI has two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Dialect {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's generateContent.
    Gemini,
    /// Bedrock's Converse.
    Bedrock,
    /// Cohere's chat, version 2.
    Cohere,
}

impl Dialect {
    /// Every one of them.
    #[cfg(any(test, fuzzing))]
    pub(crate) const ALL: [Self; 6] =
        [Self::Chat, Self::Responses, Self::Anthropic, Self::Gemini, Self::Bedrock, Self::Cohere];

    /// What an operation of a format is written in; `None` for one that is no conversation.
    pub(crate) fn of(format: Format, operation: Operation) -> Option<Self> {
        match (format, operation) {
            (Format::OpenAi, Operation::Chat) => Some(Self::Chat),
            (Format::OpenAi, Operation::Responses) => Some(Self::Responses),
            (Format::Anthropic, Operation::Chat) => Some(Self::Anthropic),
            (Format::Gemini, Operation::Chat) => Some(Self::Gemini),
            (Format::Bedrock, Operation::Chat) => Some(Self::Bedrock),
            (Format::Cohere, Operation::Chat) => Some(Self::Cohere),
            _ => None,
        }
    }

    pub(crate) fn format(self) -> Format {
        match self {
            Self::Chat | Self::Responses => Format::OpenAi,
            Self::Anthropic => Format::Anthropic,
            Self::Gemini => Format::Gemini,
            Self::Bedrock => Format::Bedrock,
            Self::Cohere => Format::Cohere,
        }
    }

    /// What is asked of an adapter of the format.
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Responses => Operation::Responses,
            Self::Chat | Self::Anthropic | Self::Gemini | Self::Bedrock | Self::Cohere => Operation::Chat,
        }
    }

    /// What people call it.
    pub(crate) fn display_name(self) -> &'static str {
        match self {
            Self::Chat => "OpenAI chat completions",
            Self::Responses => "OpenAI responses",
            Self::Anthropic => "Anthropic messages",
            Self::Gemini => "Gemini generateContent",
            Self::Bedrock => "Bedrock Converse",
            Self::Cohere => "Cohere chat",
        }
    }

    /// What tells a caller that waits for more of a stream that it will come, between its events. Empty where there is no such thing.
    pub(crate) fn keep_alive(self) -> &'static [u8] {
        match self {
            Self::Chat | Self::Responses | Self::Cohere => b": keep-alive\n\n",
            // Google's clients take a comment for data; an empty line is nothing to anybody.
            Self::Gemini => b"\n",
            Self::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            Self::Bedrock => b"",
        }
    }

    pub(crate) fn protocol(self) -> &'static dyn Protocol {
        match self {
            Self::Chat => &openai::Chat,
            Self::Responses => &responses::Responses,
            Self::Anthropic => &anthropic::Anthropic,
            Self::Gemini => &gemini::Gemini,
            Self::Bedrock => &bedrock::Bedrock,
            Self::Cohere => &cohere::Cohere,
        }
    }
}

/// One way to write conversations: reads and writes between bytes and the exchange form. Pure: no clock, no I/O, no chance.
pub(crate) trait Protocol: std::fmt::Debug + Send + Sync {
    /// Reads a caller's request. What it doesn't know is kept as an extra, never refused.
    ///
    /// # Errors
    ///
    /// When a field that it knows holds what the format doesn't allow.
    fn read_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, Unreadable>;

    /// Writes a request for an upstream. What the format can't say ([`cannot`](Self::cannot)) is left out: that it may be was checked before.
    ///
    /// # Errors
    ///
    /// When the request holds something that can't be said for what it is, not for what kind it is of: a tool's name with a space.
    fn write_request(&self, request: &Request<'_>, to: &Target<'_>) -> Result<Outgoing, Unsayable>;

    /// Reads an upstream's whole answer.
    ///
    /// # Errors
    ///
    /// When it is none.
    fn read_response<'a>(&self, body: &'a [u8], seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer>;

    /// Writes a whole answer for a caller.
    ///
    /// # Errors
    ///
    /// When the answer holds what the format can't say, and silence would be a lie: an image.
    fn write_response(&self, response: &Response<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable>;

    /// A reader for one stream of an upstream's.
    fn reader(&self, seed: &Seed<'_>) -> Box<dyn Reader>;

    /// A writer for one stream to a caller.
    fn writer(&self, reply: &Reply<'_>) -> Box<dyn Writer>;

    /// Reads an upstream's error: what it says, scrubbed. `None` where the bytes hold no error of the format.
    fn read_error(&self, headers: &HeaderMap, body: &[u8]) -> Option<Given>;

    /// What it can't say, each with what that comes to.
    fn cannot(&self) -> &'static [(Feature, Loss)];

    /// A feature's field in the format's own words, as a caller would find it in their request; `None` where the format can't ask for it.
    fn field(&self, feature: Feature) -> Option<&'static str>;

    /// A call's id as an upstream takes it: itself, or else another that is always the same for it, and for no other.
    fn call_id<'a>(&self, id: &'a str, manner: &Manner) -> Cow<'a, str>;
}

/// Whom a request is written for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The upstream's own name for the model.
    pub(crate) model: &'a str,
    pub(crate) delivery: Delivery,
    /// What is peculiar to the upstream and its model.
    pub(crate) manner: &'a Manner,
}

/// A request as it goes upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outgoing {
    pub(crate) body: Vec<u8>,
    /// A JSON answer was asked for as the arguments of a tool with the name [`ANSWER_TOOL`]: what it is called with is the answer.
    pub(crate) answers_by_tool: bool,
    /// Headers that the upstream wants because of what the body says.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// What was changed and the caller could notice, beside what holds for every writer.
    pub(crate) notes: Vec<Note>,
    /// The fields that the writer sets of its own accord: nobody misses them where the model refuses them.
    pub(crate) unasked: &'static [&'static str],
}

/// The most alternatives of an answer. No API gives more, and an upstream that does is broken.
pub(crate) const MOST_CHOICES: usize = 128;

/// The most calls of tools in an answer.
pub(crate) const MOST_CALLS: usize = 1024;

/// The most bytes of an answer that are kept while it goes by: what a whole one may have.
pub(crate) const MOST_KEPT: usize = 64 * 1024 * 1024;

/// The tool whose arguments are the answer, where a model can't be held to a schema in another way.
pub(crate) const ANSWER_TOOL: &str = "keyplane_answer";

/// What readers make ids from where a format has none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed<'a> {
    /// 32 hexadecimal digits, of this answer alone.
    pub(crate) id: &'a str,
}

/// What writers put into an answer that the upstream did not say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply<'a> {
    /// 32 hexadecimal digits, of this answer alone: for the answer's id where the upstream's has none, and for ids of its parts.
    pub(crate) id: &'a str,
    /// Seconds since 1970.
    pub(crate) created: u64,
    /// The model's name where the upstream does not say one: the target's.
    pub(crate) model: &'a str,
    /// The caller wants a stream's usage.
    pub(crate) wants_usage: bool,
    /// The caller knows calls as OpenAI's chat had them before tools: without ids, and one in an answer.
    pub(crate) knows_one_call: bool,
}

/// A framed event of an upstream's stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame<'a> {
    /// A server-sent event, by its `event` (empty where it has none); or an event of Amazon's, by its type.
    Event { name: &'a str, data: &'a [u8] },
    /// An exception or an error of Amazon's, by its type.
    Exception { name: &'a str, data: &'a [u8] },
}

/// Reads one stream.
pub(crate) trait Reader: std::fmt::Debug + Send {
    /// Reads an event, giving its pieces to `sink` in their order. Nothing may be given after [`Progress::Done`]. What it doesn't know gives nothing.
    ///
    /// # Errors
    ///
    /// When the event is an error of the upstream's, or none of the format.
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault>;
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Progress {
    /// More has to come: an end here is a cut.
    More,
    /// Every alternative that began has a reason for its end. The upstream may end here, and may have more to say, as its usage.
    Finished,
    /// The upstream's own end came.
    Done,
}

/// An error in the midst of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The status that the upstream would have answered with.
    pub(crate) status: StatusCode,
    /// The upstream's error, for those who classify it and for [`Protocol::read_error`].
    pub(crate) body: Bytes,
    /// Its kind, where the format's answers have that in a header.
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
}

/// Writes one stream: whole events of its format, with their framing, behind what `out` holds.
pub(crate) trait Writer: std::fmt::Debug + Send {
    /// Writes an event: neither [`Event::Finish`] nor [`Event::Usage`], which come with the end. The first is [`Event::Begin`].
    ///
    /// # Errors
    ///
    /// When the event holds what the format can't say, and silence would be a lie: an image.
    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable>;

    /// The number of the next event, where the format counts them.
    fn next_number(&self) -> u64 {
        0
    }

    /// Writes the end of a stream that ended well: why, what it cost, and the format's own terminal signal. Nothing is written after it.
    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>);
}

/// A request that does not hold what its format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field {field} {wrong}")]
pub(crate) struct Unreadable {
    /// The field, in the caller's words: `messages[2].content`.
    pub(crate) field: String,
    /// What is wrong, and what stands there instead: `is not one of "user" and "assistant"`.
    pub(crate) wrong: String,
}

/// Something that a format can't say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}")]
pub(crate) struct Unsayable {
    /// What: `the tool name "a b"`.
    pub(crate) what: String,
    /// Why not, and what to do: `can't be sent to Anthropic: use letters, digits, _ and - only`.
    pub(crate) why: String,
}

/// Bytes that are no answer of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's answer is none of its format")]
pub(crate) struct NotAnAnswer;
