//! The item that is under way.

use super::event::{Data, Sequence, Whole};
use crate::exchange::json::Json;
use crate::exchange::message::Citation;
use crate::protocol::responses::output::{Annotation, Item, Part, State, annotation};

/// An item.
pub(super) enum Open {
    Message(Message),
    Thoughts(Thoughts),
    Call(Call),
}

/// An image: it begins and ends at once.
pub(super) fn image(id: &str, index: usize, data: &str, sequence: &mut Sequence, out: &mut Vec<u8>) -> Json<'static> {
    let of = |state: State, result| Item::ImageGenerationCall { id, status: state.status(), result };
    added(index, of(State::InProgress, None), sequence, out);
    let item = Json::of(&of(State::Completed, Some(data)));
    done(index, &item, sequence, out);
    item
}

impl Open {
    /// Ends it, and gives it whole.
    pub(super) fn end(self, state: State, sequence: &mut Sequence, out: &mut Vec<u8>) -> Json<'static> {
        let (index, item) = match self {
            Self::Message(message) => (message.index, message.end(state, sequence, out)),
            Self::Thoughts(thoughts) => (thoughts.index, thoughts.end(sequence, out)),
            Self::Call(call) => (call.index, call.end(state, sequence, out)),
        };
        done(index, &item, sequence, out);
        item
    }
}

fn done(index: usize, item: &Json<'_>, sequence: &mut Sequence, out: &mut Vec<u8>) {
    let item = Some(Whole::Kept(item));
    sequence.write(Data { output_index: Some(index), item, ..Data::of("response.output_item.done") }, out);
}

fn added(index: usize, item: Item<'_>, sequence: &mut Sequence, out: &mut Vec<u8>) {
    let item = Some(Whole::New(item));
    sequence.write(Data { output_index: Some(index), item, ..Data::of("response.output_item.added") }, out);
}

/// What the model says.
pub(super) struct Message {
    id: String,
    index: usize,
    /// The parts that are whole.
    content: Vec<Json<'static>>,
    part: Option<Words>,
}

/// A part of a message.
struct Words {
    said: Said,
    text: String,
    /// Of the text.
    characters: u64,
    annotations: Vec<Json<'static>>,
}

/// What a part of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Text,
    Refusal,
}

impl Words {
    fn part(&self) -> Part<'_> {
        match self.said {
            Said::Text => Part::OutputText { text: &self.text, annotations: &self.annotations, logprobs: [] },
            Said::Refusal => Part::Refusal { refusal: &self.text },
        }
    }
}

impl Message {
    pub(super) fn new(id: String, index: usize) -> Self {
        Self { id, index, content: Vec::new(), part: None }
    }

    pub(super) fn begin(&self, sequence: &mut Sequence, out: &mut Vec<u8>) {
        let status = State::InProgress.status();
        added(self.index, Item::Message { id: &self.id, status, role: "assistant", content: &[] }, sequence, out);
    }

    /// An event of the part that is under way.
    fn data<'a>(&'a self, kind: &'static str) -> Data<'a> {
        Data {
            item_id: Some(&self.id),
            output_index: Some(self.index),
            content_index: Some(self.content.len()),
            ..Data::of(kind)
        }
    }

    /// Goes on with a part of this kind, or begins one.
    fn open(&mut self, said: Said, sequence: &mut Sequence, out: &mut Vec<u8>) {
        if self.part.as_ref().is_some_and(|part| part.said == said) {
            return;
        }
        self.end_part(sequence, out);
        let words = Words { said, text: String::new(), characters: 0, annotations: Vec::new() };
        let part = words.part();
        sequence.write(Data { part: Some(&part), ..self.data("response.content_part.added") }, out);
        self.part = Some(words);
    }

    pub(super) fn say(&mut self, said: Said, text: &str, sequence: &mut Sequence, out: &mut Vec<u8>) {
        self.open(said, sequence, out);
        let delta = Some(text);
        let data = match said {
            Said::Text => Data { delta, logprobs: Some([]), ..self.data("response.output_text.delta") },
            Said::Refusal => Data { delta, ..self.data("response.refusal.delta") },
        };
        sequence.write(data, out);
        if let Some(part) = &mut self.part {
            part.text.push_str(text);
            part.characters += text.chars().count() as u64;
        }
    }

    pub(super) fn cite(&mut self, citation: &Citation<'_>, sequence: &mut Sequence, out: &mut Vec<u8>) {
        if citation.url.is_none() {
            return;
        }
        self.open(Said::Text, sequence, out);
        let Some(part) = &self.part else { return };
        let annotation: Option<Annotation<'_>> = annotation(citation, || part.characters);
        let annotation_index = Some(part.annotations.len());
        let kind = "response.output_text.annotation.added";
        sequence.write(Data { annotation_index, annotation: annotation.as_ref(), ..self.data(kind) }, out);
        if let (Some(part), Some(annotation)) = (&mut self.part, annotation) {
            part.annotations.push(Json::of(&annotation));
        }
    }

