//! What can go wrong in a command, how people are told, and the exit code that scripts read.
//!
//! | code | meaning |
//! | --- | --- |
//! | 1 | the control plane refused, or something here failed |
//! | 2 | the command line is wrong |
//! | 3 | the control plane can't be reached, or can't answer now |
//! | 4 | the token is not accepted, or lacks the permission |
//! | 5 | the time ended before it was complete |

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use shared::name::NameError;
use tonic::{Code, Status};
use tonic_types::{FieldViolation, StatusExt as _};

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line can't be acted on.
    #[error("{0}")]
    Usage(String),
    /// A name or an id is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No admin token was given.
    #[error("no admin token: give --token-file, or set KEYPLANE_TOKEN_FILE")]
    NoToken,
    /// A file can't be read.
    #[error("{} can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file can't be written.
    #[error("{} can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing can be asked of the person at the terminal.
    #[error("the terminal can't be read")]
    Terminal {
        /// Why not.
        source: io::Error,
    },
    /// The answer can't be printed.
    #[error("the answer can't be printed")]
    Print(#[from] io::Error),
    /// The answer has no JSON form.
    #[error("the answer can't be written as JSON")]
    Json(#[from] serde_json::Error),
    /// An address is not one.
    #[error("{given} is not the address of a server")]
    Address {
        /// The text.
        given: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The control plane said no.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
    /// A wait was not over in time.
    #[error("the time ended before it was complete: {0}")]
    Incomplete(String),
    /// A provider would not work as it was given.
    #[error("the connection would not work: {0}")]
    WouldNotWork(String),
    /// What a delete was tried on is held by what depends on it.
    #[error("{name} can't be deleted: {advice}")]
    Held {
        /// Its name.
        name: String,
        /// What to do.
        advice: &'static str,
    },
    /// The person who was asked has left.
    #[error("left before the end: nothing was made")]
    Left,
    /// Ctrl-C, at a prompt where the terminal does not end the process by itself.
    #[error("interrupted: nothing was made")]
    Interrupted,
    /// A process is not healthy.
    #[error("not healthy: {0}")]
    Unhealthy(String),
    /// The threads could not be started.
    #[error("the runtime can't be started")]
    Runtime {
        /// Why not.
        source: io::Error,
    },
    /// The port that the echo provider had at the last start is taken.
    #[error(
        "the echo provider's port {port} is taken, most likely by another keyplane dev with this data directory; end that one, or name \
         another --data-dir"
    )]
    EchoPort {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// One of `keyplane dev`'s parts could not start, or ended.
    #[error("{part} failed")]
    Dev {
        /// Which one.
        part: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl Error {
    /// Tells people, on the standard error stream, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        // Nobody is left to tell when that stream is closed.
        let _ = io::stderr().write_all(self.text().as_bytes());
        ExitCode::from(self.code())
    }

    /// The exit code.
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Name(_) | Self::NoToken | Self::Address { .. } => 2,
            Self::Refused(status) => match status.code() {
                Code::Unavailable => 3,
                Code::Unauthenticated | Code::PermissionDenied => 4,
                Code::DeadlineExceeded => 5,
                _ => 1,
            },
            Self::Incomplete(_) => 5,
            // As a shell tells of a process that Ctrl-C has ended.
            Self::Interrupted => 130,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Terminal { .. }
            | Self::Print(_)
            | Self::Json(_)
            | Self::WouldNotWork(_)
            | Self::Held { .. }
            | Self::Left
            | Self::Unhealthy(_)
            | Self::Runtime { .. }
            | Self::EchoPort { .. }
            | Self::Dev { .. } => 1,
        }
    }

    /// What people read: what failed, each field at fault, what to do.
    pub(crate) fn text(&self) -> String {
        // The fields at fault are listed one by one, so that the message, which has them all in one line, is left out.
        let mut text = match self {
            Self::Refused(status) if !violations(status).is_empty() => "error: fields are at fault".to_owned(),
            _ => format!("error: {self}"),
        };
        let mut source = self.source();
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        text.push('\n');
        if let Self::Refused(status) = self {
            describe(status, &mut text);
        }
        text
    }
}

