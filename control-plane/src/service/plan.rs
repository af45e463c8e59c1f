//! A write while it is decided: what it relies on, what it changes.

mod draft;
mod name;

pub use draft::Draft;

use std::sync::Arc;

use prost_types::FieldMask;
use shared::address::AddressPolicy;
use shared::id;
use shared::name::{ResourceName, id_from_display_name};
use shared::revision::Revision;

use self::name::{free_name, full_name, random_tail};
use super::parse_name;
use crate::access::{Allowed, Call};
use crate::error::{Error, FieldReason, FieldViolations};
use crate::resource::{Mask, Merge, Meta, Reference, Resource, Rules, Source, Stored, key};
use crate::store::{MAX_VALUE_BYTES, Precondition};
use crate::view::{Kept, View};

/// The most bytes that a resource takes: less than a record may have, so that the answer which is remembered of it fits into one too.
const MOST_RESOURCE_BYTES: usize = MAX_VALUE_BYTES - 4096;

/// A write while it is decided, on one view.
#[derive(Debug)]
pub struct Plan<'v> {
    /// What is there.
    pub view: &'v View,
    /// Who asks, and when.
    pub call: &'v Call,
    /// Whether nothing will be changed.
    pub validate_only: bool,
    addresses: AddressPolicy,
    draft: Draft,
}

/// The name of a resource that is to be made.
#[derive(Debug)]
pub struct Named<N> {
    /// The name, if it is one.
    pub allowed: Option<Allowed<N>>,
    /// The name, or another one of the parent that stands in, so that all bad fields are found at once.
    pub name: N,
    /// What is wrong with the id.
    pub violations: FieldViolations,
}

/// The resource that an update is of, its message with what the mask takes, and what the mask may not take.
type Merged<R> = (Arc<Stored<R>>, <R as Resource>::Message, FieldViolations);

impl<'v> Plan<'v> {
    pub(super) fn new(view: &'v View, call: &'v Call, addresses: AddressPolicy, validate_only: bool) -> Self {
        Self { view, call, validate_only, addresses, draft: Draft::default() }
    }

    pub(super) fn into_draft(self) -> Draft {
        self.draft
    }

    /// The draft, for records that are not resources.
    pub fn draft(&mut self) -> &mut Draft {
        &mut self.draft
    }

