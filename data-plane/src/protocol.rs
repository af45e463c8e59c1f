//! The API formats that callers speak: for each a folder, with the same faces.
//!
//! ```text
//! request   where the model stands, and whether the answer is a stream
//! error     an error of ours, or an upstream's remade, as the format writes it
//! stream    a stream that goes by: did it end as its format ends, or turn into an error
//! ```
//!
//! What has no format of its own is here: [`request`], [`error`] and [`stream`] choose the folder.

pub(crate) mod error;
pub(crate) mod request;
pub(crate) mod stream;

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod openai;

mod lines;
mod scrub;
