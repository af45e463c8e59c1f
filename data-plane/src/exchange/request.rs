//! A conversation, and how it is to be continued.

use std::collections::{HashMap, HashSet};

use super::json::{Json, Number};
use super::message::{Content, Message, Part};
use super::reasoning::Reasoning;
use super::text::Text;
use super::tool::{Tool, ToolChoice};

/// A request for a conversation's next message.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Request<'a> {
    /// What stands before the conversation, in its order: texts, with their cache hints.
    pub(crate) system: Vec<Part<'a>>,
    /// The conversation, in its order.
    pub(crate) messages: Vec<Message<'a>>,
    pub(crate) tools: Vec<Tool<'a>>,
    pub(crate) tool_choice: Option<ToolChoice<'a>>,
    /// Whether the model may call several tools at once; `None` where the caller does not say.
    pub(crate) parallel_tool_calls: Option<bool>,
    /// The most tokens of an answer.
    pub(crate) max_tokens: Option<Number<'a>>,
    pub(crate) sampling: Sampling<'a>,
    /// Texts that end the answer.
    pub(crate) stop: Vec<Text<'a>>,
    /// How many answers; `None` is one.
    pub(crate) choices: Option<Number<'a>>,
    pub(crate) answer_format: Option<AnswerFormat<'a>>,
    pub(crate) reasoning: Option<Reasoning<'a>>,
    /// Who the application's own user is.
    pub(crate) user: Option<Text<'a>>,
    /// The caller wants the usage of a stream: formats that always say it set it.
    pub(crate) wants_usage: bool,
    /// The caller knows calls as OpenAI's chat had them before tools: without ids, and one in an answer.
    pub(crate) knows_one_call: bool,
    /// What has no home here.
    pub(crate) extras: Vec<Extra<'a>>,
}

/// How the next token is chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sampling<'a> {
    pub(crate) temperature: Option<Number<'a>>,
    pub(crate) top_p: Option<Number<'a>>,
    pub(crate) top_k: Option<Number<'a>>,
    pub(crate) presence_penalty: Option<Number<'a>>,
    pub(crate) frequency_penalty: Option<Number<'a>>,
    pub(crate) seed: Option<Number<'a>>,
}

/// What form an answer has to have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AnswerFormat<'a> {
    /// Any text.
    Text,
    /// Any JSON object.
    Json,
    /// JSON of a schema.
    Schema(Schema<'a>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schema<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) description: Option<Text<'a>>,
    /// The JSON schema.
    pub(crate) schema: Json<'a>,
    pub(crate) strict: Option<bool>,
}

/// A field with no home in the exchange form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Extra<'a> {
    /// Where it stands, in the caller's words: `web_search_options`, `generationConfig.mediaResolution`.
    pub(crate) field: Text<'a>,
    pub(crate) json: Json<'a>,
    pub(crate) loss: Loss,
}

/// What it comes to if something can't be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// It would change nothing that the caller could notice, as with a hint that is the default: it is left out without a word.
    Silent,
    /// It would change how the answer comes about, but not what it means: it is left out, and a `warning` header says so.
    Warned,
    /// It would change what the request means: it is refused.
    Refused,
}

impl<'a> Request<'a> {
    /// Gives results the names of their calls, to which they refer by an id. A name that no call of the id has means no other call.
    pub(crate) fn name_results(&mut self) {
        let mut last: HashMap<Text<'a>, Text<'a>> = HashMap::new();
        let mut names: HashSet<(Text<'a>, Text<'a>)> = HashSet::new();
        for part in self.messages.iter_mut().flat_map(|message| &mut message.parts) {
            match &mut part.content {
                Content::ToolCall(call) => {
                    last.insert(call.id.clone(), call.name.clone());
                    names.insert((call.id.clone(), call.name.clone()));
                }
                Content::ToolResult(result) => {
                    let own = result.name.take();
                    let is_a_calls = |name: &Text<'a>| names.contains(&(result.id.clone(), name.clone()));
                    result.name = match own {
                        Some(name) if is_a_calls(&name) => Some(name),
                        own => last.get(&result.id).cloned().or(own),
                    };
                }
                Content::Text { .. }
                | Content::Refusal(_)
                | Content::Image(_)
                | Content::Audio(_)
                | Content::Document(_)
                | Content::Reasoning { .. }
                | Content::SealedReasoning(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::message::Role;
    use crate::exchange::tool::{ToolCall, ToolResult};

    fn message(role: Role, parts: Vec<Content<'static>>) -> Message<'static> {
        Message { role, parts: parts.into_iter().map(Part::of).collect() }
    }

    fn call(id: &'static str, name: &'static str) -> Content<'static> {
        let arguments = Json::of(&serde_json::Map::new());
        Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature: None })
    }

    fn result(id: &'static str, name: Option<&'static str>) -> Content<'static> {
        Content::ToolResult(ToolResult { id: id.into(), name: name.map(Into::into), content: vec![], is_error: false })
    }

    #[test]
    fn a_result_has_its_calls_name_and_its_own_only_where_a_call_has_it() {
        for (called, given, expected) in [
            (vec![("a", "f")], None, Some("f")),
            (vec![("a", "f")], Some("g"), Some("f")),
            (vec![("a", "f"), ("a", "g")], Some("f"), Some("f")),
            (vec![("a", "f"), ("a", "g")], None, Some("g")),
            (vec![("b", "f")], Some("g"), Some("g")),
            (vec![("b", "f")], None, None),
        ] {
            let calls = called.iter().map(|(id, name)| call(id, name)).collect();
            let messages = vec![message(Role::Assistant, calls), message(Role::User, vec![result("a", given)])];
            let mut request = Request { messages, ..Request::default() };
            request.name_results();
            let Content::ToolResult(named) = &request.messages[1].parts[0].content else { panic!() };
            assert_eq!(named.name.as_deref(), expected, "{called:?} {given:?}");
        }
    }
}
