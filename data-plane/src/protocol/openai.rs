//! OpenAI's format: where a request's model stands, how an error looks, how a stream ends.

pub(crate) mod error;
pub(crate) mod scan;
pub(crate) mod scrub;
pub(crate) mod stream;
