//! The fields of a request that a model refuses, or calls otherwise: where they stand in the bytes, and what stands there instead.

use std::ops::Range;

use crate::json::{self, JsonError, Member};

/// What is done to the members of one JSON object. Of those that are not named here, no byte changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<Field>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: Box<str>,
    change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// The member is left out. The whole path, for those who tell the caller.
    Dropped(Box<str>),
    /// The key becomes another one, also as it is written.
    Renamed { to: Box<str>, written: Box<[u8]> },
    /// Something is done inside its value, if that is an object.
    Inside(Fields),
}

/// What an object says under the two names of a member that is renamed: whether there is a value that is not `null`.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    by_old_name: bool,
    by_new_name: bool,
}

/// What becomes of a member.
enum Fate<'a> {
    Stays,
    /// It is left out; with its path where the caller loses something.
    Gone(Option<&'a str>),
    Renamed(&'a [u8]),
    Inside(&'a Fields),
}

/// Changes to a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edits<'a> {
    /// Which bytes become which others, in their order; none overlaps another.
    pub edits: Vec<(Range<usize>, &'a [u8])>,
    /// The paths of the fields that are left out, in the words of the body's format; those that were `null` say nothing and are not named.
    pub dropped: Vec<&'a str>,
}

impl Edits<'_> {
    /// The body with the changes.
    pub(crate) fn of(&self, body: &[u8]) -> Vec<u8> {
        let mut edited = Vec::with_capacity(body.len());
        let mut at = 0;
        for (range, with) in &self.edits {
            edited.extend_from_slice(body.get(at..range.start).unwrap_or_default());
            edited.extend_from_slice(with);
            at = range.end;
        }
        edited.extend_from_slice(body.get(at..).unwrap_or_default());
        edited
    }
}

impl Fields {
    /// Nothing is done.
    pub(crate) const NONE: Self = Self(Vec::new());

    /// From paths, with points between their names, that are left out, and names on top of a body that become others.
    pub(crate) fn new<'a>(
        dropped: impl IntoIterator<Item = &'a str>,
        renamed: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut fields = Self::default();
        for path in dropped {
            fields.drop_path(path, path);
        }
        for (name, to) in renamed {
            if fields.field(name.as_bytes()).is_none() && name != to {
                // A string always serializes.
                let written = serde_json::to_vec(to).unwrap_or_default().into();
                let change = Change::Renamed { to: to.into(), written };
                fields.0.push(Field { name: name.into(), change });
            }
        }
        fields
    }

    fn drop_path(&mut self, path: &str, whole: &str) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let known = self.0.iter_mut().find(|field| *field.name == *name);
        match (known, rest) {
            (Some(Field { change: Change::Inside(inside), .. }), Some(rest)) => inside.drop_path(rest, whole),
            (Some(field), None) => field.change = Change::Dropped(whole.into()),
            // What is inside goes with it.
            (Some(_), Some(_)) => {}
            (None, None) => self.0.push(Field { name: name.into(), change: Change::Dropped(whole.into()) }),
            (None, Some(rest)) => {
                let mut inside = Self::default();
                inside.drop_path(rest, whole);
                self.0.push(Field { name: name.into(), change: Change::Inside(inside) });
            }
        }
    }

    /// Whether nothing is done.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a member on top is left out.
    pub(crate) fn drops(&self, key: &[u8]) -> bool {
        matches!(self.field(key), Some(Field { change: Change::Dropped(_), .. }))
    }

    /// What a member on top is called instead, if it is.
    pub(crate) fn renamed(&self, key: &[u8]) -> Option<&[u8]> {
        self.field(key)?.new_name()
    }

    /// What changes in a body. Nothing where it is no JSON object.
    pub fn edits(&self, body: &[u8]) -> Edits<'_> {
        let mut edits = Edits::default();
        match self.is_empty() || self.object(body, 0, &mut edits).is_err() {
            true => Edits::default(),
            false => edits,
        }
    }

    /// The changes in an object whose first byte stands at `base` in the body.
    fn object<'a>(&'a self, json: &[u8], base: usize, edits: &mut Edits<'a>) -> Result<(), JsonError> {
        let said = self.said(json)?;
        let mut separators = Separators { base, ..Separators::default() };
        json::placed_members(json, |member| {
            let value = json.get(member.value.clone()).unwrap_or_default();
            match self.fate(&member.key, value, &said) {
                Fate::Gone(path) => {
                    separators.gone(&member, edits);
                    edits.dropped.extend(path.filter(|path| !edits.dropped.contains(path)));
                }
                Fate::Stays => separators.stays(&member, edits),
                Fate::Renamed(written) => {
                    separators.stays(&member, edits);
                    edits.edits.push((base + member.key_at.start..base + member.key_at.end, written));
                }
                Fate::Inside(fields) => {
                    separators.stays(&member, edits);
                    if value.starts_with(b"{") {
                        fields.object(value, base + member.value.start, edits)?;
                    }
                }
            }
            Ok::<_, JsonError>(())
        })?;
        separators.end(edits);
        Ok(())
    }

    /// What an object says of those that are renamed, one for each field: a caller may write a member any number of times, so that nobody can
    /// look for the others at each.
    fn said(&self, json: &[u8]) -> Result<Vec<Said>, JsonError> {
        let mut said = vec![Said::default(); self.0.len()];
        if !self.0.iter().any(|field| field.new_name().is_some()) {
            return Ok(said);
        }
        json::members(json, |key, value| {
            let is_null = json.get(value) == Some(b"null");
            for (field, said) in self.0.iter().zip(&mut said).filter(|_| !is_null) {
                said.by_old_name |= *field.name.as_bytes() == *key;
                said.by_new_name |= field.new_name() == Some(&key);
            }
            Ok::<_, JsonError>(())
        })?;
        Ok(said)
    }

    fn fate<'a>(&'a self, key: &[u8], value: &[u8], said: &[Said]) -> Fate<'a> {
        let is_null = value == b"null";
        let mut fields = self.0.iter().zip(said);
        match fields
            .clone()
            .find(|(field, _)| *field.name.as_bytes() == *key)
            .map(|(field, said)| (&field.change, said))
        {
            Some((Change::Dropped(path), _)) => Fate::Gone((!is_null).then_some(path)),
            // A key can't be there twice: what was said in the model's own word counts, and one that says nothing gives way.
            Some((Change::Renamed { .. }, said)) if said.by_new_name => Fate::Gone(None),
            Some((Change::Renamed { written, .. }, _)) => Fate::Renamed(written),
            Some((Change::Inside(fields), _)) => Fate::Inside(fields),
            None if is_null && fields.any(|(field, said)| said.by_old_name && field.new_name() == Some(key)) => {
                Fate::Gone(None)
            }
            None => Fate::Stays,
        }
    }

    fn field(&self, key: &[u8]) -> Option<&Field> {
        self.0.iter().find(|field| *field.name.as_bytes() == *key)
    }
}

