//! Join tokens: what proxies enroll with.

use std::time::SystemTime;

use proto::admin::v1;
use shared::name::{EnvironmentPattern, JoinTokenName};

use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::{FieldReason, FieldViolations};

/// What an admin sets of a join token, and the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// What people call it.
    pub display_name: String,
    /// The environments of the proxies that join with it.
    pub environments: Vec<EnvironmentPattern>,
    /// When it stops working.
    pub expire_time: Option<SystemTime>,
    /// How many proxies may join with it; 0 is any number.
    pub max_uses: u32,
    /// The SHA-256 of the secret in the middle of the token.
    pub sha256: [u8; 32],
}

/// How often a join token was used: observed, not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JoinTokenUse {
    /// How many proxies have joined with it.
    pub uses: u32,
}

impl Resource for JoinToken {
    type Name = JoinTokenName;
    type Message = v1::JoinToken;
    type Hidden = [u8; 32];
    const KIND: &'static str = "JoinToken";
    const FIELD: &'static str = "join_token";
    const UID_PREFIX: &'static str = "jtk_";

    fn read(
        message: v1::JoinToken,
        name: &JoinTokenName,
        sha256: [u8; 32],
        rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        Some(Self {
            display_name: field::display_name_or_id(message.display_name, name, violations),
            environments: read_environments(&message.environments, rules, violations),
            expire_time: field::time(message.expire_time, "expire_time", violations),
            max_uses: message.max_uses,
            sha256,
        })
    }

    fn write(&self) -> v1::JoinToken {
        v1::JoinToken {
            display_name: self.display_name.clone(),
            environments: self.environments.iter().map(ToString::to_string).collect(),
            expire_time: self.expire_time.map(field::timestamp),
            max_uses: self.max_uses,
            ..Default::default()
        }
    }

    fn hidden(&self) -> [u8; 32] {
        self.sha256
    }

    fn apply(mut current: v1::JoinToken, given: v1::JoinToken, merge: &mut Merge<'_>) -> v1::JoinToken {
        let v1::JoinToken {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
            environments,
            expire_time,
            max_uses,
            uses: _,
            ca_certificate: _,
            plaintext: _,
        } = given;
        merge.ignored(&mask::HEADER);
        merge.ignored(&["uses", "ca_certificate", "plaintext"]);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("environments", &current.environments, &environments);
        merge.immutable("expire_time", &current.expire_time, &expire_time);
        merge.immutable("max_uses", &current.max_uses, &max_uses);
        current
    }

    fn header(message: &mut v1::JoinToken) -> Header<'_> {
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

    fn display_name_of(message: &v1::JoinToken) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        let one = |pattern: &EnvironmentPattern| match pattern {
            EnvironmentPattern::One(environment) => Some(Reference::Environment(environment.clone())),
            EnvironmentPattern::InEveryProject(_) | EnvironmentPattern::All => None,
        };
        let mut references: Vec<_> = self.environments.iter().filter_map(one).collect();
        references.sort();
        references.dedup();
        references
    }
}

fn read_environments(given: &[String], rules: &Rules<'_>, violations: &mut FieldViolations) -> Vec<EnvironmentPattern> {
    if given.is_empty() {
        let description = "say for which environments it is; projects/-/environments/- is all of them";
        violations.add("environments", FieldReason::Required, description);
    }
    let mut patterns = Vec::with_capacity(given.len());
    for (at, text) in given.iter().enumerate() {
        let field = format!("environments[{at}]");
        match text.parse::<EnvironmentPattern>() {
            Ok(EnvironmentPattern::One(name)) if !rules.targets.has_environment(&name) => {
                violations.add(field, FieldReason::ReferenceNotFound, format!("{name} does not exist"));
            }
            Ok(pattern) if patterns.contains(&pattern) => {
                violations.add(field, FieldReason::Duplicate, format!("{pattern} stands in the list twice"));
            }
            Ok(pattern) => patterns.push(pattern),
            Err(error) => violations.add(field, FieldReason::Malformed, error.to_string()),
        }
    }
    patterns
}
