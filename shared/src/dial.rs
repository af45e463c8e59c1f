//! The one way out to upstreams.
