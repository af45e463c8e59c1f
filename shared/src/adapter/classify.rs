//! What an answer means, by tables: the first line that fits says it, and the status alone where none does.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};

use super::error_body::ErrorBody;
use super::wording::Wording;
use super::{Classified, hint};
use crate::failure::Failure;

/// A line of an adapter's table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// The statuses that it is for; empty for every one.
    statuses: &'static [u16],
    mark: Mark,
    /// A code that its body has to have too.
    beside: Option<&'static str>,
    failure: Failure,
}

/// What an answer is known by, beside its status.
#[derive(Debug, Clone, Copy)]
enum Mark {
    /// A word in its body that is there for programs.
    Code(&'static str),
    /// A sentence, where the provider has no such word.
    Wording(Wording),
    /// A sentence that its message begins with.
    Opening(Wording),
    /// An error of the API itself, not a page of an edge proxy.
    Message,
    /// The status alone.
    Status,
}

impl Rule {
    const fn of(mark: Mark, failure: Failure) -> Self {
        Self { statuses: &[], mark, beside: None, failure }
    }

    /// Known by a code, whatever the status.
    pub(super) const fn code(code: &'static str, failure: Failure) -> Self {
        Self::of(Mark::Code(code), failure)
    }

    /// Known by a sentence, whatever the status.
    pub(super) const fn wording(wording: Wording, failure: Failure) -> Self {
        Self::of(Mark::Wording(wording), failure)
    }

    /// Known by the beginning of its message. Errors of wrong requests quote what the caller wrote, further on: a caller must not be able to
    /// write what a credential is taken out for.
    pub(super) const fn opening(wording: Wording, failure: Failure) -> Self {
        Self::of(Mark::Opening(wording), failure)
    }

    /// Known by having a message.
    pub(super) const fn message(statuses: &'static [u16], failure: Failure) -> Self {
        Self::of(Mark::Message, failure).with(statuses)
    }

    /// Known by the status alone.
    pub(super) const fn status(statuses: &'static [u16], failure: Failure) -> Self {
        Self::of(Mark::Status, failure).with(statuses)
    }

    /// The same with these statuses only.
    pub(super) const fn with(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    /// The same where the body has this code too.
    pub(super) const fn beside(self, code: &'static str) -> Self {
        Self { beside: Some(code), ..self }
    }

    fn fits(&self, status: StatusCode, error: &ErrorBody) -> bool {
        let has_mark = match self.mark {
            Mark::Code(code) => error.has_code(code),
            Mark::Wording(wording) => error.says(wording.says),
            Mark::Opening(wording) => error.opens_with(wording.says),
            Mark::Message => error.has_message(),
            Mark::Status => true,
        };
        has_mark
            && self.beside.is_none_or(|code| error.has_code(code))
            && (self.statuses.is_empty() || self.statuses.contains(&status.as_u16()))
    }

    fn known_code(&self) -> Option<&'static str> {
        match self.mark {
            Mark::Code(code) => Some(code),
            Mark::Wording(_) | Mark::Opening(_) | Mark::Message | Mark::Status => None,
        }
    }
}

/// What an answer means by an adapter's tables, read one after the other; `None` for a success.
pub(super) fn classify(
    tables: &[&[Rule]],
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Option<Classified> {
    if status.is_success() {
        return None;
    }
    Some(classify_error(tables, status, headers, &ErrorBody::read(body), now))
}

/// What an error means by an adapter's tables, for APIs whose errors have a shape of their own.
pub(super) fn classify_error(
    tables: &[&[Rule]],
    status: StatusCode,
    headers: &HeaderMap,
    error: &ErrorBody,
    now: SystemTime,
) -> Classified {
    let rules = tables.iter().copied().flatten();
    let failure =
        rules.clone().find(|rule| rule.fits(status, error)).map_or_else(|| of_status(status), |rule| rule.failure);
    // What stands in logs and reports is one of our tables' words or nothing, never an upstream's own text.
    let provider_code = error.first_known(rules.filter_map(Rule::known_code));
    Classified { failure, retry_after: hint::retry_after(headers, error, failure, now), provider_code }
}

/// What a status means where nothing else is known.
fn of_status(status: StatusCode) -> Failure {
    match status.as_u16() {
        401 => Failure::Rejected,
        402 => Failure::Exhausted,
        403 => Failure::Denied,
        408 => Failure::TimedOut,
        // What the provider depends on failed.
        424 => Failure::ServerError,
        429 => Failure::RateLimited,
        // Cancelled, although we did not: the request is as good as before.
        499 => Failure::ServerError,
        400..=498 => Failure::CallersFault,
        503 | 529 => Failure::Overloaded,
        // Redirects too: they are not followed, and no caller can do anything about one.
        _ => Failure::ServerError,
    }
}
