//! Projects: the tenancy boundary.

use shared::name::ProjectName;

use super::Resource;

/// What an admin sets of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// What people call it.
    pub display_name: String,
}

impl Resource for Project {
    type Name = ProjectName;
    const KIND: &'static str = "Project";
    const UID_PREFIX: &'static str = "prj_";
}
