//! Projects: the tenancy boundary.

use proto::admin::v1;
use shared::name::ProjectName;

use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::FieldViolations;

/// What an admin sets of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// What people call it.
    pub display_name: String,
}

impl Resource for Project {
    type Name = ProjectName;
    type Message = v1::Project;
    type Hidden = ();
    const KIND: &'static str = "Project";
    const FIELD: &'static str = "project";
    const UID_PREFIX: &'static str = "prj_";

    fn read(
        message: v1::Project,
        name: &ProjectName,
        (): (),
        _rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        Some(Self { display_name: field::display_name_or_id(message.display_name, name, violations) })
    }

    fn write(&self) -> v1::Project {
        v1::Project { display_name: self.display_name.clone(), ..Default::default() }
    }

    fn hidden(&self) {}

    fn apply(mut current: v1::Project, given: v1::Project, merge: &mut Merge<'_>) -> v1::Project {
        let v1::Project {
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

    fn header(message: &mut v1::Project) -> Header<'_> {
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

    fn display_name_of(message: &v1::Project) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}
