//! What both planes of Keyplane need: nouns without a wire form of their own, and the one set of verbs that both use, the adapters.
//!
//! In reading order. Nothing here knows the protos, and any other verb wanted by both planes is a sign that it belongs to one of them.

pub mod name;

pub mod id;

pub mod revision;

pub mod secret;

pub mod digest;

pub mod failure;

pub mod credential;

pub mod catalog;

pub mod adapter;

pub mod address;

pub mod base_url;

pub mod dial;

pub mod oauth;

pub mod backoff;

pub mod task;

pub mod telemetry;

pub mod process;
