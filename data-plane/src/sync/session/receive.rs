//! What each frame of the control plane does.

use std::sync::Arc;
use std::time::Duration;

use proto::sync::v1::{ControlFrame, Directive, Heartbeat, Welcome, control_frame, directive};
use shared::id;
use shared::name::EnvironmentName;
use shared::telemetry::ErrorChain;
use tokio::time::Instant;

use super::end::{Exit, Lost};
use super::{HEARTBEAT, Session, silence};
use crate::snapshot::SnapshotStore;
use crate::sync::apply::Refusal;
use crate::sync::environments::{Agreement, Carrier, Environments, Step};

/// The bounds of the policy's heartbeat.
const HEARTBEAT_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(300));
/// The longest that it may spread reconnects over.
const SPREAD_AT_MOST: Duration = Duration::from_secs(600);
/// From so many changes on, a delta is applied on a thread of its own, so that no request on this one waits for it.
const MANY_CHANGES: usize = 256;

impl Session<'_> {
    pub(super) fn welcome(&mut self, welcome: &Welcome) {
        let given = welcome.policy.as_ref().and_then(|policy| Duration::try_from(policy.heartbeat?).ok());
        let (least, most) = HEARTBEAT_BOUNDS;
        self.heartbeat = given.unwrap_or(HEARTBEAT).clamp(least, most);
        self.silent_at = Instant::now() + silence(self.heartbeat);
        let granted: Vec<EnvironmentName> = welcome.environments.iter().filter_map(|name| parse(name)).collect();
        for environment in self.client.environments.grant_exactly(&granted) {
            self.client.metrics.withdrawn(&environment);
            tracing::info!(%environment, "withdrawn");
        }
        let snapshots = &self.client.snapshots;
        snapshots.store(snapshots.load().granting(granted));
        self.seen.welcome = true;
        self.client.metrics.connected();
        self.client.live.send_replace(Some(self.channel.clone()));
        tracing::info!(session = welcome.session_id, environments = welcome.environments.len(), "connected");
    }

    pub(super) async fn take(&mut self, frame: ControlFrame) -> Result<(), Exit> {
        use control_frame::Frame;
        let step = match frame.frame {
            Some(Frame::Delta(_) | Frame::SnapshotEnd(_)) => self.apply(frame).await?,
            Some(Frame::SnapshotBegin(begin)) => self.client.environments.snapshot_begin(&begin),
            Some(Frame::SnapshotChunk(chunk)) => self.client.environments.snapshot_chunk(&chunk),
            Some(Frame::Heartbeat(heartbeat)) => return self.compare(&heartbeat),
            Some(Frame::Directive(directive)) => {
                self.obey(directive);
                return Ok(());
            }
            // A second welcome changes nothing; frames of a newer control plane are passed over.
            Some(Frame::Welcome(_)) | None => Step::Nothing,
        };
        self.account(step)
    }

    /// Applies what may be large: there on a thread of its own, while this task waits.
    async fn apply(&mut self, frame: ControlFrame) -> Result<Step, Lost> {
        if !is_large(&frame) {
            return Ok(apply(&mut self.client.environments, &self.client.snapshots, &frame));
        }
        let mut environments = self.client.environments.take();
        let snapshots = Arc::clone(&self.client.snapshots);
        let work = self.client.tasks.spawn_blocking(move || {
            let step = apply(&mut environments, &snapshots, &frame);
            (environments, step)
        });
        // It panicked, which was logged, or the process stops. What serves stays, and the next hello names nothing.
        let (environments, step) = work.await.map_err(|_| Lost::Broken)?;
        self.client.environments = environments;
        Ok(step)
    }

    fn account(&mut self, step: Step) -> Result<(), Exit> {
        match step {
            Step::Nothing => {}
            Step::Applied { environment, by, .. } => self.applied(environment, by),
            Step::Refused { environment, revision, refusal } => {
                tracing::warn!(%environment, revision, error = %ErrorChain(&refusal), "refused; a snapshot repairs it");
                self.client.metrics.refused(reason_label(&refusal));
                self.replies.refused(environment, revision, refusal.reason());
            }
            Step::GiveUp { environment, refusal } => {
                self.client.metrics.refused(reason_label(&refusal));
                return Err(Lost::BadSnapshots { environment, source: refusal }.into());
            }
        }
        Ok(())
    }

    fn applied(&mut self, environment: EnvironmentName, by: Carrier) {
        self.seen.progress = true;
        self.client.environments.agrees();
        let metrics = &self.client.metrics;
        if let Some(state) = self.client.environments.state(&environment) {
            let (revision, unusable) = (state.position().revision.0, state.unusable_len());
            metrics.stands(&environment, revision, unusable);
            match by {
                Carrier::Delta => {
                    metrics.delta_applied();
                    tracing::debug!(%environment, revision, unusable, "delta applied");
                }
                Carrier::Snapshot => {
                    metrics.snapshot_applied();
                    tracing::info!(%environment, revision, resources = state.len(), unusable, "snapshot applied");
                }
            }
        }
        self.replies.applied(environment);
    }

    fn compare(&mut self, heartbeat: &Heartbeat) -> Result<(), Exit> {
        // Every byte that is held is hashed anew meanwhile, whatever the heartbeat says.
        self.checkup.begin(&self.client.tasks, self.client.environments.states());
        match self.client.environments.compare(heartbeat) {
            Agreement::Same => {
                self.seen.progress = true;
                self.client.environments.agrees();
                Ok(())
            }
            Agreement::NotEquallyFar => Ok(()),
            Agreement::Differs if self.client.environments.disagrees_again() => {
                let all: Vec<_> = self.client.environments.states().map(|(name, _)| name.clone()).collect();
                self.repair(&all)
            }
            Agreement::Differs => Ok(()),
        }
    }

    pub(super) fn repair(&mut self, drifted: &[EnvironmentName]) -> Result<(), Exit> {
        for environment in drifted {
            let step = self.client.environments.repair(environment);
            if matches!(step, Step::Refused { .. }) {
                self.client.metrics.repairing();
                tracing::error!(%environment, "what is held is not what was received");
            }
            self.account(step)?;
        }
        Ok(())
    }

    fn obey(&mut self, directive: Directive) {
        let snapshots = &self.client.snapshots;
        match directive.directive {
            Some(directive::Directive::ReconnectWithin(spread)) => {
                let spread = Duration::try_from(spread).unwrap_or_default().min(SPREAD_AT_MOST);
                self.leave_at.get_or_insert(Instant::now() + id::random_duration(spread));
            }
            Some(directive::Directive::EnvironmentGranted(name)) => {
                let Some(environment) = parse(&name) else { return };
                self.client.environments.grant(&environment);
                snapshots.store(snapshots.load().grant(&environment));
                tracing::info!(%environment, "granted");
            }
            Some(directive::Directive::EnvironmentWithdrawn(name)) => {
                let Some(environment) = parse(&name) else { return };
                if self.client.environments.withdraw(&environment) {
                    snapshots.store(snapshots.load().withdraw(&environment));
                    self.client.metrics.withdrawn(&environment);
                    self.replies.forget(&environment);
                    tracing::info!(%environment, "withdrawn");
                }
            }
            None => {}
        }
    }
}

