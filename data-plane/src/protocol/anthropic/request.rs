//! Reads and writes requests.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub(super) use self::read::read;
pub(super) use self::write::{call_id, write};
