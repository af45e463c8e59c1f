//! Who serves a model in OpenAI's format: each with a voice of its own.

use bytes::Bytes;
use serde_json::Value;

use super::say;
use crate::standin::script::{Said, Voice};

/// Who serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::standin) enum House {
    /// OpenAI, and whoever is like it.
    OpenAi,
    /// Mistral.
    Mistral,
    /// Groq.
    Groq,
    /// DeepSeek.
    DeepSeek,
}

impl House {
    /// Who serves a model of this name.
    pub(super) fn of(model: &str) -> Self {
        match model.split(['-', '/']).next() {
            Some("mistral") => Self::Mistral,
            // That is how it names its models.
            Some("openai") => Self::Groq,
            Some("deepseek") => Self::DeepSeek,
            _ => Self::OpenAi,
        }
    }

    /// How it says things.
    pub(super) fn voice(self) -> Voice {
        match self {
            // It thinks, and keeps it for itself.
            Self::OpenAi => Voice { whole: silent, events: silent_events, ..say::VOICE },
            // Ids of nine letters and digits.
            Self::Mistral => Voice { whole: bare, events: bare_events, ..say::VOICE },
            Self::Groq => Voice { whole: reasoning, events: reasoning_events, ..say::VOICE },
            Self::DeepSeek => Voice { whole: |said, model| lean(say::whole(said, model)), ..say::VOICE },
        }
    }
}

fn without_thoughts(said: &Said) -> Said {
    Said { thought: false, reasoning: String::new(), ..said.clone() }
}

fn silent(said: &Said, model: &str) -> Value {
    say::whole(&without_thoughts(said), model)
}

fn silent_events(said: &Said, model: &str, tells_usage: bool) -> Vec<Bytes> {
    say::events(&without_thoughts(said), model, tells_usage)
}

fn bare(said: &Said, model: &str) -> Value {
    lean(reworded(&silent(said, model), "call_", ""))
}

fn bare_events(said: &Said, model: &str, _: bool) -> Vec<Bytes> {
    // Usage comes unasked.
    silent_events(said, model, true).iter().map(|event| reword(event, "call_", "")).collect()
}

fn reasoning(said: &Said, model: &str) -> Value {
    lean(reworded(&say::whole(said, model), "\"reasoning_content\"", "\"reasoning\""))
}

fn reasoning_events(said: &Said, model: &str, tells_usage: bool) -> Vec<Bytes> {
    let events = say::events(said, model, tells_usage);
    events.iter().map(|event| reword(event, "\"reasoning_content\"", "\"reasoning\"")).collect()
}

/// Only OpenAI itself tells of refusals and annotations.
fn lean(mut answer: Value) -> Value {
    if let Some(message) = answer["choices"][0]["message"].as_object_mut() {
        message.retain(|name, _| !["annotations", "refusal"].contains(&name.as_str()));
    }
    answer
}

fn reword(event: &[u8], word: &str, other: &str) -> Bytes {
    String::from_utf8_lossy(event).replace(word, other).into()
}

fn reworded(answer: &Value, word: &str, other: &str) -> Value {
    serde_json::from_slice(&reword(answer.to_string().as_bytes(), word, other)).unwrap_or_default()
}