/// Applies a frame and hands what changed to the request path: one pointer swap.
fn apply(environments: &mut Environments, snapshots: &SnapshotStore, frame: &ControlFrame) -> Step {
    let mut step = match &frame.frame {
        Some(control_frame::Frame::Delta(delta)) => environments.delta(delta),
        Some(control_frame::Frame::SnapshotEnd(end)) => environments.snapshot_end(end),
        _ => Step::Nothing,
    };
    if let Step::Applied { environment, changes, .. } = &mut step {
        snapshots.store(snapshots.load().with(environment, std::mem::take(changes)));
    }
    step
}

fn is_large(frame: &ControlFrame) -> bool {
    match &frame.frame {
        Some(control_frame::Frame::Delta(delta)) => delta.changes.len() >= MANY_CHANGES,
        Some(control_frame::Frame::SnapshotEnd(_)) => true,
        _ => false,
    }
}

fn parse(name: &str) -> Option<EnvironmentName> {
    let parsed = name.parse();
    if parsed.is_err() {
        tracing::warn!(name, "the control plane names an environment that is none");
    }
    parsed.ok()
}

fn reason_label(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Gap { .. } => "gap",
        Refusal::DigestMismatch => "digest_mismatch",
        Refusal::Corrupt(_) => "corrupt_frame",
    }
}
