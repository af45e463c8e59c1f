//! Streams as the providers send them, event by event, to be cut and spoiled.

use bytes::Bytes;

use super::script::{Said, Voice, everything};
use super::{anthropic, bedrock, cohere, gemini, openai, responses};

/// What streams are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
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
    /// Cohere's chat.
    Cohere,
}

/// A stream.
#[derive(Debug, Clone)]
pub struct Specimen {
    /// The type of its content.
    pub content_type: &'static str,
    /// Its events.
    pub events: Vec<Bytes>,
    /// Which of its events says that the answer is whole.
    pub last: usize,
    /// An event that says that it failed.
    pub failure: Bytes,
}

impl Dialect {
    /// Every one of them.
    pub const ALL: [Self; 6] =
        [Self::Chat, Self::Responses, Self::Anthropic, Self::Gemini, Self::Bedrock, Self::Cohere];

    fn voice(self) -> Voice {
        match self {
            Self::Chat => openai::VOICE,
            Self::Responses => responses::VOICE,
            Self::Anthropic => anthropic::VOICE,
            Self::Gemini => gemini::VOICE,
            Self::Bedrock => bedrock::VOICE,
            Self::Cohere => cohere::VOICE,
        }
    }

    /// What only the event has that says that the answer is whole.
    fn end(self) -> &'static [u8] {
        match self {
            Self::Chat => b"\"finish_reason\":\"",
            Self::Responses => b"event: response.completed",
            Self::Anthropic => b"event: message_stop",
            Self::Gemini => b"\"finishReason\":",
            Self::Bedrock => b"messageStop",
            Self::Cohere => b"event: message-end",
        }
    }

    /// A stream with reasoning, text, two calls and usage.
    #[must_use]
    pub fn long(self) -> Specimen {
        self.specimen(&everything())
    }

    /// A stream with two words.
    #[must_use]
    pub fn short(self) -> Specimen {
        self.specimen(&Said { text: "All good.".into(), ..Said::default() })
    }

    fn specimen(self, said: &Said) -> Specimen {
        let voice = self.voice();
        let events = (voice.events)(said, "a-model", true);
        let is_end = |event: &Bytes| memchr::memmem::find(event, self.end()).is_some();
        let last = events.iter().position(is_end).unwrap_or(events.len() - 1);
        Specimen { content_type: voice.content_type, events, last, failure: (voice.failure)() }
    }
}
