//! The answer and its items as they are written, whole and in a stream's events.
//!
//! Source: the Responses API's reference and the types of OpenAI's Python library, read in autumn 2026. Every member is there that the library
//! demands. What a request asked for is not known here: members that repeat it have what stands for nothing said.

use serde::Serialize;

use crate::exchange::json::Json;
use crate::exchange::message::Citation;
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;

/// An object without members.
#[derive(Serialize)]
pub(super) struct Empty {}

#[derive(Serialize)]
pub(super) struct Answer<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<Empty>,
    incomplete_details: Option<Incomplete>,
    instructions: Option<Empty>,
    max_output_tokens: Option<Empty>,
    metadata: Empty,
    model: &'a str,
    output: &'a [Json<'a>],
    parallel_tool_calls: bool,
    previous_response_id: Option<Empty>,
    reasoning: ReasoningOptions,
    store: bool,
    temperature: Option<Empty>,
    text: Empty,
    tool_choice: &'static str,
    tools: [Empty; 0],
    top_p: Option<Empty>,
    truncation: &'static str,
    usage: Option<Tokens>,
    user: Option<Empty>,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

#[derive(Serialize)]
struct ReasoningOptions {
    effort: Option<Empty>,
    summary: Option<Empty>,
}

#[derive(Serialize)]
struct Tokens {
    input_tokens: u64,
    input_tokens_details: InputTokens,
    output_tokens: u64,
    output_tokens_details: OutputTokens,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputTokens {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputTokens {
    reasoning_tokens: u64,
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    InProgress,
    Completed,
    /// The limit of tokens was reached.
    CutAtLength,
    /// A filter took the rest.
    Filtered,
}

impl State {
    /// How an answer is over. Words for not answering are an answer; without them it was taken.
    pub(super) fn of(finish: &Finish<'_>, has_refusal: bool) -> Self {
        match finish {
            Finish::Stop | Finish::StopText(_) | Finish::ToolCalls | Finish::Paused => Self::Completed,
            Finish::Length => Self::CutAtLength,
            Finish::Refused if has_refusal => Self::Completed,
            Finish::Refused | Finish::Filtered => Self::Filtered,
        }
    }

    /// The status of an answer or an item.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::CutAtLength | Self::Filtered => "incomplete",
        }
    }

    fn incomplete(self) -> Option<Incomplete> {
        match self {
            Self::InProgress | Self::Completed => None,
            Self::CutAtLength => Some(Incomplete { reason: "max_output_tokens" }),
            Self::Filtered => Some(Incomplete { reason: "content_filter" }),
        }
    }
}

/// What an answer is known by.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) id: &'a str,
    pub(super) created_at: u64,
    pub(super) model: &'a str,
}

impl<'a> Answer<'a> {
    pub(super) fn of(head: Head<'a>, state: State, output: &'a [Json<'a>], usage: &Usage) -> Self {
        Self {
            id: head.id,
            object: "response",
            created_at: head.created_at,
            status: state.status(),
            background: false,
            error: None,
            incomplete_details: state.incomplete(),
            instructions: None,
            max_output_tokens: None,
            metadata: Empty {},
            model: head.model,
            output,
            parallel_tool_calls: true,
            previous_response_id: None,
            reasoning: ReasoningOptions { effort: None, summary: None },
            store: false,
            temperature: None,
            text: Empty {},
            tool_choice: "auto",
            tools: [],
            top_p: None,
            truncation: "disabled",
            usage: (!usage.is_empty()).then(|| tokens(usage)),
            user: None,
        }
    }
}

fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        input_tokens: usage.input.unwrap_or(0),
        input_tokens_details: InputTokens {
            cached_tokens: usage.cache_read.unwrap_or(0),
            cache_write_tokens: usage.cache_write.unwrap_or(0),
        },
        output_tokens: usage.output.unwrap_or(0),
        output_tokens_details: OutputTokens { reasoning_tokens: usage.reasoning.unwrap_or(0) },
        total_tokens: usage.total(),
    }
}

/// An item of an answer.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        id: &'a str,
        status: &'static str,
        role: &'static str,
        content: &'a [Json<'a>],
    },
    FunctionCall {
        id: &'a str,
        status: &'static str,
        arguments: &'a str,
        call_id: &'a str,
        name: &'a str,
    },
    /// One whose `summary` is empty is sealed; one with an empty text in it was not shown.
    Reasoning {
        id: &'a str,
        summary: &'a [Part<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
    /// An image, as base64; `null` as long as it is not there.
    ImageGenerationCall {
        id: &'a str,
        status: &'static str,
        result: Option<&'a str>,
    },
}

/// A part of an item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    OutputText { text: &'a str, annotations: &'a [Json<'a>], logprobs: [Empty; 0] },
    Refusal { refusal: &'a str },
    SummaryText { text: &'a str },
}

/// Where a text comes from.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Annotation<'a> {
    UrlCitation { start_index: u64, end_index: u64, title: &'a str, url: &'a str },
}

/// The citations of a text that the format can say: those with a URL. One that does not say what it is for is for the whole text.
pub(super) fn annotations<'a>(citations: &'a [Citation<'_>], text: &'a str) -> impl Iterator<Item = Annotation<'a>> {
    let mut counted = None;
    citations.iter().filter_map(move |citation| {
        annotation(citation, || *counted.get_or_insert_with(|| text.chars().count() as u64))
    })
}

/// A citation of a text with this many characters; `None` for one without a URL.
pub(super) fn annotation<'a>(citation: &'a Citation<'_>, characters: impl FnOnce() -> u64) -> Option<Annotation<'a>> {
    let url = citation.url.as_deref()?;
    let (start_index, end_index) = citation.answer_span.unwrap_or_else(|| (0, characters()));
    Some(Annotation::UrlCitation { start_index, end_index, title: citation.title.as_deref().unwrap_or_default(), url })
}
