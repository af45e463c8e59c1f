//! Caller keys: what applications send.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use proto::admin::v1;
use shared::name::{CallerKeyName, EnvironmentName};

use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::{FieldReason, FieldViolations};

/// What an admin sets of a caller key, and the hash of the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerKey {
    /// What people call it.
    pub display_name: String,
    /// Where it works.
    pub environment: EnvironmentName,
    /// The models that it may ask for; a trailing `*` is a prefix.
    pub allowed_models: BTreeSet<String>,
    /// When it stops working.
    pub expire_time: Option<SystemTime>,
    /// Taken out by an admin.
    pub disabled: bool,
    /// Who answers for it.
    pub owner: String,
    /// What people sort it by.
    pub labels: BTreeMap<String, String>,
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
}

const MOST_LABELS: usize = 32;
const LABEL_CHARACTERS: usize = 63;

impl Resource for CallerKey {
    type Name = CallerKeyName;
    type Message = v1::CallerKey;
    type Hidden = [u8; 32];
    const KIND: &'static str = "CallerKey";
    const FIELD: &'static str = "caller_key";
    const UID_PREFIX: &'static str = "key_";

    fn read(
        message: v1::CallerKey,
        name: &CallerKeyName,
        sha256: [u8; 32],
        rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        let display_name = field::display_name_or_id(message.display_name, name, violations);
        let environment = if message.environment.is_empty() {
            violations.add("environment", FieldReason::Required, "say in which environment the key works");
            None
        } else {
            field::environment(&message.environment, "environment".to_owned(), &name.project(), rules, violations)
        };
        let allowed_models = read_allowed_models(message.allowed_models, violations);
        let expire_time = field::time(message.expire_time, "expire_time", violations);
        let owner = field::owner(message.owner, violations);
        let labels = read_labels(message.labels, violations);
        Some(Self {
            display_name,
            environment: environment?,
            allowed_models,
            expire_time,
            disabled: message.disabled,
            owner,
            labels,
            sha256,
        })
    }

    fn write(&self) -> v1::CallerKey {
        v1::CallerKey {
            display_name: self.display_name.clone(),
            environment: self.environment.to_string(),
            allowed_models: self.allowed_models.iter().cloned().collect(),
            expire_time: self.expire_time.map(field::timestamp),
            disabled: self.disabled,
            owner: self.owner.clone(),
            labels: self.labels.clone(),
            ..Default::default()
        }
    }

    fn hidden(&self) -> [u8; 32] {
        self.sha256
    }

    fn apply(mut current: v1::CallerKey, given: v1::CallerKey, merge: &mut Merge<'_>) -> v1::CallerKey {
        let v1::CallerKey {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
            environment,
            allowed_models,
            expire_time,
            disabled,
            owner,
            labels,
            plaintext: _,
            last_used_time: _,
        } = given;
        merge.ignored(&mask::HEADER);
        merge.ignored(&["plaintext", "last_used_time"]);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("environment", &current.environment, &environment);
        merge.set("allowed_models", &mut current.allowed_models, allowed_models);
        merge.set("expire_time", &mut current.expire_time, expire_time);
        merge.set("disabled", &mut current.disabled, disabled);
        merge.set("owner", &mut current.owner, owner);
        merge.set("labels", &mut current.labels, labels);
        current
    }

    fn header(message: &mut v1::CallerKey) -> Header<'_> {
        Header {
            name: &mut message.name,
            uid: &mut message.uid,
            etag: &mut message.etag,
            revision: &mut message.revision,
            generation: &mut message.generation,
            create_time: &mut message.create_time,
            update_time: &mut message.update_time,
        }
    }

    fn display_name(&self) -> &str {
        &self.display_name
    }

    fn display_name_of(message: &v1::CallerKey) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        vec![Reference::Environment(self.environment.clone())]
    }
}

fn read_allowed_models(given: Vec<String>, violations: &mut FieldViolations) -> BTreeSet<String> {
    for (at, pattern) in given.iter().enumerate() {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        let good = (1..=300).contains(&pattern.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic())
            && !name.contains('*');
        if !good {
            let description = "use a model's name in visible ASCII, up to 300 characters, with * only at the end";
            violations.add(format!("allowed_models[{at}]"), FieldReason::Malformed, description);
        }
    }
    given.into_iter().collect()
}

fn read_labels(given: BTreeMap<String, String>, violations: &mut FieldViolations) -> BTreeMap<String, String> {
    if given.len() > MOST_LABELS {
        violations.add("labels", FieldReason::TooLong, format!("use at most {MOST_LABELS} labels"));
    }
    for (key, value) in &given {
        let good = (1..=LABEL_CHARACTERS).contains(&key.chars().count())
            && value.chars().count() <= LABEL_CHARACTERS
            && !key.chars().chain(value.chars()).any(char::is_control);
        if !good {
            let description = format!("use keys and values of up to {LABEL_CHARACTERS} characters, without controls");
            violations.add(format!("labels[{key:?}]"), FieldReason::Malformed, description);
        }
    }
    given
}
