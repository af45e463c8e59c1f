//! Keyplane's control plane.

pub mod resource;
pub mod store;
pub mod view;
