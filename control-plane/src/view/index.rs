//! The lookups that are not ranges of names: who refers to a resource, who has a display name, whose join token it is.
//!
//! They are made of the same keys as the store's own index records, so that what the view says is free is what a commit will find free.

use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use shared::name::{JoinTokenName, ResourceName as _};

use crate::resource::{Resource, Stored, key};

/// The lookups. A clone shares its structure.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// `index/ref/<target>|<from>`.
    references: OrdSet<Arc<str>>,
    /// `index/display_name/…` → the name of whoever has it.
    display_names: OrdMap<Arc<str>, Arc<str>>,
    join_tokens: OrdMap<[u8; 32], JoinTokenName>,
}

impl Index {
    /// The names of the resources that refer to one, in order.
    pub fn from(&self, target: &str) -> impl Iterator<Item = &str> {
        let prefix = key::references_to(target);
        let range = self.references.range::<_, str>((Bound::Included(&*prefix), Bound::Unbounded));
        let length = prefix.len();
        range.take_while(move |key| key.starts_with(&*prefix)).map(move |key| &key[length..])
    }

    /// Who has a display name, by its key.
    #[must_use]
    pub fn display_name(&self, key: &str) -> Option<&str> {
        self.display_names.get(key).map(|name| &**name)
    }

    pub(super) fn join_token(&self, sha256: &[u8; 32]) -> Option<&JoinTokenName> {
        self.join_tokens.get(sha256)
    }

    pub(super) fn add<R: Resource>(&mut self, stored: &Stored<R>) {
        for reference in stored.spec.references() {
            self.references.insert(key::reference(reference.as_str(), stored.name.as_str()));
        }
        let key = key::display_name(&stored.name, stored.spec.display_name());
        self.display_names.insert(key, stored.name.as_str().into());
    }

    pub(super) fn forget<R: Resource>(&mut self, stored: &Stored<R>) {
        for reference in stored.spec.references() {
            self.references.remove(&*key::reference(reference.as_str(), stored.name.as_str()));
        }
        let key = key::display_name(&stored.name, stored.spec.display_name());
        // Within one commit, a display name may have gone to another resource before its last owner is forgotten.
        if self.display_name(&key) == Some(stored.name.as_str()) {
            self.display_names.remove(&*key);
        }
    }

    pub(super) fn add_join_token(&mut self, sha256: [u8; 32], name: JoinTokenName) {
        self.join_tokens.insert(sha256, name);
    }

    pub(super) fn forget_join_token(&mut self, sha256: &[u8; 32]) {
        self.join_tokens.remove(sha256);
    }
}
