//! Where something stands that is wrong, in the caller's words: `messages[2].content[0].text`.

use std::fmt;

use crate::protocol::Unreadable;

/// A place in a request. Costs nothing until it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'p> {
    Field(&'p str),
    Item(&'p Place<'p>, usize),
    Member(&'p Place<'p>, &'p str),
}

impl Place<'_> {
    pub(super) fn wrong(&self, wrong: impl Into<String>) -> Unreadable {
        Unreadable { field: self.to_string(), wrong: wrong.into() }
    }

    /// A member here that has to be there, and isn't.
    pub(super) fn lacks(&self, member: &str) -> Unreadable {
        Place::Member(self, member).wrong("is missing")
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Item(list, at) => write!(f, "{list}[{at}]"),
            Self::Member(object, name) => write!(f, "{object}.{name}"),
        }
    }
}
