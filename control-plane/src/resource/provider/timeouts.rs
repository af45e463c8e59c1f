//! How long the parts of a request may take.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{FieldReason, FieldViolations};
use crate::resource::field;

/// How long the parts of a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To make a connection, name and TLS included.
    pub connect: Duration,
    /// Until an answer's first byte.
    pub first_byte: Duration,
    /// Between two parts of an answer that has begun.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let (connect, answer) = (Duration::from_secs(5), Duration::from_secs(300));
        Self { connect, first_byte: answer, idle: answer }
    }
}

const CONNECT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
const ANSWER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

pub(super) fn read_timeouts(
    connect: Option<prost_types::Duration>,
    first_byte: Option<prost_types::Duration>,
    idle: Option<prost_types::Duration>,
    violations: &mut FieldViolations,
) -> Timeouts {
    let default = Timeouts::default();
    let mut read = |given: Option<prost_types::Duration>, default, range: RangeInclusive<Duration>, field, allowed| {
        let Some(given) = given else { return default };
        // Proxies count in milliseconds.
        let given = field::span(given).filter(|given| given.subsec_nanos() % 1_000_000 == 0);
        given.filter(|given| range.contains(given)).unwrap_or_else(|| {
            violations.add(field, FieldReason::OutOfRange, allowed);
            default
        })
    };
    Timeouts {
        connect: read(connect, default.connect, CONNECT, "connect_timeout", "use 0.1 s to 60 s in whole milliseconds"),
        first_byte: read(
            first_byte,
            default.first_byte,
            ANSWER,
            "first_byte_timeout",
            "use 1 s to 3600 s in whole milliseconds",
        ),
        idle: read(idle, default.idle, ANSWER, "idle_timeout", "use 1 s to 3600 s in whole milliseconds"),
    }
}
