//! The exchange form: what any of the API formats can say, in the words of none.
//!
//! ```text
//! request    a conversation and how it is to be continued
//! response   a whole answer
//! event      a piece of a streamed answer
//! feature    what a request asks for, so that it can be told what another format can't say
//! embedding  texts, and their vectors
//! ranking    documents, and their order
//! manner     what is peculiar to an upstream and its model
//! ```
//!
//! Everything borrows from the bytes that it was read from. It is a superset: what one format says and another doesn't is here, and what has no
//! home is kept as an [`Extra`](request::Extra). Nothing here knows a format; `protocol` reads and writes it.

pub(crate) mod embedding;
pub(crate) mod event;
pub(crate) mod feature;
pub(crate) mod json;
pub(crate) mod manner;
pub(crate) mod message;
pub(crate) mod ranking;
pub(crate) mod reasoning;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod text;
pub(crate) mod tool;
pub(crate) mod usage;

#[cfg(test)]
pub(crate) mod arbitrary;
