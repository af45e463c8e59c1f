//! What must not change on the way between two formats, of requests and of answers.

use crate::exchange::event::{Event, Piece};
use crate::exchange::feature::Feature;
use crate::exchange::message::{Content, Part, Role, Source};
use crate::exchange::request::Request;
use crate::exchange::response::{Finish, Response};
use crate::exchange::usage::Usage;
use crate::protocol::translate::books::owned;
use crate::protocol::translate::source::{Source as Framing, Taken};
use crate::protocol::{Dialect, Fault, Frame, Progress, Seed};

/// A request's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    system: String,
    /// Neighbours of the same role are one turn.
    turns: Vec<(Role, Vec<Item>)>,
    /// Name, description, schema.
    tools: Vec<(String, Option<String>, Option<String>)>,
    /// As they are written.
    max_tokens: Option<String>,
    temperature: Option<String>,
    stop: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Text(String),
    Image {
        media_type: String,
        data: String,
    },
    Call {
        name: String,
        arguments: String,
    },
    /// Of the call with this number, counted through the conversation.
    Result {
        call: Option<usize>,
        name: Option<String>,
        text: String,
    },
    Other(String),
}

impl Asked {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let mut calls: Vec<String> = Vec::new();
        let mut turns: Vec<(Role, Vec<Item>)> = Vec::new();
        for message in &request.messages {
            if turns.last().is_none_or(|(role, _)| *role != message.role) {
                turns.push((message.role, Vec::new()));
            }
            for part in &message.parts {
                let item = item(part, &mut calls);
                let turn = &mut turns.last_mut().unwrap().1;
                match (turn.last_mut(), item) {
                    (Some(Item::Text(before)), Item::Text(text)) => before.push_str(&text),
                    (_, item) => turn.push(item),
                }
            }
        }
        let tools = request.tools.iter().map(|tool| {
            let parameters = tool.parameters.as_ref().map(|schema| schema.as_str().to_owned());
            (tool.name.to_string(), tool.description.as_deref().map(str::to_owned), parameters)
        });
        Self {
            system: joined(&request.system),
            turns,
            tools: tools.collect(),
            max_tokens: request.max_tokens.as_ref().map(|number| number.as_str().to_owned()),
            temperature: request.sampling.temperature.as_ref().map(|number| number.as_str().to_owned()),
            stop: request.stop.iter().map(|text| text.to_string()).collect(),
        }
    }

    /// What is left of it where it is written in a dialect.
    pub(super) fn told_in(mut self, dialect: Dialect) -> Self {
        let cannot = dialect.protocol().cannot();
        let can = |feature| cannot.iter().all(|(cannot, _)| *cannot != feature);
        self.stop.retain(|_| can(Feature::Stop));
        self.temperature = self.temperature.filter(|_| can(Feature::Temperature));
        self.max_tokens = self.max_tokens.filter(|_| can(Feature::MaxTokens));
        // The least that it takes is more than the least there is.
        let is_less =
            |tokens: &String| dialect == Dialect::Responses && tokens.parse().is_ok_and(|tokens: u64| tokens < 16);
        self.max_tokens = self.max_tokens.map(|tokens| if is_less(&tokens) { "16".to_owned() } else { tokens });
        self
    }

    /// Without what a dialect demands where nothing was asked.
    pub(super) fn without_defaults(mut self, original: &Self) -> Self {
        self.max_tokens = self.max_tokens.filter(|_| original.max_tokens.is_some());
        self
    }
}

fn item(part: &Part<'_>, calls: &mut Vec<String>) -> Item {
    match &part.content {
        Content::Text { text, .. } => Item::Text(text.replace('\n', "")),
        Content::Image(image) => match &image.source {
            Source::Inline { media_type, data } => {
                Item::Image { media_type: media_type.to_string(), data: data.to_string() }
            }
            Source::Url { .. } | Source::File(_) => Item::Other(format!("{image:?}")),
        },
        Content::ToolCall(call) => {
            calls.push(call.id.to_string());
            Item::Call { name: call.name.to_string(), arguments: call.arguments.as_str().to_owned() }
        }
        Content::ToolResult(result) => Item::Result {
            call: calls.iter().rposition(|id| **id == *result.id),
            name: result.name.as_deref().map(str::to_owned),
            text: joined(&result.content),
        },
        other => Item::Other(format!("{other:?}")),
    }
}

