//! Reads and writes whole answers.

use crate::exchange::response::Response;
use crate::protocol::{NotAnAnswer, Reply, Seed, Unsayable};

pub(super) fn read<'a>(_body: &'a [u8], _seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
    Err(NotAnAnswer)
}

pub(super) fn write(_response: &Response<'_>, _reply: &Reply<'_>) -> Result<Vec<u8>, Unsayable> {
    Err(Unsayable { what: String::new(), why: "is not written yet".to_owned() })
}
