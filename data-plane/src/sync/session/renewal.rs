//! A new certificate at half of the old one's life, over the connection that shows the old one.

use std::future;
use std::pin::Pin;
use std::time::Duration;

use shared::id;
use shared::telemetry::ErrorChain;
use tokio::time::Instant;
use tonic::transport::Channel;

use super::at;
use crate::sync::enroll::{self, EnrollError, Identity};

/// A renewal that failed is tried again within this time.
const RENEW_AGAIN_WITHIN: Duration = Duration::from_secs(60);

type Renewing = Pin<Box<dyn Future<Output = Result<Identity, EnrollError>> + Send>>;

/// When the certificate is renewed, and the renewal under way.
pub(super) struct Renewal {
    at: Option<Instant>,
    running: Option<Renewing>,
}

impl Renewal {
    pub(super) fn new(identity: Option<&Identity>) -> Self {
        Self { at: identity.map(Identity::renew_at), running: None }
    }

    /// Waits for the time, asks, and gives the answer.
    ///
    /// # Cancel safety
    ///
    /// What was asked goes on at the next call.
    pub(super) async fn next(
        &mut self,
        identity: Option<&Identity>,
        channel: &Channel,
    ) -> Result<Identity, EnrollError> {
        let running = match &mut self.running {
            Some(running) => running,
            None => {
                at(self.at).await;
                let Some(identity) = identity.cloned() else { return future::pending().await };
                self.running.insert(Box::pin(enroll::renew(identity, channel.clone())))
            }
        };
        let renewed = running.await;
        self.running = None;
        renewed
    }
    /// Takes the answer over. Where the control plane refuses the identity, it is forgotten.
    pub(super) fn take(&mut self, renewed: Result<Identity, EnrollError>, identity: &mut Option<Identity>) {
        match renewed {
            Ok(renewed) => {
                tracing::debug!("certificate renewed");
                self.at = Some(renewed.renew_at());
                *identity = Some(renewed);
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "the certificate could not be renewed");
                self.at = Some(Instant::now() + id::random_duration(RENEW_AGAIN_WITHIN));
                if matches!(error, EnrollError::IdentityRefused(_)) {
                    // The stream goes on as long as it is let; the next connection enrolls again.
                    self.at = None;
                    *identity = None;
                }
            }
        }
    }
}
