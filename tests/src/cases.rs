//! The cases: what a user was promised, shown with real processes.

mod admin;
mod bad_request;
mod canary;
mod canary_types;
mod chat;
mod cli;
mod cli_connect;
mod clients;
mod compose;
mod connect;
mod cuts;
mod dev;
mod dying;
mod isolation;
mod matrix;
mod origin;
mod passthrough;
mod pools;
mod refusal;
mod repair;
mod restart;
mod rotation;
mod rules_credential;
mod rules_provider;
mod shutdown;
mod signature;
mod store;
mod tokens;
mod upstream;
mod used;
mod vendors;
mod ways;

use tonic::Status;
use tonic_types::StatusExt as _;

/// How much a case does: the first in `tests/run`, the second in `tests/run --long`.
#[expect(clippy::disallowed_methods, reason = "a test binary has no flags of its own")]
fn short_or_long<T>(short: T, long: T) -> T {
    if std::env::var("KEYPLANE_LONG").is_ok() { long } else { short }
}

/// The machine's word for why an rpc was refused.
fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
