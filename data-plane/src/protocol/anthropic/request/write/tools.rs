//! Tools, which of them are called, and the form of the answer, which may be a tool too.

use serde::ser::{Serialize, SerializeMap, Serializer};
use shared::catalog::rules::SchemaForm;

use super::block::CacheControl;
use super::{names, schema};
use crate::exchange::json::Json;
use crate::exchange::manner::Manner;
use crate::exchange::message::CacheHint;
use crate::exchange::request::{AnswerFormat, Request, Schema};
use crate::exchange::tool;
use crate::protocol::{ANSWER_TOOL, Unsayable, claude};

/// What is said of tools.
pub(super) struct Toolbox<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Option<ToolChoice<'a>>,
    /// The answer's schema, where the format's own field holds it.
    pub(super) schema: Option<Json<'a>>,
    /// The answer's schema is a tool's.
    pub(super) answers_by_tool: bool,
}

pub(super) struct Tool<'a> {
    name: &'a str,
    description: Option<&'a str>,
    input_schema: Json<'a>,
    strict: Option<bool>,
    pub(super) cache: Option<CacheHint>,
}

pub(super) struct ToolChoice<'a> {
    kind: Choice<'a>,
    /// No two at once.
    one_at_most: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice<'a> {
    Auto,
    Any,
    Tool(&'a str),
    None,
}

impl<'a> Toolbox<'a> {
    pub(super) fn of(request: &'a Request<'_>, manner: &Manner) -> Result<Self, Unsayable> {
        let tools = request.tools.iter().map(Tool::of).collect::<Result<Vec<_>, _>>()?;
        let choice = request.tool_choice.as_ref().map(Choice::of).transpose()?;
        let toolbox = Self { tools, choice: None, schema: None, answers_by_tool: false };
        let (mut toolbox, choice) = match (&request.answer_format, manner.schema) {
            (Some(AnswerFormat::Schema(wanted)), SchemaForm::Native) => {
                (Self { schema: Some(claude::schema::held(&wanted.schema)), ..toolbox }, choice)
            }
            (Some(AnswerFormat::Schema(wanted)), SchemaForm::Tool) => toolbox.with_answer(wanted, choice)?,
            (Some(AnswerFormat::Json | AnswerFormat::Text) | None, _) => (toolbox, choice),
        };
        if toolbox.tools.is_empty() {
            // A choice among none is refused.
            return Ok(toolbox);
        }
        let one_at_most = toolbox.answers_by_tool || request.parallel_tool_calls == Some(false);
        toolbox.choice = match choice {
            Some(kind) => Some(ToolChoice { kind, one_at_most }),
            None => one_at_most.then_some(ToolChoice { kind: Choice::Auto, one_at_most }),
        };
        Ok(toolbox)
    }

    /// Adds the tool that the answer is given to, unless the caller wants one of their own to be called now.
    fn with_answer(
        mut self,
        wanted: &'a Schema<'_>,
        choice: Option<Choice<'a>>,
    ) -> Result<(Self, Option<Choice<'a>>), Unsayable> {
        let may_call = !self.tools.is_empty() && choice != Some(Choice::None);
        if may_call && matches!(choice, Some(Choice::Any | Choice::Tool(_))) {
            return Ok((self, choice));
        }
        self.tools.push(Tool {
            name: ANSWER_TOOL,
            description: Some("Gives the answer. Call it once, with the whole answer, and say nothing else."),
            input_schema: schema::of_object(Some(&wanted.schema), "the answer's schema")?,
            strict: None,
            cache: None,
        });
        self.answers_by_tool = true;
        Ok((self, Some(if may_call { Choice::Any } else { Choice::Tool(ANSWER_TOOL) })))
    }

    /// The model has to call a tool.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self.choice, Some(ToolChoice { kind: Choice::Any | Choice::Tool(_), .. }))
    }
}

impl<'a> Tool<'a> {
    fn of(tool: &'a tool::Tool<'_>) -> Result<Self, Unsayable> {
        let name = names::tool(&tool.name)?;
        let input_schema = schema::of_object(tool.parameters.as_ref(), &format!("the schema of the tool {name:?}"))?;
        Ok(Self {
            name,
            description: tool.description.as_deref(),
            input_schema: match tool.strict {
                Some(true) => claude::schema::held(&input_schema).into_owned(),
                Some(false) | None => input_schema,
            },
            // Not to be strict is how it is anyway, and some servers do not know the word.
            strict: tool.strict.filter(|strict| *strict),
            cache: tool.cache,
        })
    }
}

impl Serialize for Tool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name)?;
        if let Some(description) = self.description {
            map.serialize_entry("description", description)?;
        }
        map.serialize_entry("input_schema", &self.input_schema)?;
        if let Some(strict) = self.strict {
            map.serialize_entry("strict", &strict)?;
        }
        if let Some(hint) = self.cache {
            map.serialize_entry("cache_control", &CacheControl::of(hint))?;
        }
        map.end()
    }
}

impl<'a> Choice<'a> {
    fn of(choice: &'a tool::ToolChoice<'_>) -> Result<Self, Unsayable> {
        Ok(match choice {
            tool::ToolChoice::Auto => Self::Auto,
            tool::ToolChoice::Required => Self::Any,
            tool::ToolChoice::Named(name) => Self::Tool(names::tool(name)?),
            tool::ToolChoice::Never => Self::None,
        })
    }
}

impl Serialize for ToolChoice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let kind = match self.kind {
            Choice::Auto => "auto",
            Choice::Any => "any",
            Choice::Tool(_) => "tool",
            Choice::None => "none",
        };
        map.serialize_entry("type", kind)?;
        if let Choice::Tool(name) = self.kind {
            map.serialize_entry("name", name)?;
        }
        if self.one_at_most && self.kind != Choice::None {
            map.serialize_entry("disable_parallel_tool_use", &true)?;
        }
        map.end()
    }
}
