//! One proxy as the API shows it: its record, and what is known of it now.

use std::time::SystemTime;

use imbl::OrdMap;
use proto::admin::v1;
use shared::name::{EnvironmentName, ProxyName};

use crate::access::Call;
use crate::error::Error;
use crate::resource::{Proxy, seconds, timestamp};
use crate::service::{Field, FieldValue, Filter, PageRequest, parse_name};
use crate::sync::Sync;
use crate::sync::feeds::Published;
use crate::sync::fleet::{Member, granted};
use crate::view::View;

/// The fields to filter by.
const FIELDS: [Field; 3] = [Field::bool("connected"), Field::text("node_id"), Field::text("version")];

/// A page of the proxies.
pub(super) fn list(
    view: &View,
    sync: &Sync,
    request: &v1::ListProxiesRequest,
    now: SystemTime,
) -> Result<v1::ListProxiesResponse, Error> {
    let filter = Filter::parse(&request.filter, &FIELDS)?;
    let page = PageRequest {
        parent: "",
        prefix: "proxies/",
        filter: &request.filter,
        size: request.page_size,
        token: &request.page_token,
    };
    let published = sync.feeds().published();
    let messages = view.proxies.iter().map(|(name, record)| {
        let message = message(&published, name, record, &sync.fleet().member(name), now);
        (name.clone(), message)
    });
    let proxies: OrdMap<ProxyName, v1::Proxy> = messages.collect();
    let page = page.page(&proxies, |proxy| filter.matches(|field| field_of(proxy, field)))?;
    let proxies = page.items.into_iter().cloned().collect();
    Ok(v1::ListProxiesResponse { proxies, next_page_token: page.next_token })
}

/// One proxy by its name.
pub(super) fn get(view: &View, sync: &Sync, call: &Call, name: &str) -> Result<v1::Proxy, Error> {
    let name = call.allow(parse_name::<ProxyName>(name, "name")?)?.into_name();
    let published = sync.feeds().published();
    let record = view.proxies.get(&name).ok_or_else(|| Error::not_found(&name))?;
    Ok(message(&published, &name, record, &sync.fleet().member(&name), call.now))
}

/// A proxy as the API shows it.
pub(super) fn message(
    published: &Published,
    name: &ProxyName,
    record: &Proxy,
    member: &Member,
    now: SystemTime,
) -> v1::Proxy {
    let connected = member.connection.is_some();
    let environments: Vec<_> = granted(published, record).map(|(environment, _)| environment).collect();
    let applied = |environment: &EnvironmentName| member.applied.get(environment);
    let revision = |environment: &EnvironmentName| applied(environment).map_or(0, |applied| applied.revision.0);
    let unusable = member.applied.values().flat_map(|applied| &applied.unusable);
    let last_seen = if connected { now } else { member.last_seen.unwrap_or(record.last_seen_time) };
    v1::Proxy {
        name: name.to_string(),
        uid: record.uid.clone(),
        create_time: Some(timestamp(record.create_time)),
        node_id: record.node_id.clone(),
        join_token: record.join_token.to_string(),
        environments: environments.iter().map(ToString::to_string).collect(),
        version: member.build.clone(),
        address: member.connection.as_ref().map(|open| open.address.to_string()).unwrap_or_default(),
        connected,
        acked_revision: environments.iter().map(|environment| revision(environment)).min().unwrap_or(0),
        environment_revisions: environments
            .iter()
            .map(|environment| v1::ProxyEnvironment {
                environment: environment.to_string(),
                revision: revision(environment),
                apply_time: applied(environment).map(|applied| timestamp(applied.time)),
            })
            .collect(),
        lag: Some(seconds(member.lag(published, record, now))),
        unusable: unusable
            .map(|(name, reason)| v1::UnusableResource { name: name.clone(), reason: reason.clone() })
            .collect(),
        last_seen_time: Some(timestamp(last_seen)),
    }
}

fn field_of<'a>(proxy: &'a v1::Proxy, field: &str) -> FieldValue<'a> {
    match field {
        "connected" => proxy.connected.into(),
        "node_id" => proxy.node_id.as_str().into(),
        _ => proxy.version.as_str().into(),
    }
}
