//! Environments: named stages of an environment, and the unit in which config reaches proxies.

use proto::admin::v1;
use shared::name::EnvironmentName;

use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::FieldViolations;

/// What an admin sets of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// What people call it.
    pub display_name: String,
}

impl Resource for Environment {
    type Name = EnvironmentName;
    type Message = v1::Environment;
    type Hidden = ();
    const KIND: &'static str = "Environment";
    const FIELD: &'static str = "environment";
    const UID_PREFIX: &'static str = "env_";

    fn read(
        message: v1::Environment,
        name: &EnvironmentName,
        (): (),
        _rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        Some(Self { display_name: field::display_name_or_id(message.display_name, name, violations) })
    }

    fn write(&self) -> v1::Environment {
        v1::Environment { display_name: self.display_name.clone(), ..Default::default() }
    }

    fn hidden(&self) {}

    fn apply(mut current: v1::Environment, given: v1::Environment, merge: &mut Merge<'_>) -> v1::Environment {
        let v1::Environment {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
        } = given;
        merge.ignored(&mask::HEADER);
        merge.set("display_name", &mut current.display_name, display_name);
        current
    }

    fn header(message: &mut v1::Environment) -> Header<'_> {
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

    fn display_name_of(message: &v1::Environment) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}