fn joined(parts: &[Part<'_>]) -> String {
    let said = |part: &Part<'_>| part.as_text().map_or_else(|| format!("{part:?}"), |text| text.replace('\n', ""));
    parts.iter().map(said).collect()
}

/// An answer's.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Answered {
    reasoning: String,
    text: String,
    /// Name and arguments.
    calls: Vec<(String, String)>,
    ids: Vec<String>,
    finish: Option<Finish<'static>>,
    usage: Usage,
}

impl Answered {
    pub(super) fn of(response: &Response<'_>) -> Self {
        let mut answered = Self { usage: response.usage, ..Self::default() };
        let choice = &response.choices[0];
        for part in &choice.parts {
            match &part.content {
                Content::Text { text, .. } | Content::Refusal(text) => answered.text.push_str(text),
                Content::Reasoning { text, .. } => answered.reasoning.push_str(text),
                Content::ToolCall(call) => {
                    answered.ids.push(call.id.to_string());
                    answered.calls.push((call.name.to_string(), call.arguments.as_str().to_owned()));
                }
                other => panic!("{other:?} was not said"),
            }
        }
        answered.finish = Some(owned(choice.finish.clone()));
        answered.checked()
    }

    /// Of a stream of a dialect's; `None` where its reader takes it for cut, or for one that failed.
    pub(super) fn read(dialect: Dialect, bytes: &[u8]) -> Option<Self> {
        let mut answered = Self::default();
        let progress = read(dialect, bytes, &mut |event| answered.event(event)).ok()?;
        (progress != Progress::More).then(|| answered.checked())
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Begin { usage, .. } | Event::Usage(usage) => self.usage.update(usage),
            Event::Finish { finish, .. } => self.finish = Some(owned(finish)),
            Event::Ping => {}
            Event::Piece { piece, .. } => match piece {
                Piece::Text(text) | Piece::Refusal(text) => self.text.push_str(&text),
                Piece::Reasoning(text) => self.reasoning.push_str(&text),
                Piece::ToolBegin { call, id, name, .. } => {
                    assert_eq!(call as usize, self.calls.len(), "calls are counted in their order");
                    self.ids.push(id.to_string());
                    self.calls.push((name.to_string(), String::new()));
                }
                Piece::ToolArguments { call, fragment } => self.calls[call as usize].1.push_str(&fragment),
                Piece::ToolEnd { .. } | Piece::ReasoningSignature(_) => {}
                other => panic!("{other:?} was not said"),
            },
        }
    }

    fn checked(mut self) -> Self {
        for (at, id) in self.ids.iter().enumerate() {
            assert!(!self.ids[..at].contains(id) && !id.is_empty(), "every call has an id of its own: {:?}", self.ids);
        }
        self.ids.clear();
        for (_, arguments) in self.calls.iter_mut().filter(|(_, arguments)| arguments.is_empty()) {
            "{}".clone_into(arguments);
        }
        self
    }

    /// What is left of it where it is written in a dialect.
    pub(super) fn told_in(mut self, dialect: Dialect) -> Self {
        let usage = &mut self.usage;
        let has_writes = !matches!(dialect, Dialect::Gemini | Dialect::Cohere);
        let has_reasoning = !matches!(dialect, Dialect::Bedrock | Dialect::Cohere);
        // A count of none is as good as none.
        usage.cache_read = usage.cache_read.filter(|count| *count > 0);
        usage.cache_write = usage.cache_write.filter(|count| *count > 0 && has_writes);
        usage.reasoning = usage.reasoning.filter(|count| *count > 0 && has_reasoning);
        self.finish = self.finish.map(|finish| match finish {
            Finish::Stop | Finish::StopText(_) | Finish::Paused => Finish::Stop,
            Finish::Filtered | Finish::Refused => Finish::Filtered,
            Finish::Length => Finish::Length,
            Finish::ToolCalls => Finish::ToolCalls,
        });
        self
    }
}

/// Reads a stream as a client of the dialect would.
pub(super) fn read(dialect: Dialect, bytes: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Option<Fault>> {
    let mut reader = dialect.protocol().reader(&Seed { id: super::pairs::ID });
    let mut framing = Framing::of(dialect);
    let mut progress = Progress::More;
    let mut take = |frame: Frame<'_>| -> Result<(), Option<Fault>> {
        progress = progress.max(reader.read(frame, sink)?);
        Ok(())
    };
    framing.push(bytes);
    while let Some(taken) = framing.next().map_err(|_| None)? {
        if let Taken::Frame(frame) = taken {
            take(frame)?;
        }
    }
    if let Some(Taken::Frame(frame)) = framing.end().map_err(|_| None)? {
        take(frame)?;
    }
    Ok(progress)
}
