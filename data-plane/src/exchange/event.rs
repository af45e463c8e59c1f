//! The pieces of a streamed answer.
//!
//! A reader gives [`Begin`](Event::Begin) first, then the pieces in the order in which they came, then for each choice one
//! [`Finish`](Event::Finish); usage whenever it is known. A tool's call begins before its arguments come; several may be under way at once.
//! What ends a stream is no event: see `protocol::Reader`.

use super::json::Json;
use super::message::{Citation, Image};
use super::response::Finish;
use super::text::Text;
use super::usage::Usage;

/// A piece of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event<'a> {
    /// The answer begins. `usage` has what is known of the input.
    Begin { id: Option<Text<'a>>, model: Option<Text<'a>>, usage: Usage },
    /// A piece of an alternative, by its index.
    Piece { choice: u32, piece: Piece<'a> },
    /// An alternative is over. Writers don't get it: it comes to them with the stream's end.
    Finish { choice: u32, finish: Finish<'a> },
    /// What is known of the usage by now. Writers don't get it: it comes to them with the stream's end.
    Usage(Usage),
    /// The upstream lives, and has nothing to say.
    Ping,
}

/// A piece of one alternative.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece<'a> {
    Text(Text<'a>),
    /// The text so far, or a part of it, comes from there.
    Citation(Citation<'a>),
    Refusal(Text<'a>),
    Reasoning(Text<'a>),
    /// Proves the reasoning before it to its provider; the block of reasoning is over.
    ReasoningSignature(Text<'a>),
    SealedReasoning(Text<'a>),
    /// The call with this number, counted from 0 in the order in which the calls of this alternative begin.
    ToolBegin {
        call: u32,
        id: Text<'a>,
        name: Text<'a>,
        signature: Option<Text<'a>>,
    },
    /// More of the call's arguments. Together they are a JSON object.
    ToolArguments {
        call: u32,
        fragment: Text<'a>,
    },
    /// The call's arguments are whole. Readers give it where their format says it; writers get it for every call, before anything of
    /// another kind that came after it, and after at least one fragment.
    ToolEnd {
        call: u32,
    },
    Image(Image<'a>),
    /// Probabilities of the tokens of the text before, as OpenAI's chat has them.
    Logprobs(Json<'a>),
}

/// How a stream ended well.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ended {
    /// For each alternative, by its index, why it is over. Never empty.
    pub(crate) finishes: Vec<(u32, Finish<'static>)>,
    pub(crate) usage: Usage,
}
