//! Reads and writes streams.
//!
//! Source: platform.openai.com/docs/api-reference/responses-streaming and the types of OpenAI's Python library, read in autumn 2026.
//!
//! ```text
//! response.created, response.in_progress
//! for each item     output_item.added
//!   a message         for each part: content_part.added, output_text.delta*, output_text.done, content_part.done
//!   a call            function_call_arguments.delta*, function_call_arguments.done
//!   reasoning         for each part: reasoning_summary_part.added, reasoning_summary_text.delta*, …done, …part.done
//!                   output_item.done
//! response.completed, or response.incomplete
//! ```

mod reader;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::Writer;

#[cfg(test)]
mod tests;
