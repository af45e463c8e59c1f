//! Waiting until the fleet has a revision, bounded by the caller's deadline.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::admin::v1;
use shared::name::EnvironmentName;
use shared::revision::Revision;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

use crate::error::{Error, FieldReason, FieldViolations};
use crate::resource::timestamp;
use crate::service::Context;
use crate::sync::Sync;
use crate::sync::fleet::rollout::{self, Detached, Part, Target};

/// How long to wait for a caller who sets no deadline.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long before the deadline to answer, so that the answer arrives.
const MARGIN: Duration = Duration::from_millis(250);

/// When to answer at the latest: shortly before the caller's deadline.
pub(super) fn until(metadata: &MetadataMap) -> Instant {
    let header = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok());
    let given = header.and_then(read_timeout).unwrap_or(PATIENCE).min(LONGEST);
    Instant::now() + given - MARGIN.min(given / 4)
}

/// A timeout as gRPC has it: up to eight digits and a unit.
fn read_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count.saturating_mul(3600)),
        "M" => Duration::from_secs(count.saturating_mul(60)),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// What a request waits for.
pub(super) fn target(context: &Context, request: &v1::WaitForRolloutRequest) -> Result<Target, Error> {
    let view = context.views.load();
    let head = context.store.head();
    let mut violations = FieldViolations::new();
    if request.revision > head.0 {
        let description = format!("the last revision is {head}");
        violations.add("revision", FieldReason::OutOfRange, description);
    }
    let mut environments = BTreeSet::new();
    for (at, text) in request.environments.iter().enumerate() {
        let field = format!("environments[{at}]");
        match text.parse::<EnvironmentName>() {
            Ok(name) if view.environments.contains_key(&name) => drop(environments.insert(name)),
            Ok(name) => violations.add(field, FieldReason::ReferenceNotFound, format!("{name} does not exist")),
            Err(error) => violations.add(field, FieldReason::Malformed, error.to_string()),
        }
    }
    if request.revision == 0 && environments.is_empty() {
        environments = view.environments.keys().cloned().collect();
    }
    let revision = if request.revision == 0 { head } else { Revision(request.revision) };
    let detached = if request.ignore_detached { Detached::Ignored } else { Detached::Count };
    violations.into_result(Some(Target { revision, environments, detached })).map_err(Error::Invalid)
}

/// Waits for it.
pub(super) async fn wait(sync: &Sync, target: &Target, until: Instant) -> Result<v1::WaitForRolloutResponse, Error> {
    let feeds = sync.feeds();
    let rollout = rollout::wait(sync.fleet(), || feeds.published(), feeds.moved(), target, until).await;
    let parts = |parts: Vec<Part>| parts.into_iter().map(part).collect();
    Ok(v1::WaitForRolloutResponse {
        complete: rollout.complete,
        revision: target.revision.0,
        acknowledged: parts(rollout.acknowledged),
        pending: parts(rollout.pending),
        detached: parts(rollout.detached),
    })
}

fn part(part: Part) -> v1::RolloutProxy {
    v1::RolloutProxy { proxy: part.proxy.to_string(), revision: part.revision.0, apply_time: part.time.map(timestamp) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts_are_read() {
        for (text, expected) in [
            ("5S", Some(Duration::from_secs(5))),
            ("1500m", Some(Duration::from_millis(1500))),
            ("2H", Some(Duration::from_secs(7200))),
            ("", None),
            ("S", None),
            ("5", None),
            ("123456789S", None),
            ("5é", None),
        ] {
            assert_eq!(read_timeout(text), expected, "{text}");
        }
    }
}
