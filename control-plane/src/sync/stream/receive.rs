//! What a proxy says on its stream.

use std::time::SystemTime;

use proto::sync::v1::{self, proxy_frame};
use shared::name::EnvironmentName;
use tokio::time::Instant;

use super::Stream;
use super::cursor::Stage;
use crate::sync::fleet::{Applied, MAX_UNUSABLE};
use crate::sync::position::Position;
use crate::sync::refusal::Refusal;

/// How many frames without news a proxy may send between two heartbeats.
const IDLE_FRAMES: u32 = 1000;

/// How many refusals a proxy may send without applying anything.
const REFUSALS: u32 = 8;

impl Stream {
    pub(super) fn receive(&mut self, frame: v1::ProxyFrame) -> Result<(), Refusal> {
        self.idle_frames += 1;
        if self.idle_frames > IDLE_FRAMES {
            return Err(Refusal::Garbage { problem: "too many frames without news" });
        }
        match frame.frame {
            Some(proxy_frame::Frame::Hello(_)) => Err(Refusal::Garbage { problem: "a second hello" }),
            Some(proxy_frame::Frame::Applied(applied)) => self.applied(applied),
            Some(proxy_frame::Frame::Refused(refused)) => self.refused(&refused),
            // Of a newer protocol.
            None => Ok(()),
        }
    }

    fn applied(&mut self, applied: v1::Applied) -> Result<(), Refusal> {
        let Some(position) = applied.position.as_ref().and_then(Position::from_message) else {
            return Err(Refusal::Garbage { problem: "an applied frame without a position" });
        };
        let Some((environment, cursor)) = applied
            .environment
            .parse()
            .ok()
            .and_then(|name: EnvironmentName| self.cursors.get_mut(&name).map(|cursor| (name, cursor)))
        else {
            // Withdrawn while the frame was on its way, or never granted: either way it says nothing of interest.
            return Ok(());
        };
        let (Stage::Following | Stage::Bridging { .. }) = cursor.stage else { return Ok(()) };
        if position.revision > cursor.at.revision {
            return Err(Refusal::Garbage { problem: "a revision was acknowledged that was not sent" });
        }
        if position.revision == cursor.at.revision && position.digest != cursor.at.digest {
            tracing::warn!(proxy = %self.proxy, %environment, "the proxy's state has another digest: a snapshot follows");
            self.shared.metrics.refused(v1::RefusalReason::DigestMismatch);
            cursor.want_snapshot();
            return Ok(());
        }
        if self.window.acknowledged(&environment, position.revision) > 0 {
            self.idle_frames = 0;
            self.refusals = 0;
        }
        self.progress = Instant::now();
        self.has_work = true;
        let unusable = applied.unusable.into_iter().take(MAX_UNUSABLE);
        let unusable = unusable.map(|held| (clip(held.name, 300), clip(held.reason, 300))).collect();
        self.session.applied(&environment, Applied { revision: position.revision, time: SystemTime::now(), unusable });
        Ok(())
    }

    fn refused(&mut self, refused: &v1::Refused) -> Result<(), Refusal> {
        let reason = v1::RefusalReason::try_from(refused.reason).unwrap_or(v1::RefusalReason::Unspecified);
        self.shared.metrics.refused(reason);
        self.refusals += 1;
        if self.refusals > REFUSALS {
            return Err(Refusal::Garbage { problem: "frame after frame was refused" });
        }
        let cursor = refused.environment.parse().ok().and_then(|name: EnvironmentName| self.cursors.get_mut(&name));
        if let Some(cursor) = cursor {
            tracing::warn!(
                proxy = %self.proxy, environment = %refused.environment, revision = refused.revision, ?reason,
                "the proxy refused a frame: a snapshot follows"
            );
            cursor.want_snapshot();
        }
        self.progress = Instant::now();
        Ok(())
    }
}

fn clip(text: String, characters: usize) -> String {
    if text.len() <= characters { text } else { text.chars().take(characters).collect() }
}
