//! What the format can't say, and what it calls what it can.

use crate::exchange::feature::Feature;
use crate::exchange::request::Loss;

/// What can't be said.
pub(super) const CANNOT: &[(Feature, Loss)] = &[];

/// A feature's field.
pub(super) fn field(_feature: Feature) -> Option<&'static str> {
    None
}