impl Field {
    /// What it is called instead, if it is.
    fn new_name(&self) -> Option<&[u8]> {
        match &self.change {
            Change::Renamed { to, .. } => Some(to.as_bytes()),
            Change::Dropped(_) | Change::Inside(_) => None,
        }
    }
}

/// Leaves out members with one comma each, so that what is left is an object.
#[derive(Default)]
struct Separators {
    base: usize,
    /// A member before this one stays.
    any_stays: bool,
    /// Where the members begin that are gone and before which none stays.
    leading: Option<usize>,
    /// Where the member before ends.
    before: usize,
}

impl Separators {
    fn gone(&mut self, member: &Member<'_>, edits: &mut Edits<'_>) {
        if self.any_stays {
            edits.edits.push((self.base + self.before..self.base + member.value.end, b""));
        } else {
            self.leading.get_or_insert(member.key_at.start);
        }
        self.before = member.value.end;
    }

    fn stays(&mut self, member: &Member<'_>, edits: &mut Edits<'_>) {
        if let Some(from) = self.leading.take() {
            edits.edits.push((self.base + from..self.base + member.key_at.start, b""));
        }
        self.any_stays = true;
        self.before = member.value.end;
    }

    fn end(self, edits: &mut Edits<'_>) {
        if let Some(from) = self.leading {
            edits.edits.push((self.base + from..self.base + self.before, b""));
        }
    }
}

#[cfg(test)]
mod tests;
