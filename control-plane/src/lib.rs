//! Keyplane's control plane.

pub mod health;
pub mod resource;
pub mod store;
pub mod view;
