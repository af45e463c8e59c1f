//! How a stream ends, and what that asks of the client.

use std::time::Duration;

use shared::name::EnvironmentName;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::sync::apply::Refusal;

/// The shortest and the longest that a control plane may put a proxy off.
const PUT_OFF_BOUNDS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(60));

/// What a session came to, however it ended.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sync) struct Seen {
    /// The control plane took the proxy.
    pub(in crate::sync) welcome: bool,
    /// Something was applied, or what is held was confirmed.
    pub(in crate::sync) progress: bool,
}

/// How a session ended.
#[derive(Debug)]
pub(in crate::sync) enum End {
    /// The control plane asks for some patience; the connection is good.
    PutOff(Duration),
    /// It asks the proxy to connect again then.
    SentAway {
        /// When.
        not_before: Instant,
    },
    /// The stream broke.
    Lost {
        /// Why.
        error: Lost,
        /// When to connect again, where that had been said.
        not_before: Option<Instant>,
    },
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::sync) enum Lost {
    #[error("it was ended by an error")]
    Status(#[from] Box<Status>),
    #[error("it was closed")]
    Closed,
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    #[error("it did not begin with a welcome")]
    NoWelcome,
    #[error("the control plane speaks version {0} of the protocol, which this proxy does not")]
    Protocol(u32),
    #[error("a frame could not be applied, and everything is asked for anew")]
    Broken,
    #[error("its snapshots of {environment} are not usable")]
    BadSnapshots { environment: EnvironmentName, source: Refusal },
}

/// What ends a session from within.
pub(super) enum Exit {
    Leave,
    Lost(Lost),
}

impl<E: Into<Lost>> From<E> for Exit {
    fn from(error: E) -> Self {
        Self::Lost(error.into())
    }
}

/// How long the control plane asks to wait, if it does; a text that is no number of milliseconds is no such wish.
pub(super) fn put_off(status: &Status) -> Option<Duration> {
    if status.code() != Code::Unavailable {
        return None;
    }
    let text = status.metadata().get("grpc-retry-pushback-ms")?.to_str().ok()?;
    let (least, most) = PUT_OFF_BOUNDS;
    Some(Duration::from_millis(text.parse().ok()?).clamp(least, most))
}
