//! Reads an upstream's stream.

use serde::Deserialize;

use crate::exchange::event::{Event, Piece};
use crate::exchange::message::Image;
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::bedrock::block::{CitationOf, Media, MediaSource};
use crate::protocol::bedrock::error::{broken, fault};
use crate::protocol::bedrock::finish;
use crate::protocol::bedrock::usage::TokenUsage;
use crate::protocol::media::Medium;
use crate::protocol::{self, Fault, Frame, MOST_CALLS, Progress, Seed};

/// No format of images has a longer name.
const MOST_FORMAT: usize = 64;

/// Reads one stream.
#[derive(Debug)]
pub(crate) struct Reader {
    has_begun: bool,
    progress: Progress,
    /// How many calls have begun.
    calls: u32,
    /// Blocks that are open and more than text.
    open: Vec<(u64, Open)>,
}

/// A block that is open.
#[derive(Debug)]
enum Open {
    Call(u32),
    /// An image, of this format.
    Image(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    #[serde(default)]
    content_block_index: u64,
    #[serde(borrow)]
    start: Option<Start<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow)]
    tool_use: Option<ToolUseStart<'a>>,
    image: Option<ImageStart<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUseStart<'a> {
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    name: Text<'a>,
    /// What is not the caller's to call.
    r#type: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ImageStart<'a> {
    #[serde(borrow)]
    format: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta<'a> {
    #[serde(default)]
    content_block_index: u64,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
}

/// A piece of a block, by the member that it has. What is not known has none of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    tool_use: Option<ToolUseDelta<'a>>,
    reasoning_content: Option<ReasoningDelta<'a>>,
    citation: Option<CitationOf<'a>>,
    image: Option<ImageDelta<'a>>,
}

#[derive(Deserialize)]
struct ToolUseDelta<'a> {
    #[serde(borrow)]
    input: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningDelta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    signature: Option<Text<'a>>,
    redacted_content: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ImageDelta<'a> {
    #[serde(borrow)]
    source: Option<MediaSource<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    #[serde(default)]
    content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop<'a> {
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

#[derive(Deserialize)]
struct Metadata {
    usage: Option<TokenUsage>,
}

impl Reader {
    pub(crate) fn new(_seed: &Seed<'_>) -> Self {
        Self { has_begun: false, progress: Progress::More, calls: 0, open: Vec::new() }
    }

    fn begin(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if !self.has_begun {
            self.has_begun = true;
            sink(Event::Begin { id: None, model: None, usage: Usage::default() });
        }
    }

    fn start(&mut self, start: BlockStart<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        let at = start.content_block_index;
        let Some(start) = start.start else { return Ok(()) };
        if self.open.len() > MOST_CALLS {
            return Err(broken("the upstream's answer has more open blocks than any may have"));
        }
        if let Some(tool) = start.tool_use.filter(|tool| tool.r#type.is_none()) {
            let call = self.calls;
            self.calls += 1;
            self.open.push((at, Open::Call(call)));
            give(Piece::ToolBegin { call, id: tool.tool_use_id, name: tool.name, signature: None }, sink);
        } else if let Some(image) = start.image.filter(|image| image.format.len() <= MOST_FORMAT) {
            self.open.push((at, Open::Image(image.format.as_str().to_owned())));
        }
        Ok(())
    }

    fn delta(&self, delta: BlockDelta<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let open = self.open.iter().find(|(at, _)| *at == delta.content_block_index).map(|(_, open)| open);
        let Some(delta) = delta.delta else { return };
        let filled = |text: &Text<'_>| !text.is_empty();
        if let Some(text) = delta.text.filter(filled) {
            give(Piece::Text(text), sink);
        }
        if let (Some(Open::Call(call)), Some(fragment)) =
            (open, delta.tool_use.and_then(|tool| tool.input).filter(filled))
        {
            give(Piece::ToolArguments { call: *call, fragment }, sink);
        }
        if let Some(reasoning) = delta.reasoning_content {
            let text = reasoning.text.filter(filled).map(Piece::Reasoning);
            let signature = reasoning.signature.filter(filled).map(Piece::ReasoningSignature);
            let sealed = reasoning.redacted_content.filter(filled).map(Piece::SealedReasoning);
            [text, signature, sealed].into_iter().flatten().for_each(|piece| give(piece, sink));
        }
        if let Some(citation) = delta.citation {
            give(Piece::Citation(citation.read()), sink);
        }
        if let (Some(Open::Image(format)), Some(source)) = (open, delta.image.and_then(|image| image.source)) {
            let media = Media { format: format.as_str().into(), source };
            if let Some(source) = media.source(Medium::Image) {
                give(Piece::Image(Image { source, detail: None }), sink);
            }
        }
    }

    fn stop(&mut self, stop: &BlockStop, sink: &mut dyn FnMut(Event<'_>)) {
        let Some(place) = self.open.iter().position(|(at, _)| *at == stop.content_block_index) else { return };
        if let (_, Open::Call(call)) = self.open.swap_remove(place) {
            give(Piece::ToolEnd { call }, sink);
        }
    }

    fn message_stop(&mut self, stop: &MessageStop<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        let finish = finish::read(&stop.stop_reason).map_err(|_| broken("the model's output is malformed"))?;
        self.progress = Progress::Finished;
        sink(Event::Finish { choice: 0, finish });
        Ok(())
    }

    fn metadata(&mut self, metadata: &Metadata, sink: &mut dyn FnMut(Event<'_>)) {
        if let Some(usage) = metadata.usage {
            sink(Event::Usage(usage.read()));
        }
        if self.progress == Progress::Finished {
            self.progress = Progress::Done;
        }
    }
}

impl protocol::Reader for Reader {
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let (name, data) = match frame {
            Frame::Event { name, data } => (name, data),
            Frame::Exception { name, data } => return Err(fault(name, data)),
        };
        if self.progress == Progress::Done {
            return Ok(Progress::Done);
        }
        match name {
            "messageStart" => self.begin(sink),
            "contentBlockStart" => {
                self.begin(sink);
                self.start(parsed(data)?, sink)?;
            }
            "contentBlockDelta" => {
                self.begin(sink);
                self.delta(parsed(data)?, sink);
            }
            "contentBlockStop" => self.stop(&parsed(data)?, sink),
            "messageStop" => {
                self.begin(sink);
                self.message_stop(&parsed(data)?, sink)?;
            }
            "metadata" => {
                self.begin(sink);
                self.metadata(&parsed(data)?, sink);
            }
            _ => {}
        }
        Ok(self.progress)
    }
}

fn give(piece: Piece<'_>, sink: &mut dyn FnMut(Event<'_>)) {
    sink(Event::Piece { choice: 0, piece });
}

fn parsed<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(data).map_err(|_| broken("the upstream's stream has an event that can't be read"))
}
