//! The events as they are written.

use serde::Serialize;

use crate::exchange::json::Json;
use crate::protocol::responses::output::{Annotation, Answer, Empty, Item, Part};
use crate::protocol::sse::on_one_line;

/// The members of all events; each has some of them.
#[derive(Serialize, Default)]
pub(super) struct Data<'a> {
    pub(super) r#type: &'static str,
    pub(super) sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<&'a Answer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<Whole<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<&'a Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation: Option<&'a Annotation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<[Empty; 0]>,
}

/// An item, as it begins or as it is kept.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Whole<'a> {
    New(Item<'a>),
    Kept(&'a Json<'a>),
}

impl Data<'_> {
    pub(super) fn of(kind: &'static str) -> Self {
        Self { r#type: kind, ..Self::default() }
    }
}

/// Numbers the events.
#[derive(Debug, Default)]
pub(super) struct Sequence(u64);

impl Sequence {
    pub(super) fn next(&self) -> u64 {
        self.0
    }

    pub(super) fn write(&mut self, data: Data<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(data.r#type.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let before = out.len();
        // Strings and numbers always serialize, and a vector takes everything.
        let _ = serde_json::to_writer(&mut *out, &Data { sequence_number: self.0, ..data });
        on_one_line(out.get_mut(before..).unwrap_or_default());
        out.extend_from_slice(b"\n\n");
        self.0 += 1;
    }
}
