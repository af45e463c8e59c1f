//! Keyplane's proxy: serves the APIs that applications speak, with the providers and credentials that the control plane streams.

pub mod evidence;
pub mod observe;
pub mod snapshot;
pub mod sync;

mod balance;
