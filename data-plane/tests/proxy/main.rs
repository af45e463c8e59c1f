//! A whole proxy, but for the sync client, between a caller and a scripted upstream.

// Marked as tests, so that clippy lets them unwrap.
#[cfg(test)]
mod balance;
#[cfg(test)]
mod below;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod listen;
#[cfg(test)]
mod minted;
#[cfg(test)]
mod outcome;
#[cfg(test)]
mod passthrough;
#[cfg(test)]
mod provenance;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod splices;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod translate;
#[cfg(test)]
mod upstream;

use std::time::Duration;

use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

/// Waits for a condition.
#[cfg(test)]
async fn until(longest: Duration, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(longest, met).await.expect("the condition is met in time");
}