    /// What fields are checked against.
    #[must_use]
    pub fn rules(&self) -> Rules<'v> {
        Rules { addresses: self.addresses, targets: self.view, source: Source::Request }
    }

    /// Makes a resource of a request's parts. `parent` is empty at the top level.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the request, all bad fields at once; [`Error::NotFound`] for the parent, [`Error::IdTaken`],
    /// [`Error::DisplayNameTaken`].
    pub fn create<R: Kept>(
        &mut self,
        parent: &str,
        given_id: &str,
        message: Option<R::Message>,
        hidden: R::Hidden,
    ) -> Result<Stored<R>, Error> {
        let message = message.ok_or_else(|| missing::<R>())?;
        let Named { allowed, name, mut violations } = self.new_name::<R>(parent, given_id, &message)?;
        let mut fields = FieldViolations::new();
        let spec = R::read(message, &name, hidden, &self.rules(), &mut fields);
        violations.append(fields.within(R::FIELD));
        let (name, spec) = violations.into_result(allowed.zip(spec))?;
        self.insert(name, id::uid(R::UID_PREFIX, self.call.now), spec)
    }

    /// The name of a new resource, or what is wrong with its id.
    ///
    /// # Errors
    ///
    /// When the caller may not make it.
    pub fn new_name<R: Kept>(
        &self,
        parent: &str,
        given_id: &str,
        message: &R::Message,
    ) -> Result<Named<R::Name>, Error> {
        match self.allowed_name::<R>(parent, given_id, message) {
            Ok(name) => {
                Ok(Named { name: name.name().clone(), allowed: Some(name), violations: FieldViolations::new() })
            }
            Err(Error::Invalid(violations)) => {
                Ok(Named { allowed: None, name: parse_name(&full_name::<R>(parent, "new"), "parent")?, violations })
            }
            Err(error) => Err(error),
        }
    }

    /// The name that a new resource gets: of the id that was given, or else of the display name and free.
    fn allowed_name<R: Kept>(
        &self,
        parent: &str,
        given_id: &str,
        message: &R::Message,
    ) -> Result<Allowed<R::Name>, Error> {
        if !given_id.is_empty() {
            let name = full_name::<R>(parent, given_id);
            return self.call.allow(parse_name(&name, &format!("{}_id", R::FIELD))?);
        }
        let display_name = R::display_name_of(message);
        if display_name.trim().is_empty() {
            let field = format!("{}_id", R::FIELD);
            return Err(Error::field(&field, FieldReason::Required, "give an id or a display name to make one of"));
        }
        let made = id_from_display_name(display_name)
            .unwrap_or_else(|| format!("{}-{}", R::FIELD.replace('_', "-"), random_tail(self.call.now)));
        self.call.allow(free_name::<R>(self.view, &full_name::<R>(parent, &made), || random_tail(self.call.now))?)
    }

    /// Puts a new resource.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the parent, [`Error::IdTaken`], [`Error::DisplayNameTaken`].
    pub fn insert<R: Kept>(&mut self, name: Allowed<R::Name>, uid: String, spec: R) -> Result<Stored<R>, Error> {
        let name = name.into_name();
        if R::table(self.view).contains_key(&name) {
            return Err(Error::IdTaken { name: name.to_string() });
        }
        let stored = Stored::new(name, uid, spec, self.call.now);
        let parent = key::spec(stored.name.parent_str());
        if !stored.name.parent_str().is_empty() && !self.draft.puts(&parent) {
            self.draft.require(Precondition::Exists(parent));
        }
        self.draft.require(Precondition::Absent(key::spec(stored.name.as_str())));
        self.take_display_name(&stored, None)?;
        self.refer(&stored, None);
        self.draft.put(key::spec(stored.name.as_str()), fitting(&stored)?);
        Ok(stored)
    }

    /// Updates a resource by a request's message and mask.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the request, all bad fields at once; [`Error::NotFound`], [`Error::EtagMismatch`],
    /// [`Error::DisplayNameTaken`].
    pub fn update<R: Kept>(
        &mut self,
        message: Option<R::Message>,
        mask: Option<FieldMask>,
    ) -> Result<(Arc<Stored<R>>, Stored<R>), Error> {
        let (current, merged, mut violations) = self.merge::<R>(message, mask)?;
        let mut fields = FieldViolations::new();
        let spec = R::read(merged, &current.name, current.spec.hidden(), &self.rules(), &mut fields);
        violations.append(fields.within(R::FIELD));
        let spec = violations.into_result(spec)?;
        let stored = self.replace(&current, spec)?;
        Ok((current, stored))
    }

    /// The resource that an update is of, its message with what the mask takes, and what is wrong with the mask.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EtagMismatch`], or that the name is none.
    pub fn merge<R: Kept>(&self, message: Option<R::Message>, mask: Option<FieldMask>) -> Result<Merged<R>, Error> {
        let mut message = message.ok_or_else(|| missing::<R>())?;
        let header = R::header(&mut message);
        let (name, given_etag) = (header.name.clone(), header.etag.clone());
        let current = self.current::<R>(&name, &format!("{}.name", R::FIELD), &given_etag)?;
        let mask = Mask::from(mask);
        let mut immutable = FieldViolations::new();
        let mut merge = Merge::new(&mask, &mut immutable);
        let merged = R::apply(current.spec.write(), message, &mut merge);
        let unknown = merge.finish();
        let mut violations = immutable.within(R::FIELD);
        violations.append(unknown);
        Ok((current, merged, violations))
    }

    /// The resource that a request is about, if its etag is the one that was given. An empty etag is anyone.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EtagMismatch`], or that the name is none.
    pub fn current<R: Kept>(&self, name: &str, field: &str, given: &str) -> Result<Arc<Stored<R>>, Error> {
        let name = self.call.allow(parse_name::<R::Name>(name, field)?)?;
        let stored = R::table(self.view).get(name.name()).cloned().ok_or_else(|| Error::not_found(name.name()))?;
        let current = stored.etag(self.view.identity.epoch);
        if given.is_empty() || given == current {
            return Ok(stored);
        }
        Err(Error::etag_mismatch(&stored.name, given, current))
    }

    /// Puts a resource's new form. One that says what is stored already changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::DisplayNameTaken`].
    pub fn replace<R: Kept>(&mut self, current: &Stored<R>, spec: R) -> Result<Stored<R>, Error> {
        if spec == current.spec {
            return Ok(current.clone());
        }
        let meta = Meta {
            revision: Revision(0),
            generation: current.meta.generation + 1,
            update_time: self.call.now,
            ..current.meta.clone()
        };
        let stored = Stored { name: current.name.clone(), meta, spec };
        let own = key::spec(stored.name.as_str());
        self.draft.require(Precondition::Unchanged(own.clone(), current.meta.revision));
        self.take_display_name(&stored, Some(current))?;
        self.refer(&stored, Some(current));
        self.draft.put(own, fitting(&stored)?);
        Ok(stored)
    }

    /// Deletes a resource with what is observed of it. What depends on it is the caller's to look at.
    pub fn delete<R: Kept>(&mut self, current: &Stored<R>) {
        let name = current.name.as_str();
        self.draft.require(Precondition::Unchanged(key::spec(name), current.meta.revision));
        self.draft.delete(key::spec(name));
        self.draft.delete(key::status(name));
        self.draft.delete(key::display_name(&current.name, current.spec.display_name()));
        for reference in current.spec.references() {
            self.draft.delete(key::reference(reference.as_str(), name));
        }
    }

    /// Relies on nothing below a name having come or gone: on all of its children being those that the view shows.
    pub fn rely_on_children(&mut self, name: &impl ResourceName) {
        self.draft.require(Precondition::PrefixUnchanged(key::spec_below(name.as_str()), self.view.revision));
    }

    /// Relies on whoever refers to a name being who the view shows.
    pub fn rely_on_references(&mut self, name: &impl ResourceName) {
        self.draft.require(Precondition::PrefixUnchanged(key::references_to(name.as_str()), self.view.revision));
    }

    fn take_display_name<R: Kept>(&mut self, new: &Stored<R>, old: Option<&Stored<R>>) -> Result<(), Error> {
        let own = key::display_name(&new.name, new.spec.display_name());
        let old = old.map(|old| key::display_name(&old.name, old.spec.display_name()));
        if old.as_ref() == Some(&own) {
            return Ok(());
        }
        if let Some(taken_by) = self.view.index.display_name(&own) {
            let display_name = new.spec.display_name().to_owned();
            return Err(Error::DisplayNameTaken { display_name, taken_by: taken_by.to_owned() });
        }
        if let Some(old) = old {
            self.draft.delete(old);
        }
        self.draft.require(Precondition::Absent(own.clone()));
        self.draft.put(own, new.name.as_str().as_bytes().to_vec());
        Ok(())
    }

    /// Keeps the reference keys with what the resource refers to, and relies on all of that being there as the view shows it.
    fn refer<R: Kept>(&mut self, new: &Stored<R>, old: Option<&Stored<R>>) {
        let before = old.map(|old| old.spec.references()).unwrap_or_default();
        let after = new.spec.references();
        for reference in &after {
            self.rely_on_target(reference);
        }
        for gone in before.iter().filter(|reference| !after.contains(reference)) {
            self.draft.delete(key::reference(gone.as_str(), new.name.as_str()));
        }
        for come in after.iter().filter(|reference| !before.contains(reference)) {
            self.draft.put(key::reference(come.as_str(), new.name.as_str()), Vec::new());
        }
    }

    fn rely_on_target(&mut self, reference: &Reference) {
        let target = key::spec(reference.as_str());
        if self.draft.puts(&target) {
            return;
        }
        // Of a provider, what it exposes matters too, and of a Secret where it may be sent; of an environment only that it is there.
        let precondition = match (reference, self.view.revision_of(reference)) {
            (Reference::Provider(_) | Reference::Secret(_), Some(revision)) => {
                Precondition::Unchanged(target, revision)
            }
            (Reference::Provider(_) | Reference::Environment(_) | Reference::Secret(_), _) => {
                Precondition::Exists(target)
            }
        };
        self.draft.require(precondition);
    }
}

/// The bytes that the store is to hold of a resource. Refused here, a resource that is too large is one for `validate_only` too.
fn fitting<R: Resource>(stored: &Stored<R>) -> Result<Vec<u8>, Error> {
    let record = stored.to_record();
    if record.len() > MOST_RESOURCE_BYTES {
        let description =
            format!("it takes {} bytes, more than the {MOST_RESOURCE_BYTES} of one resource", record.len());
        return Err(Error::field(R::FIELD, FieldReason::TooLong, description));
    }
    Ok(record)
}

fn missing<R: Resource>() -> Error {
    Error::field(R::FIELD, FieldReason::Required, format!("give the {}", R::KIND))
}
