//! Keyplane's proxy: serves the APIs that applications speak, with the providers and credentials that the control plane streams.
//!
//! In reading order: `server` accepts, `http` finds operation and caller, `serve` makes attempts until one serves, with what `snapshot`
//! holds and `balance` picks. `sync` keeps the snapshot current.

pub mod config;

pub mod server;

mod http;

mod serve;

mod balance;

mod protocol;

mod upstream;

pub mod snapshot;

pub mod evidence;

pub mod observe;

mod error;
