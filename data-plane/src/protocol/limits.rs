//! What a request of one dialect says that another can't: refused where leaving it out would change what is meant, and else warned of.

use std::collections::HashSet;

use super::Dialect;
use crate::exchange::feature::{Feature, Features};
use crate::exchange::request::{Loss, Request};

/// What is lost on the way into another dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The caller's fields that are left out, each once: a warning says so.
    pub(crate) warned: Vec<String>,
}

/// Something that would change what the request means, if it were left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field {field} can't be said to {}; leave it out, or ask for a model that is served in a format that has it", to.display_name())]
pub(crate) struct Refused {
    /// The caller's field.
    pub(crate) field: String,
    /// What the request would have been written in.
    pub(crate) to: Dialect,
}

/// What of a request is lost between two dialects.
///
/// # Errors
///
/// When something would be that must not.
pub(crate) fn check(request: &Request<'_>, from: Dialect, to: Dialect) -> Result<Lost, Refused> {
    let features = Features::of(request);
    let mut warned = Warned::default();
    for (feature, loss) in to.protocol().cannot() {
        if features.has(*feature) {
            lose(*loss, field(from, *feature).to_owned(), to, &mut warned)?;
        }
    }
    for extra in &request.extras {
        lose(extra.loss, extra.field.as_str().to_owned(), to, &mut warned)?;
    }
    Ok(Lost { warned: warned.fields })
}

/// Fields that a warning names, each once.
#[derive(Debug, Default)]
struct Warned {
    fields: Vec<String>,
    known: HashSet<String>,
}

impl Warned {
    fn add(&mut self, field: String) {
        if self.known.insert(field.clone()) {
            self.fields.push(field);
        }
    }
}

fn lose(loss: Loss, field: String, to: Dialect, warned: &mut Warned) -> Result<(), Refused> {
    match loss {
        Loss::Silent => {}
        Loss::Warned => warned.add(field),
        Loss::Refused => return Err(Refused { field, to }),
    }
    Ok(())
}

/// A feature's field in a dialect's words.
fn field(from: Dialect, feature: Feature) -> &'static str {
    // What was read from the dialect has a name there; a table with a hole is found by a test.
    from.protocol().field(feature).unwrap_or("(body)")
}

#[cfg(test)]
mod tests;
