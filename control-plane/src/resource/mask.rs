//! Field masks: which fields of an update are taken (AIP-134, AIP-161, AIP-203).

use std::collections::BTreeSet;

use prost_types::FieldMask;

use crate::error::{FieldReason, FieldViolations};

/// Which fields of an update are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// Those that are set: no mask was given.
    Populated,
    /// All of them: the mask is `*`.
    All,
    /// Those that are named.
    Paths(BTreeSet<String>),
}

impl From<Option<FieldMask>> for Mask {
    fn from(mask: Option<FieldMask>) -> Self {
        match mask {
            None => Self::Populated,
            Some(mask) if mask.paths.is_empty() => Self::Populated,
            Some(mask) if mask.paths == ["*"] => Self::All,
            Some(mask) => Self::Paths(mask.paths.into_iter().collect()),
        }
    }
}

/// Lays the fields that a mask takes over what is stored, and finds what the mask may not take.
#[derive(Debug)]
pub struct Merge<'a> {
    mask: &'a Mask,
    known: BTreeSet<&'static str>,
    violations: &'a mut FieldViolations,
}

impl<'a> Merge<'a> {
    /// Nothing merged yet. The violations' paths are those of the resource's message.
    pub fn new(mask: &'a Mask, violations: &'a mut FieldViolations) -> Self {
        Self { mask, known: BTreeSet::new(), violations }
    }

    /// A field that may change.
    pub fn set<T: Default + PartialEq>(&mut self, path: &'static str, current: &mut T, given: T) {
        self.known.insert(path);
        let taken = match self.mask {
            Mask::Populated => given != T::default(),
            Mask::All => true,
            Mask::Paths(paths) => paths.contains(path),
        };
        if taken {
            *current = given;
        }
    }

    /// A field that is never answered: what is given is taken. Naming it without giving it is refused, since what is stored can't be meant.
    pub fn write_only<T>(&mut self, path: &'static str, current: &mut Option<T>, given: Option<T>) {
        self.known.insert(path);
        let named = self.names(path);
        match given {
            Some(given) if named || !matches!(self.mask, Mask::Paths(_)) => *current = Some(given),
            None if named => self.violations.add(path, FieldReason::Required, "the mask names it: give it"),
            Some(_) | None => {}
        }
    }

    /// Whether the mask names the field itself.
    #[must_use]
    pub fn names(&self, path: &str) -> bool {
        matches!(self.mask, Mask::Paths(paths) if paths.contains(path))
    }

    /// A field that never changes: naming it is fine as long as it says what is stored.
    pub fn immutable<T: Default + PartialEq>(&mut self, path: &'static str, current: &T, given: &T) {
        self.unchanged(path, current, given, "it never changes; make a new resource instead");
    }

    /// A field that no update changes, with what to do instead: naming it is fine as long as it says what is stored.
    pub fn unchanged<T: Default + PartialEq>(&mut self, path: &'static str, current: &T, given: &T, instead: &str) {
        self.known.insert(path);
        let changed = match self.mask {
            // What is not there is not asked for.
            Mask::Populated | Mask::All => *given != T::default() && given != current,
            Mask::Paths(paths) => paths.contains(path) && given != current,
        };
        if changed {
            self.refuse(path, instead);
        }
    }

    /// A change of a field that no update changes.
    pub fn refuse(&mut self, path: &'static str, instead: &str) {
        self.violations.add(path, FieldReason::Immutable, instead);
    }

    /// Fields that the server sets: naming them is fine and does nothing, so that what was read can be sent back.
    pub fn ignored(&mut self, paths: &[&'static str]) {
        self.known.extend(paths);
    }

    /// The paths that no field has, as violations of the request's `update_mask`.
    #[must_use]
    pub fn finish(self) -> FieldViolations {
        let mut unknown = FieldViolations::new();
        if let Mask::Paths(paths) = self.mask {
            for path in paths.iter().filter(|path| !self.known.contains(path.as_str())) {
                let description = format!("{path:?} is not a field of the resource that an update can name");
                unknown.add("update_mask", FieldReason::UnknownPath, description);
            }
        }
        unknown
    }
}

/// The paths that every resource has and no update sets.
pub(super) const HEADER: [&str; 7] = ["name", "uid", "etag", "revision", "generation", "create_time", "update_time"];
