//! Writes an answer for a caller.

use serde::Serialize;

use super::read::held;
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Content, Image, Part};
use crate::exchange::response::{Choice, Response};
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, id_with_signature};
use crate::protocol::error::json;
use crate::protocol::openai::{finish, reasoning, usage};
use crate::protocol::{Reply, Unsayable};

#[derive(Serialize)]
struct Answer<'a> {
    id: Text<'a>,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WrittenChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<usage::Written>,
}

#[derive(Serialize)]
struct WrittenChoice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<&'a Json<'a>>,
    finish_reason: &'static str,
}

/// `content` and `refusal` are always there, as OpenAI's are.
#[derive(Default, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<Text<'a>>,
    refusal: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<reasoning::Written<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<WrittenImage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Function<'a>>,
}

/// A page that is cited.
#[derive(Debug, Serialize)]
pub(in crate::protocol::openai) struct Annotation<'a> {
    r#type: &'static str,
    url_citation: UrlCitation<'a>,
}

#[derive(Debug, Serialize)]
struct UrlCitation<'a> {
    url: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    start_index: u64,
    end_index: u64,
}

impl<'a> Annotation<'a> {
    /// A citation's; `None` where it is of no page, for which the format has no word. One that does not say what it is for is for the text that
    /// it came with, since clients demand both places.
    pub(in crate::protocol::openai) fn of(citation: &'a Citation<'_>, text: (u64, u64)) -> Option<Self> {
        let (start_index, end_index) = citation.answer_span.unwrap_or(text);
        let url_citation = UrlCitation {
            url: citation.url.as_deref()?,
            title: citation.title.as_deref().unwrap_or_default(),
            content: citation.quoted.as_deref(),
            start_index,
            end_index,
        };
        Some(Self { r#type: "url_citation", url_citation })
    }
}

/// An image that the model made, as vendors have it.
#[derive(Debug, Serialize)]
pub(in crate::protocol::openai) struct WrittenImage<'a> {
    r#type: &'static str,
    image_url: ImageUrl<'a>,
}

#[derive(Debug, Serialize)]
struct ImageUrl<'a> {
    url: Text<'a>,
}

impl<'a> WrittenImage<'a> {
    /// An image's.
    ///
    /// # Errors
    ///
    /// When only its provider has it.
    pub(in crate::protocol::openai) fn of(image: &'a Image<'_>) -> Result<Self, Unsayable> {
        let url = image.source.to_url().ok_or_else(|| unsayable("an image that the provider keeps"))?;
        Ok(Self { r#type: "image_url", image_url: ImageUrl { url } })
    }
}

#[derive(Serialize)]
struct Call<'a> {
    id: Text<'a>,
    r#type: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
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

pub(in crate::protocol::openai) fn write(response: &Response<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
    let choices = response.choices.iter().enumerate().map(|(index, choice)| written_choice(index, choice, reply));
    let answer = Answer {
        id: response.id.as_ref().map_or_else(|| format!("chatcmpl-{}", reply.id).into(), Text::borrowed),
        object: "chat.completion",
        created: reply.created,
        model: response.model.as_deref().unwrap_or(reply.model),
        choices: choices.collect::<Result<_, _>>()?,
        usage: usage::written(&response.usage),
    };
    Ok(json(&answer))
}

fn written_choice<'a>(index: usize, choice: &'a Choice<'_>, reply: &Reply<'_>) -> Result<WrittenChoice<'a>, Unsayable> {
    let finish_reason = finish::written(&choice.finish, held(&choice.parts), reply.knows_one_call);
    let mut message = message(&choice.parts)?;
    if reply.knows_one_call {
        // The model makes the others again once it has this one's result.
        message.function_call = message.tool_calls.drain(..).next().map(|call| call.function);
    }
    Ok(WrittenChoice { index, message, logprobs: choice.logprobs.as_ref(), finish_reason })
}

fn message<'a>(parts: &'a [Part<'_>]) -> Result<Message<'a>, Unsayable> {
    let mut message = Message { role: "assistant", reasoning_content: reasoning::plain(parts), ..Message::default() };
    if reasoning::needs_details(parts) {
        message.reasoning_details = reasoning::details(parts);
    }
    let mut said = 0;
    for part in parts {
        match &part.content {
            Content::Text { text, citations } => {
                append(&mut message.content, text);
                let place = (said, said + characters(text));
                said = place.1;
                message.annotations.extend(citations.iter().filter_map(|citation| Annotation::of(citation, place)));
            }
            Content::Refusal(refusal) => append(&mut message.refusal, refusal),
            Content::Image(image) => message.images.push(WrittenImage::of(image)?),
            Content::ToolCall(call) => message.tool_calls.push(written_call(call)),
            Content::Reasoning { .. } | Content::SealedReasoning(_) => {}
            Content::Audio(_) => return Err(unsayable("audio")),
            Content::Document(_) => return Err(unsayable("a document")),
            Content::ToolResult(_) => return Err(unsayable("a tool's result")),
        }
    }
    let says_nothing = message.refusal.is_none() && message.images.is_empty() && message.tool_calls.is_empty();
    if message.content.is_none() && says_nothing {
        // Clients of an answer without calls read its text unasked.
        message.content = Some(Text::default());
    }
    Ok(message)
}

/// How many there are.
pub(in crate::protocol::openai) fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

fn append<'a>(to: &mut Option<Text<'a>>, text: &'a Text<'_>) {
    match to {
        None => *to = Some(text.borrowed()),
        Some(before) => before.0.to_mut().push_str(text),
    }
}

fn unsayable(what: &str) -> Unsayable {
    Unsayable { what: format!("{what} in the answer"), why: "can't be said as OpenAI chat completions".to_owned() }
}

fn written_call<'a>(call: &'a ToolCall<'_>) -> Call<'a> {
    let signature = call.signature.as_deref();
    Call {
        id: signature.map_or_else(|| call.id.borrowed(), |signature| id_with_signature(&call.id, Some(signature))),
        r#type: "function",
        function: Function { name: &call.name, arguments: call.arguments.as_str() },
        extra_content: signature.map(|thought_signature| ExtraContent { google: Google { thought_signature } }),
    }
}