/// Adds the status's details: the fields at fault, the reason for scripts, what to do.
fn describe(status: &Status, text: &mut String) {
    let details = status.get_error_details();
    for violation in violations(status) {
        let _ = writeln!(text, "  {}: {}", violation.field, violation.description);
    }
    if let Some(info) = details.error_info() {
        let mut pairs: Vec<_> = info.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.sort_unstable();
        let _ = writeln!(text, "  {}", format!("reason: {} {}", info.reason, pairs.join(" ")).trim_end());
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        let _ = writeln!(text, "  try again in {} s", delay.as_secs().max(1));
    }
    let (reason, of) = details.error_info().map_or(("", None), |info| (&*info.reason, Some(&info.metadata)));
    let says = |key: &str, expected: &str| of.and_then(|of| of.get(key)).is_some_and(|text| text.contains(expected));
    let about = match reason {
        "HAS_DEPENDENTS" if says("forceHelps", "true") => About::Forcible,
        "DESTINATION_CHANGED" if says("name", "/secrets/") => About::Secret,
        _ => About::Other,
    };
    if let Some(advice) = advice(status.code(), reason, about) {
        let _ = writeln!(text, "what to do: {advice}");
    }
}

fn violations(status: &Status) -> Vec<FieldViolation> {
    status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default()
}

/// What a refusal is about, where that changes what can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// A delete that force lets through.
    Forcible,
    /// A Secret's value.
    Secret,
    /// Anything else.
    Other,
}

/// What a person can do about it.
fn advice(code: Code, reason: &str, about: About) -> Option<&'static str> {
    Some(match (code, reason) {
        (_, "ETAG_MISMATCH") => "somebody changed it since you read it: get it again, then repeat the change",
        (_, "HAS_DEPENDENTS") if about == About::Forcible => "delete what depends on it first, or give --force",
        (_, "HAS_DEPENDENTS") => "delete or change what depends on it first",
        (_, "DESTINATION_CHANGED") if about == About::Secret => {
            "give the Secret's value again with `keyplane secrets rotate` and every --allowed-origin that it may be sent to"
        }
        (_, "DESTINATION_CHANGED") => {
            "give the credential's value again: it is bound to the host that it was given for"
        }
        (_, "CREDENTIAL_REJECTED") => "the provider refuses the value: check that it is whole and still valid",
        (_, "ENDPOINT_WRONG") => "check the provider's base URL and its adapter",
        (_, "REGION_WRONG") => "check the provider's region",
        (_, "MODEL_UNKNOWN") => {
            "check the model's name: `keyplane providers discover-models` lists what can be reached"
        }
        (_, "MODEL_LISTING_UNSUPPORTED") => "name the models yourself: this provider lists none",
        (_, "AUTH_MODE_FORBIDS") => "this provider takes no credential: see its auth_mode",
        (_, "TLS_FAILED") => "check the provider's base URL; --ca-file names a certificate authority of your own",
        (_, "UPSTREAM_UNREACHABLE") => {
            "check the provider's base URL and the network; --skip-validation stores the value unverified"
        }
        (_, "STORE_SEALED") => "the control plane has no master key that opens its store: see its log",
        (_, "STORE_FULL") => "free some space on the control plane's disk",
        (Code::Unauthenticated, _) => "check the token file (--token-file or KEYPLANE_TOKEN_FILE)",
        (Code::Unavailable, _) => "check that the control plane runs, and --server or KEYPLANE_SERVER",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_refusal_names_every_field_and_the_reason() {
        let mut details = ErrorDetails::with_bad_request_violation("provider.vendor", "is required");
        details.add_bad_request_violation("provider.display_name", "is required");
        details.set_error_info("FIELD_INVALID", "keyplane", [("fields".to_owned(), "2".to_owned())]);
        let status = Status::with_error_details(Code::InvalidArgument, "2 fields are wrong", details);
        let text = Error::from(status).text();
        assert_eq!(
            text,
            "error: fields are at fault\n  provider.vendor: is required\n  provider.display_name: is required\n  \
             reason: FIELD_INVALID fields=2\n"
        );
    }

    #[test]
    fn advice_fits_what_was_refused() {
        let told = |reason: &str, key: &str, value: &str| {
            let metadata = [(key.to_owned(), value.to_owned())];
            let details = ErrorDetails::with_error_info(reason, "keyplane", metadata);
            Error::from(Status::with_error_details(Code::FailedPrecondition, "no", details)).text()
        };
        assert!(told("HAS_DEPENDENTS", "forceHelps", "true").contains("--force"));
        assert!(!told("HAS_DEPENDENTS", "forceHelps", "false").contains("--force"), "it would not help");
        assert!(told("DESTINATION_CHANGED", "name", "projects/p/secrets/s").contains("--allowed-origin"));
        assert!(!told("DESTINATION_CHANGED", "name", "projects/p/providers/q").contains("--allowed-origin"));
    }

    #[test]
    fn scripts_can_tell_causes_apart_by_the_exit_code() {
        for (code, exit) in
            [(Code::Unavailable, 3), (Code::PermissionDenied, 4), (Code::Unauthenticated, 4), (Code::NotFound, 1)]
        {
            assert_eq!(Error::from(Status::new(code, "no")).code(), exit);
        }
        assert_eq!(Error::Usage(String::new()).code(), 2);
    }
}
