//! Reads and writes requests.

use crate::exchange::request::Request;
use crate::protocol::{Outgoing, Target, Unreadable, Unsayable};

pub(super) fn read(_body: &[u8]) -> Result<Request<'_>, Unreadable> {
    Err(Unreadable { field: String::new(), wrong: "is not read yet".to_owned() })
}

pub(super) fn write(_request: &Request<'_>, _to: &Target<'_>) -> Result<Outgoing, Unsayable> {
    Err(Unsayable { what: String::new(), why: "is not written yet".to_owned() })
}
