//! The store's identity, its epochs and its revisions, and the etag made of them.

use std::fmt;

/// A commit's number in the store. Each commit, of one resource or of many, gets the next one; 0 is before the first.
///
/// Revisions compare only inside one [`Epoch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// The next commit's number.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A store's id: made with it, unchanged through a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

/// A stretch of a store's life in which revisions compare: made with the store, anew by each restore or accepted rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub [u8; 16]);

/// The random bytes in hexadecimal, lower case.
fn hexadecimal(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

/// A resource's etag, `"<epoch, 8 hex>-<revision>"` with the quotes that RFC 7232 asks for: it changes with every commit that changes what
/// admins set, and never matches across a restore.
#[must_use]
pub fn etag(epoch: Epoch, revision: Revision) -> String {
    let [a, b, c, d, ..] = epoch.0;
    format!("\"{a:02x}{b:02x}{c:02x}{d:02x}-{revision}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_hold_epoch_and_revision() {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&[0x0a, 0xff, 0, 1]);
        assert_eq!(etag(Epoch(id), Revision(7)), "\"0aff0001-7\"");
    }
}
