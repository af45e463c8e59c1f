//! Models: the names that callers ask for.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::admin::v1;
use shared::name::{EnvironmentName, ModelName, ProjectName, ProviderName};

use super::{AuthMode, Exposure, Header, Merge, Reference, Resource, Rules, Weight, field, mask};
use crate::error::{FieldReason, FieldViolations};

/// What an admin sets of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What people call it.
    pub display_name: String,
    /// Where its requests go.
    pub targets: Vec<Target>,
    /// The environments that have it; empty means wherever a target is active.
    pub environments: BTreeSet<EnvironmentName>,
    /// How long one request may take in all.
    pub timeout: Duration,
    /// How many upstream calls one request may make.
    pub max_attempts: u32,
}

/// One place where a model's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The provider.
    pub provider: ProviderName,
    /// The provider's own name for the model.
    pub upstream_model: String,
    /// Its share among the targets of its priority.
    pub weight: Weight,
    /// The lowest come first.
    pub priority: u32,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
const DEFAULT_ATTEMPTS: u32 = 4;
const MOST_ATTEMPTS: u32 = 16;
const LAST_PRIORITY: u32 = 100;

impl Resource for Model {
    type Name = ModelName;
    type Message = v1::Model;
    type Hidden = ();
    const KIND: &'static str = "Model";
    const FIELD: &'static str = "model";
    const UID_PREFIX: &'static str = "mdl_";

    fn read(
        message: v1::Model,
        name: &ModelName,
        (): (),
        rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        let project = name.project();
        let display_name = field::display_name_or_id(message.display_name, name, violations);
        let targets = message.targets.into_iter().enumerate();
        let targets: Vec<_> =
            targets.map(|(at, target)| read_target(target, at, &project, rules, violations)).collect();
        keep_own_keys_apart(&targets, rules, violations);
        Some(Self {
            display_name,
            targets: targets.into_iter().flatten().collect(),
            environments: field::environments(&message.environments, &project, rules, violations),
            timeout: read_timeout(message.timeout, violations),
            max_attempts: read_attempts(message.max_attempts, violations),
        })
    }

    fn write(&self) -> v1::Model {
        let targets = self.targets.iter().map(|target| v1::Target {
            provider: target.provider.to_string(),
            upstream_model: target.upstream_model.clone(),
            weight: Some(target.weight.get()),
            priority: target.priority,
        });
        v1::Model {
            display_name: self.display_name.clone(),
            targets: targets.collect(),
            environments: field::texts(&self.environments),
            timeout: Some(field::seconds(self.timeout)),
            max_attempts: Some(self.max_attempts),
            ..Default::default()
        }
    }

    fn hidden(&self) {}

    fn apply(mut current: v1::Model, given: v1::Model, merge: &mut Merge<'_>) -> v1::Model {
        let v1::Model {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
            targets,
            environments,
            timeout,
            max_attempts,
        } = given;
        merge.ignored(&mask::HEADER);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.set("targets", &mut current.targets, targets);
        merge.set("environments", &mut current.environments, environments);
        merge.set("timeout", &mut current.timeout, timeout);
        merge.set("max_attempts", &mut current.max_attempts, max_attempts);
        current
    }

    fn header(message: &mut v1::Model) -> Header<'_> {
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

    fn display_name_of(message: &v1::Model) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        let environments = self.environments.iter().cloned().map(Reference::Environment);
        let providers = self.targets.iter().map(|target| Reference::Provider(target.provider.clone()));
        environments.chain(providers).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

fn read_target(
    target: v1::Target,
    at: usize,
    project: &ProjectName,
    rules: &Rules<'_>,
    violations: &mut FieldViolations,
) -> Option<Target> {
    let field = |name: &str| format!("targets[{at}].{name}");
    let weight = field::weight(target.weight, &field("weight"), violations);
    if target.priority > LAST_PRIORITY {
        violations.add(field("priority"), FieldReason::OutOfRange, format!("use 0 to {LAST_PRIORITY}"));
    }
    let named = field::is_upstream_model(&target.upstream_model) && target.upstream_model != "*";
    if !named {
        violations.add(field("upstream_model"), FieldReason::Malformed, "name one model of the upstream");
    }
    let provider: ProviderName = match target.provider.parse() {
        Ok(provider) => provider,
        Err(error) => {
            violations.add(field("provider"), FieldReason::Malformed, format!("{error}"));
            return None;
        }
    };
    if provider.project() != *project {
        violations.add(field("provider"), FieldReason::ReferenceForeign, format!("{provider} is not in {project}"));
    } else {
        match rules.targets.exposure(&provider, &target.upstream_model) {
            Exposure::NoProvider => {
                violations.add(field("provider"), FieldReason::ReferenceNotFound, format!("{provider} does not exist"));
            }
            Exposure::NotExposed if named => {
                let description = format!("{provider} does not expose {}", target.upstream_model);
                violations.add(field("upstream_model"), FieldReason::NotExposed, description);
            }
            Exposure::NotExposed | Exposure::Exposed => {}
        }
    }
    Some(Target { provider, upstream_model: target.upstream_model, weight, priority: target.priority })
}

/// A caller's own key goes to one provider only: next to a target that takes it, there is none of another provider.
fn keep_own_keys_apart(targets: &[Option<Target>], rules: &Rules<'_>, violations: &mut FieldViolations) {
    let given = || targets.iter().flatten();
    let passes = |target: &&Target| rules.targets.auth_mode(&target.provider) == Some(AuthMode::Passthrough);
    let Some(own) = given().find(passes) else { return };
    for (at, target) in targets.iter().enumerate() {
        if target.as_ref().is_some_and(|target| target.provider != own.provider) {
            let description = format!("{} takes the caller's own key, which goes to no other provider", own.provider);
            violations.add(format!("targets[{at}].provider"), FieldReason::Unsupported, description);
        }
    }
}

fn read_timeout(given: Option<prost_types::Duration>, violations: &mut FieldViolations) -> Duration {
    let Some(given) = given else { return DEFAULT_TIMEOUT };
    match field::span(given) {
        Some(timeout) if (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout) => timeout,
        Some(_) | None => {
            violations.add("timeout", FieldReason::OutOfRange, "use 1 s to 3600 s");
            DEFAULT_TIMEOUT
        }
    }
}

fn read_attempts(given: Option<u32>, violations: &mut FieldViolations) -> u32 {
    let attempts = given.unwrap_or(DEFAULT_ATTEMPTS);
    if !(1..=MOST_ATTEMPTS).contains(&attempts) {
        violations.add("max_attempts", FieldReason::OutOfRange, format!("use 1 to {MOST_ATTEMPTS}"));
    }
    attempts
}
