//! The rules of single fields that several resources share, and the forms of times.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use shared::name::{EnvironmentName, ProjectName, ResourceName};

use super::{Rules, Weight};
use crate::error::{FieldReason, FieldViolations};

/// The most characters that a display name has.
const DISPLAY_NAME_CHARACTERS: usize = 100;

/// The seconds at which year 1 begins and year 9999 ends.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

/// The most characters that an owner has.
const OWNER_CHARACTERS: usize = 200;

/// A time as the API has it.
#[must_use]
pub fn timestamp(time: SystemTime) -> Timestamp {
    time.into()
}

/// A span as the API has it.
#[must_use]
pub fn seconds(span: Duration) -> prost_types::Duration {
    // Only spans of centuries don't fit.
    span.try_into().unwrap_or_default()
}

/// A span that is not negative; `None` for any other, and for what is none. The smallest of numbers has no positive one, which a conversion
/// by way of the negative would meet.
pub(super) fn span(given: prost_types::Duration) -> Option<Duration> {
    let nanos = u32::try_from(given.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(given.seconds).ok()?, nanos))
}

/// A display name that has to be given.
pub(super) fn display_name(given: String, violations: &mut FieldViolations) -> String {
    let problem = if given.trim().is_empty() {
        Some((FieldReason::Required, "give 1 to 100 characters".to_owned()))
    } else if given.chars().count() > DISPLAY_NAME_CHARACTERS {
        Some((FieldReason::TooLong, format!("use at most {DISPLAY_NAME_CHARACTERS} characters")))
    } else if given.trim() != given || given.chars().any(char::is_control) {
        Some((FieldReason::Malformed, "leave out control characters and spaces at either end".to_owned()))
    } else {
        None
    };
    if let Some((reason, description)) = problem {
        violations.add("display_name", reason, description);
    }
    given
}

/// A display name that is the id where it is absent.
pub(super) fn display_name_or_id(given: String, name: &impl ResourceName, violations: &mut FieldViolations) -> String {
    // A model's id may be longer than a display name, and is one all the same.
    if given.is_empty() || given == name.id() { name.id().to_owned() } else { display_name(given, violations) }
}

/// Who answers for a resource.
pub(super) fn owner(given: String, violations: &mut FieldViolations) -> String {
    if given.chars().count() > OWNER_CHARACTERS {
        violations.add("owner", FieldReason::TooLong, format!("use at most {OWNER_CHARACTERS} characters"));
    }
    given
}

/// A share of requests.
pub(super) fn weight(given: Option<u32>, field: &str, violations: &mut FieldViolations) -> Weight {
    match given.map(Weight::new) {
        None => Weight::DEFAULT,
        Some(Some(weight)) => weight,
        Some(None) => {
            violations.add(field, FieldReason::OutOfRange, "use 0 to 100");
            Weight::DEFAULT
        }
    }
}

/// A time that may be absent. Others are no `Timestamp`: JSON has no form for them, and what is added to them may overflow.
pub(super) fn time(given: Option<Timestamp>, field: &str, violations: &mut FieldViolations) -> Option<SystemTime> {
    let given = given?;
    let exists = (FIRST_SECOND..=LAST_SECOND).contains(&given.seconds) && (0..1_000_000_000).contains(&given.nanos);
    let time = SystemTime::try_from(given).ok().filter(|_| exists);
    if time.is_none() {
        violations.add(field, FieldReason::OutOfRange, "use a time from year 1 to year 9999");
    }
    time
}

/// An upstream's own name for a model: something that can stand in a body and a URL.
#[must_use]
pub fn is_upstream_model(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// One environment of the project.
pub(super) fn environment(
    given: &str,
    field: String,
    project: &ProjectName,
    rules: &Rules<'_>,
    violations: &mut FieldViolations,
) -> Option<EnvironmentName> {
    let name = match given.parse::<EnvironmentName>() {
        Ok(name) => name,
        Err(error) => {
            violations.add(field, FieldReason::Malformed, error.to_string());
            return None;
        }
    };
    if name.project() != *project {
        violations.add(field, FieldReason::ReferenceForeign, format!("{name} is not in {project}"));
    } else if !rules.targets.has_environment(&name) {
        violations.add(field, FieldReason::ReferenceNotFound, format!("{name} does not exist"));
    }
    Some(name)
}

/// Environments of the project, in any order, doubles taken as one.
pub(super) fn environments(
    given: &[String],
    project: &ProjectName,
    rules: &Rules<'_>,
    violations: &mut FieldViolations,
) -> BTreeSet<EnvironmentName> {
    given
        .iter()
        .enumerate()
        .filter_map(|(at, name)| environment(name, format!("environments[{at}]"), project, rules, violations))
        .collect()
}

/// Names as text.
pub(super) fn texts<'a, N: ResourceName>(names: impl IntoIterator<Item = &'a N>) -> Vec<String> {
    names.into_iter().map(|name| name.as_str().to_owned()).collect()
}
