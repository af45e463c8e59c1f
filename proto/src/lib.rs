//! The generated code of Keyplane's protos and their descriptors.
//!
//! [`admin::v1`] is what admins and their tools speak, [`sync::v1`] what proxies and the control plane speak with each other. They
//! share no message, so that an admin answer can't hold a plain secret even by mistake.

mod redact;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The admin API.
pub mod admin {
    /// `keyplane.admin.v1`.
    #[allow(
        missing_docs,
        missing_debug_implementations,
        unreachable_pub,
        rustdoc::all,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated; documented in the protos"
    )]
    pub mod v1 {
        tonic::include_proto!("keyplane.admin.v1");
    }
}

/// The sync protocol.
pub mod sync {
    /// `keyplane.sync.v1`.
    #[allow(
        missing_docs,
        missing_debug_implementations,
        unreachable_pub,
        rustdoc::all,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated; documented in the protos"
    )]
    pub mod v1 {
        tonic::include_proto!("keyplane.sync.v1");
    }
}

/// The whole descriptor set, with comments and options, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The full name of the rpc option that holds the permission, a string.
pub const PERMISSION: &str = "keyplane.admin.v1.permission";

/// The full name of the field option that marks a secret, a bool.
pub const SENSITIVE: &str = "keyplane.admin.v1.sensitive";

/// The descriptors, read once: what the schema-driven surfaces look things up in.
///
/// # Panics
///
/// Never: the set is made by the build itself, and a test reads it.
pub fn descriptor_pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "the set is made by the build; a test reads it")]
        DescriptorPool::decode(DESCRIPTORS).expect("the descriptor set of the build can be read")
    });
    &POOL
}
