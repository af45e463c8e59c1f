//! What the proxy counts: the only place that names metrics and labels.

pub mod sync;
