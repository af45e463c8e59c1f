//! The end-to-end tests: the harness that starts, watches and stops the real processes, and the cases under `cases`.
//!
//! The processes are the workspace's binaries; `tests/run` builds them before the cases. One link step: every case is a module of
//! this crate's own tests.

pub mod admin;
pub mod caller;
pub mod condition;
pub mod control;
pub mod cutter;
pub mod http;
pub mod memory;
pub mod process;
pub mod provider;
pub mod proxy;
pub mod search;
pub mod standin;
pub mod sync;
pub mod tap;
pub mod world;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tidy;
