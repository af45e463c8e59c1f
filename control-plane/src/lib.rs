//! The control plane.
pub mod store;
