//! Fields at fault: collected until all of them are known, so that a caller repairs a request in one go.

use std::fmt;

/// The most bytes of a field's path and of a description: both may hold what the caller sent.
const FIELD_BYTES: usize = 200;
const DESCRIPTION_BYTES: usize = 500;

/// An error travels in HTTP/2 headers, of which many clients take 8 KiB: so many bytes of violations are told in full, and so many of the
/// message. The rest is counted.
const DETAILS_BYTES: usize = 4000;
const MESSAGE_BYTES: usize = 700;

/// What is wrong with a field, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldReason {
    /// It has to be given.
    Required,
    /// It does not have the form that it should have.
    Malformed,
    /// It is longer, or there are more, than allowed.
    TooLong,
    /// The number or the span is out of its range.
    OutOfRange,
    /// The same stands in it twice.
    Duplicate,
    /// It never changes.
    Immutable,
    /// A mask or a filter names a field that does not exist.
    UnknownPath,
    /// This version does not know the value.
    Unsupported,
    /// What it refers to does not exist.
    ReferenceNotFound,
    /// What it refers to is in another project.
    ReferenceForeign,
    /// The provider does not expose the model.
    NotExposed,
}

impl FieldReason {
    /// As `BadRequest` spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::Malformed => "MALFORMED",
            Self::TooLong => "TOO_LONG",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Duplicate => "DUPLICATE",
            Self::Immutable => "IMMUTABLE",
            Self::UnknownPath => "UNKNOWN_PATH",
            Self::Unsupported => "UNSUPPORTED",
            Self::ReferenceNotFound => "REFERENCE_NOT_FOUND",
            Self::ReferenceForeign => "REFERENCE_FOREIGN",
            Self::NotExposed => "NOT_EXPOSED",
        }
    }

    fn is_reference(self) -> bool {
        matches!(self, Self::ReferenceNotFound | Self::ReferenceForeign | Self::NotExposed)
    }
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path from the request's message, `provider.exposed_models[2].upstream_model`.
    pub field: String,
    /// What is wrong with it, for programs.
    pub reason: FieldReason,
    /// What to do, for people.
    pub description: String,
}

/// The fields at fault, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldViolations(Vec<FieldViolation>);

impl FieldViolations {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&mut self, field: impl Into<String>, reason: FieldReason, description: impl Into<String>) {
        let field = clipped(field.into(), FIELD_BYTES);
        self.0.push(FieldViolation { field, reason, description: clipped(description.into(), DESCRIPTION_BYTES) });
    }

    /// The others, too.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The same with paths that begin at the message around: `vendor` within `provider` is `provider.vendor`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        for violation in &mut self.0 {
            violation.field = format!("{outer}.{}", violation.field);
        }
        self
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &FieldViolation> {
        self.0.iter()
    }

    /// The value, if nothing is wrong.
    ///
    /// # Errors
    ///
    /// The violations, if there are any, or if there is no value.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// The reason of the whole error: `REFERENCE_INVALID` where only references are wrong.
    pub(super) fn reason(&self) -> &'static str {
        if !self.0.is_empty() && self.0.iter().all(|violation| violation.reason.is_reference()) {
            "REFERENCE_INVALID"
        } else {
            "FIELD_INVALID"
        }
    }

    /// Those that an answer has room for; at least one, if there is one.
    fn told(&self) -> &[FieldViolation] {
        let mut bytes = 0;
        let fits = |violation: &&FieldViolation| {
            bytes += 2 * violation.field.len() + violation.description.len() + violation.reason.as_str().len() + 8;
            bytes <= DETAILS_BYTES
        };
        let count = self.0.iter().take_while(fits).count();
        &self.0[..count]
    }

    /// How many the answer has no room for.
    pub(super) fn untold(&self) -> usize {
        self.0.len() - self.told().len()
    }

    pub(super) fn paths(&self) -> String {
        self.told().iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>().join(",")
    }

    pub(super) fn to_details(&self) -> Vec<tonic_types::FieldViolation> {
        self.told()
            .iter()
            .map(|violation| tonic_types::FieldViolation {
                field: violation.field.clone(),
                description: violation.description.clone(),
                reason: violation.reason.as_str().to_owned(),
                localized_message: None,
            })
            .collect()
    }
}

impl fmt::Display for FieldViolations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = 0;
        for (at, FieldViolation { field, description, .. }) in self.0.iter().enumerate() {
            bytes += field.len() + description.len();
            if at > 0 && bytes > MESSAGE_BYTES {
                return write!(f, "; and {} more", self.0.len() - at);
            }
            write!(f, "{}{field}: {description}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// A text, cut at a character where it has more bytes than so many.
pub(super) fn clipped(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
    text
}
