//! The control plane itself, at a glance.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::admin::v1;
use proto::admin::v1::system_service_server::SystemService;
use tonic::{Request, Response, Status};

use super::provider::counts;
use super::{Context, Sealing};
use crate::access::Call;
use crate::resource::{seconds, timestamp};

/// Serves `SystemService`.
#[derive(Debug, Clone)]
pub struct System {
    context: Context,
    fleet: Option<Arc<dyn FleetStatus>>,
    start_time: SystemTime,
}

/// What the fleet says of itself.
pub trait FleetStatus: std::fmt::Debug + Send + Sync {
    /// The fleet now.
    fn fleet(&self) -> FleetNumbers;
}

/// The fleet at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetNumbers {
    /// The proxies whose stream is open.
    pub connected_proxies: u32,
    /// The longest time that a connected proxy has been behind the head.
    pub lag: Duration,
    /// Each environment.
    pub environments: Vec<v1::EnvironmentStatus>,
}

impl System {
    /// The service of a control plane that started then. There is no fleet while the store is sealed: nobody can be told anything.
    #[must_use]
    pub fn new(context: Context, fleet: Option<Arc<dyn FleetStatus>>, start_time: SystemTime) -> Self {
        Self { context, fleet, start_time }
    }

    fn status(&self) -> v1::Status {
        let view = self.context.views.load();
        let fleet = self.fleet.as_ref().map(|fleet| fleet.fleet()).unwrap_or_default();
        let FleetNumbers { connected_proxies, lag, environments } = fleet;
        let states = view.credentials.values().filter_map(|credential| view.state_of(credential));
        v1::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            start_time: Some(timestamp(self.start_time)),
            store_id: view.identity.store_id.to_string(),
            epoch: view.identity.epoch.to_string(),
            revision: view.revision.0,
            sealed_reason: match &self.context.sealing {
                Sealing::Open(_) => String::new(),
                Sealing::Sealed(reason) => reason.to_string(),
            },
            proxies: u32::try_from(view.proxies.len()).unwrap_or(u32::MAX),
            connected_proxies,
            lag: Some(seconds(lag)),
            environments,
            credential_counts: counts(states.map(|(state, _)| state)),
        }
    }
}

#[tonic::async_trait]
impl SystemService for System {
    async fn get_status(&self, request: Request<v1::GetStatusRequest>) -> Result<Response<v1::Status>, Status> {
        Call::of(&request)?.allow_in("")?;
        Ok(Response::new(self.status()))
    }
}
