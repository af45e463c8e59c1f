//! Writes the deltas of one alternative.

use serde::Serialize;

use crate::exchange::event::Piece;
use crate::exchange::json::Json;
use crate::exchange::tool::id_with_signature;
use crate::protocol::Unsayable;
use crate::protocol::openai::finish::Held;
use crate::protocol::openai::reasoning;
use crate::protocol::openai::response::{Annotation, WrittenImage, characters};

/// What an alternative has said by now, as far as it decides of what is said next: clients put lists together by the index of their items.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub(super) choice: u32,
    has_called: bool,
    has_refused: bool,
    annotations: u32,
    /// Of its text by now.
    characters: u64,
    images: u32,
    /// The block of reasoning that comes next, or that is open.
    block: u32,
    is_block_open: bool,
}

impl Delta {
    pub(super) fn of(choice: u32) -> Self {
        Self { choice, ..Self::default() }
    }

    pub(super) fn held(&self) -> Held {
        match (self.has_called, self.has_refused) {
            (true, _) => Held::ToolCalls,
            (false, true) => Held::Refusal,
            (false, false) => Held::Neither,
        }
    }

    /// Writes a piece as the members of a delta.
    ///
    /// # Errors
    ///
    /// When the format has no place for it.
    pub(super) fn write(
        &mut self,
        piece: &Piece<'_>,
        knows_one_call: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsayable> {
        match piece {
            Piece::Text(text) => {
                self.characters += characters(text);
                member(out, b"\"content\":", &**text);
            }
            Piece::Refusal(text) => {
                self.has_refused = true;
                member(out, b"\"refusal\":", &**text);
            }
            Piece::Reasoning(text) => {
                self.is_block_open = true;
                member(out, b"\"reasoning_content\":", &**text);
                out.push(b',');
                detail(out, &reasoning::Written::text(self.block, text, None));
            }
            Piece::ReasoningSignature(signature) => {
                detail(out, &reasoning::Written::text(self.block, "", Some(signature)));
                self.close_block();
            }
            Piece::SealedReasoning(data) => {
                if self.is_block_open {
                    self.close_block();
                }
                detail(out, &reasoning::Written::encrypted(self.block, data));
                self.close_block();
            }
            Piece::ToolBegin { name, .. } if knows_one_call => {
                self.has_called = true;
                member(out, b"\"function_call\":{\"name\":", &**name);
                out.extend_from_slice(b",\"arguments\":\"\"}");
            }
            Piece::ToolArguments { fragment, .. } if knows_one_call => {
                member(out, b"\"function_call\":{\"arguments\":", &**fragment);
                out.push(b'}');
            }
            Piece::ToolBegin { call, id, name, signature } => {
                self.has_called = true;
                tool_begin(out, *call, id, name, signature.as_deref());
            }
            Piece::ToolArguments { call, fragment } => {
                member(out, b"\"tool_calls\":[{\"index\":", call);
                member(out, b",\"function\":{\"arguments\":", &**fragment);
                out.extend_from_slice(b"}}]");
            }
            Piece::Citation(citation) => {
                if let Some(annotation) = Annotation::of(citation, (0, self.characters)) {
                    indexed(out, b"\"annotations\":[", &mut self.annotations, &annotation);
                }
            }
            Piece::Image(image) => indexed(out, b"\"images\":[", &mut self.images, &WrittenImage::of(image)?),
            // They are beside the delta, or nothing.
            Piece::Logprobs(_) | Piece::ToolEnd { .. } => {}
        }
        Ok(())
    }

    fn close_block(&mut self) {
        self.block += 1;
        self.is_block_open = false;
    }
}

fn tool_begin(out: &mut Vec<u8>, call: u32, id: &str, name: &str, signature: Option<&str>) {
    member(out, b"\"tool_calls\":[{\"index\":", &call);
    match signature {
        Some(_) => member(out, b",\"id\":", &*id_with_signature(id, signature)),
        None => member(out, b",\"id\":", id),
    }
    member(out, b",\"type\":\"function\",\"function\":{\"name\":", name);
    out.extend_from_slice(b",\"arguments\":\"\"}");
    if let Some(signature) = signature {
        member(out, b",\"extra_content\":{\"google\":{\"thought_signature\":", signature);
        out.extend_from_slice(b"}}");
    }
    out.extend_from_slice(b"}]");
}

fn detail(out: &mut Vec<u8>, detail: &reasoning::Written<'_>) {
    member(out, b"\"reasoning_details\":[", detail);
    out.push(b']');
}

#[derive(Serialize)]
struct Indexed<'a, T> {
    index: u32,
    #[serde(flatten)]
    item: &'a T,
}

/// A list with one item, the next of its kind.
fn indexed<T: Serialize>(out: &mut Vec<u8>, list: &[u8], count: &mut u32, item: &T) {
    member(out, list, &Indexed { index: *count, item });
    out.push(b']');
    *count += 1;
}

fn member<T: Serialize + ?Sized>(out: &mut Vec<u8>, name: &[u8], value: &T) {
    out.extend_from_slice(name);
    put(out, value);
}

/// Texts and numbers always serialize; `null` in the place of what did not would still be a chunk.
pub(super) fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

/// JSON as it was written, on one line: its line breaks stand between its tokens only, and would end the event's line.
pub(super) fn put_line(out: &mut Vec<u8>, json: &Json<'_>) {
    out.extend(json.as_str().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
}