    fn end_part(&mut self, sequence: &mut Sequence, out: &mut Vec<u8>) {
        let Some(words) = self.part.take() else { return };
        let text = Some(words.text.as_str());
        let data = match words.said {
            Said::Text => Data { text, logprobs: Some([]), ..self.data("response.output_text.done") },
            Said::Refusal => Data { refusal: text, ..self.data("response.refusal.done") },
        };
        sequence.write(data, out);
        let part = words.part();
        sequence.write(Data { part: Some(&part), ..self.data("response.content_part.done") }, out);
        self.content.push(Json::of(&part));
    }

    fn end(mut self, state: State, sequence: &mut Sequence, out: &mut Vec<u8>) -> Json<'static> {
        self.end_part(sequence, out);
        let status = state.status();
        Json::of(&Item::Message { id: &self.id, status, role: "assistant", content: &self.content })
    }
}

/// Reasoning.
pub(super) struct Thoughts {
    id: String,
    index: usize,
    /// What is shown, if it is.
    text: Option<String>,
    pub(super) sealed: Option<String>,
}

impl Thoughts {
    pub(super) fn new(id: String, index: usize) -> Self {
        Self { id, index, text: None, sealed: None }
    }

    pub(super) fn begin(&mut self, sequence: &mut Sequence, out: &mut Vec<u8>) {
        added(self.index, Item::Reasoning { id: &self.id, summary: &[], encrypted_content: None }, sequence, out);
    }

    fn data<'a>(&'a self, kind: &'static str) -> Data<'a> {
        let (output_index, item_id) = (Some(self.index), Some(self.id.as_str()));
        Data { item_id, output_index, summary_index: Some(0), ..Data::of(kind) }
    }

    /// Begins to show it.
    pub(super) fn show(&mut self, sequence: &mut Sequence, out: &mut Vec<u8>) {
        let part = Part::SummaryText { text: "" };
        sequence.write(Data { part: Some(&part), ..self.data("response.reasoning_summary_part.added") }, out);
        self.text = Some(String::new());
    }

    pub(super) fn say(&mut self, text: &str, sequence: &mut Sequence, out: &mut Vec<u8>) {
        sequence.write(Data { delta: Some(text), ..self.data("response.reasoning_summary_text.delta") }, out);
        self.text.get_or_insert_default().push_str(text);
    }

    fn end(self, sequence: &mut Sequence, out: &mut Vec<u8>) -> Json<'static> {
        let part = self.text.as_deref().map(|text| Part::SummaryText { text });
        if let Some(part) = &part {
            let text = self.text.as_deref();
            sequence.write(Data { text, ..self.data("response.reasoning_summary_text.done") }, out);
            sequence.write(Data { part: Some(part), ..self.data("response.reasoning_summary_part.done") }, out);
        }
        let encrypted_content = self.sealed.as_deref();
        Json::of(&Item::Reasoning { id: &self.id, summary: part.as_slice(), encrypted_content })
    }
}

/// The model calls a tool.
pub(super) struct Call {
    pub(super) number: u32,
    id: String,
    index: usize,
    call_id: String,
    name: String,
    pub(super) arguments: String,
    /// Its arguments are whole.
    pub(super) is_whole: bool,
}

impl Call {
    /// A call that has not begun in the stream.
    pub(super) fn new(number: u32, call_id: &str, name: &str) -> Self {
        let (call_id, name) = (call_id.to_owned(), name.to_owned());
        Self { number, id: String::new(), index: 0, call_id, name, arguments: String::new(), is_whole: false }
    }

    fn item(&self, state: State) -> Item<'_> {
        let arguments = if state == State::InProgress { "" } else { self.arguments.as_str() };
        Item::FunctionCall { id: &self.id, status: state.status(), arguments, call_id: &self.call_id, name: &self.name }
    }

    /// Begins it, with the arguments that came while it waited.
    pub(super) fn begin(&mut self, id: String, index: usize, sequence: &mut Sequence, out: &mut Vec<u8>) {
        (self.id, self.index) = (id, index);
        added(index, self.item(State::InProgress), sequence, out);
        if !self.arguments.is_empty() {
            sequence.write(self.delta(&self.arguments), out);
        }
    }

    fn data<'a>(&'a self, kind: &'static str) -> Data<'a> {
        Data { item_id: Some(&self.id), output_index: Some(self.index), ..Data::of(kind) }
    }

    fn delta<'a>(&'a self, fragment: &'a str) -> Data<'a> {
        Data { delta: Some(fragment), ..self.data("response.function_call_arguments.delta") }
    }

    pub(super) fn say(&mut self, fragment: &str, sequence: &mut Sequence, out: &mut Vec<u8>) {
        sequence.write(self.delta(fragment), out);
        self.arguments.push_str(fragment);
    }

    fn end(self, state: State, sequence: &mut Sequence, out: &mut Vec<u8>) -> Json<'static> {
        let (name, arguments) = (Some(self.name.as_str()), Some(self.arguments.as_str()));
        let done = self.data("response.function_call_arguments.done");
        sequence.write(Data { name, arguments, ..done }, out);
        Json::of(&self.item(state))
    }
}
