//! What a request says, in so far as every format can say it: so that what came in can be compared with what went out.

use std::collections::BTreeSet;

use crate::exchange::message::{Content, Part};
use crate::exchange::request::Request;

/// What a request says. Blanks count nowhere: formats in which arguments are an object have others than formats in which they are a text, and
/// those that part texts by blank lines add some.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What was said by anybody, tools included, each text as it stands.
    texts: Vec<String>,
    /// Name and arguments.
    calls: Vec<(String, String)>,
    results: usize,
    tools: BTreeSet<String>,
}

impl Asked {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let mut asked = Self::default();
        asked.tools.extend(request.tools.iter().map(|tool| tool.name.to_string()));
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        request.system.iter().chain(parts).for_each(|part| asked.add(part));
        asked
    }

    fn add(&mut self, part: &Part<'_>) {
        match &part.content {
            Content::Text { text, .. } => self.texts.push(without_blanks(text)),
            Content::ToolCall(call) => {
                self.calls.push((call.name.to_string(), without_blanks(call.arguments.as_str())));
            }
            Content::ToolResult(result) => {
                self.results += 1;
                result.content.iter().for_each(|part| self.add(part));
            }
            // Not all formats have them, or know them as the same.
            Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Reasoning { .. }
            | Content::SealedReasoning(_) => {}
        }
    }

    /// Whether all of it is in what was written: that may say more, as what a format demands between two turns.
    pub(super) fn is_in(&self, written: &Self) -> bool {
        let said = written.texts.concat();
        let (mut at, mut calls) = (0, written.calls.iter());
        // Mostly behind the one before; but what stood in the midst may have come first.
        let mut is_said = |text: &String| {
            let behind = said[at..].find(text).map(|found| at + found).or_else(|| said.find(text));
            at = behind.map_or(at, |found| found + text.len());
            behind.is_some()
        };
        self.texts.iter().all(&mut is_said)
            && self.calls.iter().all(|call| calls.any(|written| written == call))
            && self.results == written.results
            && self.tools.is_subset(&written.tools)
    }
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}
