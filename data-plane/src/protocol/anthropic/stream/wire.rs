//! The events of a stream, as they are read and as they are written.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::exchange::json::Json;
use crate::exchange::text::Text;
use crate::protocol::anthropic::citation::Written;
use crate::protocol::anthropic::usage::Counts;
use crate::protocol::sse::on_one_line;

/// An event of any type: the members of those that are known.
#[derive(Deserialize)]
pub(super) struct Data<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    pub(super) index: Option<u32>,
    pub(super) delta: Option<Delta<'a>>,
    pub(super) content_block: Option<Block<'a>>,
    pub(super) message: Option<Message<'a>>,
    pub(super) usage: Option<Counts>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    pub(super) model: Option<Text<'a>>,
    pub(super) usage: Option<Counts>,
}

#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) input: Option<Json<'a>>,
    pub(super) text: Option<Text<'a>>,
    pub(super) thinking: Option<Text<'a>>,
    pub(super) signature: Option<Text<'a>>,
    pub(super) data: Option<Text<'a>>,
}

/// Of a block, by its type; of the message, without one.
#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    pub(super) text: Option<Text<'a>>,
    pub(super) partial_json: Option<Text<'a>>,
    pub(super) thinking: Option<Text<'a>>,
    pub(super) signature: Option<Text<'a>>,
    pub(super) citation: Option<&'a RawValue>,
    pub(super) stop_reason: Option<Text<'a>>,
    pub(super) stop_sequence: Option<Text<'a>>,
}

/// An event to write. Its name is its type.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    MessageStart { message: Start<'a> },
    ContentBlockStart { index: u32, content_block: Begun<'a> },
    ContentBlockDelta { index: u32, delta: More<'a> },
    ContentBlockStop { index: u32 },
    MessageDelta { delta: Stopped<'a>, usage: Counts },
    MessageStop,
}

#[derive(Serialize)]
pub(super) struct Start<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    /// None yet, nor a reason: clients want the members.
    pub(super) content: [(); 0],
    pub(super) stop_reason: Option<()>,
    pub(super) stop_sequence: Option<()>,
    pub(super) usage: Counts,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Begun<'a> {
    Text { text: &'static str },
    Thinking { thinking: &'static str, signature: &'static str },
    RedactedThinking { data: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: NoMembers },
}

/// `{}`.
#[derive(Serialize)]
pub(super) struct NoMembers {}

/// More of a block.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum More<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "citations_delta")]
    Citation { citation: Written<'a> },
}

#[derive(Serialize)]
pub(super) struct Stopped<'a> {
    pub(super) stop_reason: &'static str,
    pub(super) stop_sequence: Option<&'a str>,
}

impl Event<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }

    /// Writes it with its framing.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(self.name().as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let data = out.len();
        // Texts and numbers always serialize. If they did not, half an event would be worse than none.
        match serde_json::to_writer(&mut *out, self) {
            Ok(()) => {
                on_one_line(out.get_mut(data..).unwrap_or_default());
                out.extend_from_slice(b"\n\n");
            }
            Err(_) => out.truncate(begin),
        }
    }
}
