//! Secrets: stored values with a name, which several credentials may link to.

use std::collections::BTreeSet;

use proto::admin::v1;
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::{BaseUrl, Origin};
use shared::credential::CredentialType;
use shared::name::SecretName;

use super::credential::{Destinations, SealedValue, kind_to_message};
use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::{FieldReason, FieldViolations};

/// The most origins that a value may be sent to.
const MOST_ORIGINS: usize = 20;

/// What to do instead of an update.
const ROTATE: &str = "a value and where it may be sent are given together: use RotateSecret";

/// What an admin sets of a Secret. It is called so to keep it apart from the type that holds a secret's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSecret {
    /// What people call it.
    pub display_name: String,
    /// The secret, with where it may be sent.
    pub value: SealedValue,
}

impl NamedSecret {
    /// Reads what is not the value.
    #[must_use]
    pub fn read_display_name(given: String, name: &SecretName, violations: &mut FieldViolations) -> String {
        field::display_name_or_id(given, name, violations)
    }

    /// Reads where a value of a type may be sent. What only signs need not say it.
    #[must_use]
    pub fn read_allowed_origins(
        given: &[String],
        kind: Option<CredentialType>,
        policy: AddressPolicy,
        violations: &mut FieldViolations,
    ) -> Option<Destinations> {
        if given.is_empty() && kind.is_some_and(|kind| !kind.is_bound_to_origin()) {
            return Some(Destinations::Anywhere);
        }
        if given.is_empty() {
            let description = "say where the value may be sent, such as https://api.openai.com";
            violations.add("allowed_origins", FieldReason::Required, description);
        } else if given.len() > MOST_ORIGINS {
            violations.add("allowed_origins", FieldReason::TooLong, format!("use at most {MOST_ORIGINS} origins"));
        }
        let origins: BTreeSet<_> = (0..)
            .zip(given.iter().take(MOST_ORIGINS))
            .filter_map(|(at, text)| read_origin(at, text, policy, violations))
            .collect();
        (!origins.is_empty()).then_some(Destinations::Only(origins))
    }
}

fn read_origin(at: usize, text: &str, policy: AddressPolicy, violations: &mut FieldViolations) -> Option<Origin> {
    // A path that an adapter would take for a pasted one is one all the same: nobody is to think that it narrows anything.
    let bare = text.trim().trim_end_matches('/');
    let has_path = bare.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    let problem = match BaseUrl::parse(AdapterKind::OpenAi, bare, policy) {
        Ok(url) if !has_path => return Some(url.origin()),
        Ok(url) => format!("leave out the path: {} is the origin", url.origin()),
        Err(error) => error.to_string(),
    };
    violations.add(format!("allowed_origins[{at}]"), FieldReason::Malformed, problem);
    None
}

impl Resource for NamedSecret {
    type Name = SecretName;
    type Message = v1::Secret;
    type Hidden = SealedValue;
    const KIND: &'static str = "Secret";
    const FIELD: &'static str = "secret";
    const UID_PREFIX: &'static str = "sec_";

    fn read(
        message: v1::Secret,
        name: &SecretName,
        value: SealedValue,
        _rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        let display_name = Self::read_display_name(message.display_name, name, violations);
        Some(Self { display_name, value })
    }

    fn write(&self) -> v1::Secret {
        v1::Secret {
            display_name: self.display_name.clone(),
            r#type: kind_to_message(self.value.kind).into(),
            allowed_origins: self.value.destinations.origins().map(ToString::to_string).collect(),
            masked_value: self.value.masked.clone(),
            version: self.value.version,
            ..Default::default()
        }
    }

    fn hidden(&self) -> SealedValue {
        self.value.clone()
    }

    /// The value and where it may be sent belong together, and are changed by a rotation alone: else a stored value could be sent on.
    fn apply(mut current: v1::Secret, given: v1::Secret, merge: &mut Merge<'_>) -> v1::Secret {
        let v1::Secret {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
            r#type,
            value,
            allowed_origins,
            masked_value: _,
            version: _,
            linked_credential_count: _,
        } = given;
        merge.ignored(&mask::HEADER);
        merge.ignored(&["masked_value", "version", "linked_credential_count"]);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("type", &current.r#type, &r#type);
        merge.unchanged("allowed_origins", &sorted(&current.allowed_origins), &sorted(&allowed_origins), ROTATE);
        let mut new_value = None;
        merge.write_only("value", &mut new_value, value);
        if new_value.is_some() {
            merge.refuse("value", ROTATE);
        }
        current
    }

    fn header(message: &mut v1::Secret) -> Header<'_> {
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

    fn display_name_of(message: &v1::Secret) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

fn sorted(texts: &[String]) -> BTreeSet<&str> {
    texts.iter().map(String::as_str).collect()
}
