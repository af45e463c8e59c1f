//! What depends on a resource, as answers and errors tell it.

use std::sync::Arc;

use proto::admin::v1::Dependents;

use crate::resource::{Resource, Stored};

/// The most names that an answer samples of what depends on a resource.
const SAMPLED: usize = 20;

/// The dependents of one kind, of their names in order; `None` where there are none.
pub fn dependents<'a, R: Resource>(stored: impl Iterator<Item = &'a Arc<Stored<R>>>) -> Option<Dependents> {
    let mut count = 0;
    let mut sample_names = Vec::new();
    for one in stored {
        count += 1;
        if sample_names.len() < SAMPLED {
            sample_names.push(one.name.to_string());
        }
    }
    (count > 0).then(|| Dependents { kind: R::KIND.to_owned(), count, sample_names })
}
