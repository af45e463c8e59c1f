//! The fleet at a glance, for `GetStatus`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use proto::admin::v1;
use shared::name::EnvironmentName;

use crate::service::system::{FleetNumbers, FleetStatus};
use crate::sync::Sync;
use crate::sync::feeds::Place;
use crate::sync::fleet::granted;

impl FleetStatus for Sync {
    fn fleet(&self) -> FleetNumbers {
        let published = self.feeds().published();
        let now = SystemTime::now();
        let mut numbers = FleetNumbers::default();
        let begin = |(name, place): (&EnvironmentName, &Place)| (name.clone(), environment(name, place));
        let mut environments: BTreeMap<_, _> = published.places.iter().map(begin).collect();
        Self::fleet(self).with_members(|members| {
            for (name, record) in &published.view.proxies {
                let member = members.get(name).filter(|member| member.connection.is_some());
                if let Some(member) = member {
                    numbers.connected_proxies += 1;
                    numbers.lag = numbers.lag.max(member.lag(&published, record, now));
                }
                for (environment, place) in granted(&published, record) {
                    let Some(status) = environments.get_mut(environment) else { continue };
                    status.proxies += 1;
                    status.connected_proxies += u32::from(member.is_some());
                    let at = member.and_then(|member| member.applied.get(environment));
                    let current = at.is_some_and(|applied| applied.revision == place.state.position.revision);
                    status.current_proxies += u32::from(current);
                }
            }
        });
        numbers.environments = environments.into_values().collect();
        numbers
    }
}

fn environment(name: &EnvironmentName, place: &Place) -> v1::EnvironmentStatus {
    v1::EnvironmentStatus {
        environment: name.to_string(),
        revision: place.state.position.revision.0,
        resources: place.state.resources,
        ..Default::default()
    }
}
