//! Where in a request something stands, put into words only when something is wrong with it.

use std::fmt;

/// A path in the caller's words: `messages[2].content[0]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'p> {
    inside: Option<&'p Path<'p>>,
    name: &'static str,
    item: Option<usize>,
}

impl<'p> Path<'p> {
    /// An item of a field on top.
    pub(super) fn item_of(name: &'static str, item: usize) -> Self {
        Self { inside: None, name, item: Some(item) }
    }

    /// A field of what stands here.
    pub(super) fn field(&'p self, name: &'static str) -> Self {
        Self { inside: Some(self), name, item: None }
    }

    /// An item of a field of what stands here.
    pub(super) fn item(&'p self, name: &'static str, item: usize) -> Self {
        Self { inside: Some(self), name, item: Some(item) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(inside) = self.inside {
            write!(f, "{inside}.")?;
        }
        f.write_str(self.name)?;
        self.item.map_or(Ok(()), |item| write!(f, "[{item}]"))
    }
}
