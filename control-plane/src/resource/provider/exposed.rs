//! The upstream's models that callers may reach.

use std::collections::BTreeSet;

use proto::admin::v1;

use crate::error::{FieldReason, FieldViolations};
use crate::resource::field;

/// What stands for every model of the upstream.
pub(super) const EVERY_MODEL: &str = "*";

/// One of the upstream's models that callers may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedModel {
    /// The upstream's own name for it, or `*`.
    pub upstream_model: String,
    /// What people call it.
    pub display_name: Option<String>,
}

impl ExposedModel {
    /// As the API has it.
    pub(super) fn to_message(&self) -> v1::ExposedModel {
        v1::ExposedModel {
            upstream_model: self.upstream_model.clone(),
            display_name: self.display_name.clone().unwrap_or_default(),
        }
    }
}

pub(super) fn exposes(exposed_models: &[ExposedModel], upstream_model: &str) -> bool {
    exposed_models
        .iter()
        .any(|exposed| exposed.upstream_model == EVERY_MODEL || exposed.upstream_model == upstream_model)
}

pub(super) fn read_exposed_models(given: Vec<v1::ExposedModel>, violations: &mut FieldViolations) -> Vec<ExposedModel> {
    let mut seen = BTreeSet::new();
    let alone = given.len() == 1;
    let mut exposed_models = Vec::with_capacity(given.len());
    for (at, v1::ExposedModel { upstream_model, display_name }) in given.into_iter().enumerate() {
        let field = format!("exposed_models[{at}].upstream_model");
        if !field::is_upstream_model(&upstream_model) {
            violations.add(field, FieldReason::Malformed, "use 1 to 200 visible ASCII characters");
        } else if upstream_model == EVERY_MODEL && !alone {
            violations.add(field, FieldReason::Duplicate, "* exposes every model: leave out the others");
        } else if !seen.insert(upstream_model.clone()) {
            violations.add(field, FieldReason::Duplicate, format!("{upstream_model} stands in the list twice"));
        }
        if display_name.chars().count() > 100 {
            let field = format!("exposed_models[{at}].display_name");
            violations.add(field, FieldReason::TooLong, "use at most 100 characters");
        }
        exposed_models
            .push(ExposedModel { upstream_model, display_name: Some(display_name).filter(|name| !name.is_empty()) });
    }
    exposed_models
}

pub(super) fn read_default_model(
    given: String,
    exposed_models: &[ExposedModel],
    violations: &mut FieldViolations,
) -> Option<String> {
    if given.is_empty() {
        return None;
    }
    if !field::is_upstream_model(&given) || given == EVERY_MODEL {
        violations.add("default_model", FieldReason::Malformed, "name one model of the upstream");
    } else if !exposes(exposed_models, &given) {
        violations.add("default_model", FieldReason::NotExposed, format!("{given} is not among the exposed models"));
    }
    Some(given)
}
