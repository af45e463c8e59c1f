//! Names of new resources.

use std::time::SystemTime;

use shared::id;
use shared::name::ResourceName as _;

use crate::error::Error;
use crate::resource::Resource;
use crate::service::parse_name;
use crate::view::{Kept, View};

/// The name of a child; an empty parent is the top level.
pub(super) fn full_name<R: Resource>(parent: &str, id: &str) -> String {
    match parent {
        "" => format!("{}/{id}", R::Name::COLLECTION),
        parent => format!("{parent}/{}/{id}", R::Name::COLLECTION),
    }
}

/// The random end of a uid.
pub(super) fn random_tail(now: SystemTime) -> String {
    let uid = id::uid("", now);
    uid[uid.len() - 8..].to_owned()
}

/// The name, or with a number at its end the first free one.
pub(super) fn free_name<R: Kept>(view: &View, name: &str, random: impl Fn() -> String) -> Result<R::Name, Error> {
    const NUMBERED: u32 = 20;
    let numbered = (2..NUMBERED).map(|number| number.to_string());
    let tails = std::iter::once(String::new()).chain(numbered).chain([random()]);
    let field = format!("{}_id", R::FIELD);
    let mut last = parse_name(name, &field)?;
    for tail in tails {
        if !tail.is_empty() {
            // An id has at most 63 characters: a long one gives way to the number.
            let id_start = name.len() - last_id_len(name);
            let room = 62 - tail.len();
            let id: String = name[id_start..].chars().take(room).collect();
            last = parse_name(&format!("{}{}-{tail}", &name[..id_start], id.trim_end_matches('-')), &field)?;
        }
        if !R::table(view).contains_key(&last) {
            return Ok(last);
        }
    }
    Ok(last)
}

fn last_id_len(name: &str) -> usize {
    name.rsplit('/').next().map_or(0, str::len)
}
