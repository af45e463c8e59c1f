//! What the surfaces share: which rpcs there are and what they need, as the descriptors say.

pub mod grpc;
pub mod ops;

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{MethodDescriptor, ServiceDescriptor};

/// The admin API's package: the rpcs of no other one are served to admins.
const PACKAGE: &str = "keyplane.admin.v1";

/// The rpcs of the admin API, by path, with the permission that each needs.
#[derive(Debug, Clone)]
pub struct Rpcs(Arc<HashMap<String, Arc<str>>>);

impl Rpcs {
    /// Reads the descriptors. An rpc without a permission is not among them, and so is refused.
    #[must_use]
    pub fn read() -> Self {
        let methods = services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let rpcs = methods.filter_map(|method| {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            permission(&method).map(|permission| (path, permission))
        });
        Self(Arc::new(rpcs.collect()))
    }

    /// The permission of an rpc, by the path of its request; `None` where there is no such rpc.
    #[must_use]
    pub fn permission(&self, path: &str) -> Option<&Arc<str>> {
        self.0.get(path)
    }
}

/// The services of the admin API.
fn services() -> impl Iterator<Item = ServiceDescriptor> {
    proto::descriptor_pool().services().filter(|service| service.package_name() == PACKAGE)
}

fn permission(method: &MethodDescriptor) -> Option<Arc<str>> {
    let options = method.options();
    let (_, value) = options.extensions().find(|(extension, _)| extension.full_name() == proto::PERMISSION)?;
    value.as_str().filter(|permission| !permission.is_empty()).map(Arc::from)
}

#[cfg(test)]
mod tests;
