//! Waiting for a condition with a deadline, never for a time.

use std::time::Duration;

use anyhow::bail;
use tokio::time::Instant;

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(5);

/// What most conditions get: generous, since a test that passes never uses it up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the check gives something, and answers that with how long it took.
///
/// # Errors
///
/// When it gave nothing until the deadline; `what` says what was waited for.
pub async fn within<T>(
    deadline: Duration,
    what: &str,
    mut check: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<(T, Duration)> {
    let start = Instant::now();
    loop {
        if let Some(found) = check().await {
            return Ok((found, start.elapsed()));
        }
        if start.elapsed() >= deadline {
            bail!("{what}: not within {deadline:?}");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// [`within`] [`PATIENCE`].
///
/// # Errors
///
/// As there.
pub async fn eventually<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> anyhow::Result<T> {
    Ok(within(PATIENCE, what, check).await?.0)
}
