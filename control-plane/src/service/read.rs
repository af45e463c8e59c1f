//! Reading: get and list, the same for every kind.

use std::sync::Arc;

use shared::name::ResourceName;

use super::{Field, FieldValue, Filter, Page, PageRequest};
use crate::access::Call;
use crate::error::{Error, FieldReason};
use crate::resource::{Resource, Stored};
use crate::view::{Kept, View};

/// A request's name, read.
///
/// # Errors
///
/// A violation of the field when it is not one.
pub fn parse_name<N: ResourceName>(text: &str, field: &str) -> Result<N, Error> {
    text.parse().map_err(|error: shared::name::NameError| {
        let reason = if text.is_empty() { FieldReason::Required } else { FieldReason::Malformed };
        Error::field(field, reason, error.to_string())
    })
}

/// One resource by its name.
///
/// # Errors
///
/// When the name is none, the caller may not read it, or nothing has it.
pub fn get<R: Kept>(view: &View, call: &Call, name: &str) -> Result<Arc<Stored<R>>, Error> {
    let name = call.allow(parse_name::<R::Name>(name, "name")?)?;
    R::table(view).get(name.name()).cloned().ok_or_else(|| Error::not_found(name.name()))
}

/// The parent that a request names, which has to exist.
///
/// # Errors
///
/// When the name is none, the caller may do nothing in it, or nothing has it.
pub fn parent<P: Kept>(view: &View, call: &Call, name: &str) -> Result<P::Name, Error> {
    let name: P::Name = parse_name(name, "parent")?;
    call.allow_in(name.as_str())?;
    if P::table(view).contains_key(&name) { Ok(name) } else { Err(Error::not_found(name)) }
}

/// A page of the resources in a parent, which the caller has found to exist.
///
/// `fields` are those to filter by, `value` gives one of them.
///
/// # Errors
///
/// When the filter, the page token or the size is wrong.
pub fn list<'v, R>(
    view: &'v View,
    request: &PageRequest<'_>,
    fields: &[Field],
    value: impl for<'a> Fn(&'a Stored<R>, &str) -> FieldValue<'a>,
) -> Result<Page<&'v Arc<Stored<R>>>, Error>
where
    R: Kept,
    <R as Resource>::Name: std::borrow::Borrow<str>,
{
    let filter = Filter::parse(request.filter, fields)?;
    request.page(R::table(view), |stored| filter.matches(|field| value(stored, field)))
}
