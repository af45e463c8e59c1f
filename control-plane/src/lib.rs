//! Keyplane's control plane.

pub mod error;

pub mod store;

pub mod resource;

pub mod view;

pub mod health;

pub mod sync;

pub mod access;

pub mod service;

pub mod surface;

pub mod server;

pub mod config;

pub mod bootstrap;
mod run;

pub use run::{Listeners, RunError, run};
