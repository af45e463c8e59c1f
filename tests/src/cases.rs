//! The cases: what a user was promised, shown with real processes.

mod admin;
mod canary;
mod chat;
mod cli;
mod clients;
mod compose;
mod dev;
mod isolation;
mod refusal;
mod restart;
mod shutdown;

/// How much a case does: the first in `tests/run`, the second in `tests/run --long`.
#[expect(clippy::disallowed_methods, reason = "a test binary has no flags of its own")]
fn short_or_long<T>(short: T, long: T) -> T {
    if std::env::var("KEYPLANE_LONG").is_ok() { long } else { short }
}
