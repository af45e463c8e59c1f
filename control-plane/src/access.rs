//! Who asks, and whether they may: every rpc has a permission in its descriptor, every service asks here before it looks.

mod token;

pub use token::{authenticate, bootstrap_principal};

use std::sync::Arc;
use std::time::SystemTime;

use shared::name::ResourceName;
use tonic::Request;

use crate::error::Error;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its name, `adminTokens/bootstrap` and its like.
    pub name: Arc<str>,
    grants: Grants,
}

/// What a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grants {
    /// Every permission in every project: the admin role in the scope `*`.
    Everything,
}

impl Grants {
    fn hold(self, _permission: &str, _resource: &str) -> bool {
        match self {
            Self::Everything => true,
        }
    }
}

/// A name that its holder may act on: only [`check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed<N>(N);

impl<N> Allowed<N> {
    /// The name.
    pub fn name(&self) -> &N {
        &self.0
    }

    /// The name, for good.
    pub fn into_name(self) -> N {
        self.0
    }
}

/// Whether the principal has the permission for the resource. Asked before anything says whether the resource exists.
///
/// # Errors
///
/// [`Error::PermissionDenied`] when it has not.
pub fn check<N: ResourceName>(principal: &Principal, permission: &str, name: N) -> Result<Allowed<N>, Error> {
    if principal.grants.hold(permission, name.as_str()) {
        return Ok(Allowed(name));
    }
    Err(Error::PermissionDenied { principal: principal.name.to_string(), permission: permission.to_owned() })
}

/// One admin call: who makes it, what the rpc needs, and when it came. The surfaces put it into the request's extensions.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who asks.
    pub principal: Principal,
    /// The rpc's permission, from its descriptor.
    pub permission: Arc<str>,
    /// When it came, by the wall clock.
    pub now: SystemTime,
}

impl Call {
    /// The call that a request belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::TokenInvalid`] when no surface has authenticated it.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Error> {
        request.extensions().get::<Self>().cloned().ok_or(Error::TokenInvalid)
    }

    /// Whether the caller may act on the resource.
    ///
    /// # Errors
    ///
    /// [`Error::PermissionDenied`] when not.
    pub fn allow<N: ResourceName>(&self, name: N) -> Result<Allowed<N>, Error> {
        check(&self.principal, &self.permission, name)
    }

    /// Whether the caller may do what is not about one resource, such as to list those of a parent. An empty text is the top level.
    ///
    /// # Errors
    ///
    /// [`Error::PermissionDenied`] when not.
    pub fn allow_in(&self, parent: &str) -> Result<(), Error> {
        if self.principal.grants.hold(&self.permission, parent) {
            return Ok(());
        }
        let (principal, permission) = (self.principal.name.to_string(), self.permission.to_string());
        Err(Error::PermissionDenied { principal, permission })
    }
}
