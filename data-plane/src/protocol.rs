//! The API formats that callers speak, each with what it can read and write.

pub(crate) mod openai;
