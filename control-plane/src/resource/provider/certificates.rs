//! Certificate authorities that are trusted beside the system's.

use shared::dial::check_authorities;

use crate::error::{FieldReason, FieldViolations};

/// The most bytes of them.
const MOST_BYTES: usize = 32 * 1024;

/// The authorities as PEM: each has to be one that a connection can be checked against, and none a key, since they go to proxies in clear.
pub(super) fn read_ca_certificates(given: &str, violations: &mut FieldViolations) -> String {
    let given = given.trim();
    if given.is_empty() {
        return String::new();
    }
    if given.len() > MOST_BYTES {
        violations.add("ca_certificates", FieldReason::TooLong, format!("use at most {MOST_BYTES} bytes"));
        return String::new();
    }
    match check_authorities(given) {
        Ok(()) => format!("{given}\n"),
        Err(error) => {
            violations.add("ca_certificates", FieldReason::Malformed, error.to_string());
            String::new()
        }
    }
}
