//! `keyplane providers test`, and how a test's outcome is told.

use proto::admin::v1::{
    AuthMode, Credential, CredentialState, CredentialStateReason, Provider, TestConnectionRequest,
    TestConnectionResponse,
};

use super::super::value::ValueFlags;
use super::super::{Context, InProject, state};
use super::fields::Fields;
use crate::client::send;
use crate::error::Error;
use crate::output::{Printable, word};

/// How many models are shown by name.
const SHOWN: usize = 20;

impl Printable for TestConnectionResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.TestConnectionResponse";
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or that the connection would not work.
pub(super) async fn run(
    context: &Context,
    project: &InProject,
    fields: Fields,
    value: &ValueFlags,
    paid_check_model: String,
) -> Result<(), Error> {
    let mut provider = Provider::default();
    fields.apply(&mut provider, project)?;
    // The control plane wants a name of every provider, also of one that it does not make.
    if provider.display_name.is_empty() {
        provider.display_name.clone_from(&provider.vendor);
    }
    let credential = match provider.auth_mode() {
        AuthMode::Unspecified | AuthMode::Managed => {
            Some(Credential { value: Some(value.required(&project.project)?), ..Default::default() })
        }
        AuthMode::None | AuthMode::Passthrough => None,
    };
    let parent = project.name()?.to_string();
    let request = TestConnectionRequest { parent, provider: Some(provider), credential, paid_check_model };
    let answer = send(async || context.client.providers().test_connection(request.clone()).await).await?;
    if context.output.is_json() {
        context.output.one(&answer)?;
    } else {
        context.output.say(&told(&answer))?;
    }
    match answer.state() {
        CredentialState::Active | CredentialState::Unverified => Ok(()),
        CredentialState::Inactive | CredentialState::Disabled | CredentialState::Unspecified => {
            let message = answer.error.map_or_else(String::new, |error| error.message);
            Err(Error::WouldNotWork(message))
        }
    }
}

/// What was found, for people: the state, what is wrong and what to check, the models.
pub(crate) fn told(found: &TestConnectionResponse) -> String {
    let reason = word(
        CredentialStateReason::try_from(found.state_reason).unwrap_or_default().as_str_name(),
        "CREDENTIAL_STATE_REASON_",
    );
    let mut lines = vec![match reason {
        "-" => state(found.state).to_owned(),
        reason => format!("{}, {reason}", state(found.state)),
    }];
    if !found.base_url.is_empty() {
        lines.push(format!("  at {}", found.base_url));
    }
    if let Some(error) = &found.error {
        let status = match error.upstream_status {
            0 => "no answer".to_owned(),
            status => format!("the provider answered {status}"),
        };
        lines.push(format!("  {}: {} ({status})", error.reason, error.message));
    }
    lines.push(match found.upstream_models.len() {
        0 => "  no models are listed".to_owned(),
        1 => format!("  1 model: {}", found.upstream_models[0]),
        count if count > SHOWN => {
            format!("  {count} models: {}, and {} more", found.upstream_models[..SHOWN].join(" "), count - SHOWN)
        }
        count => format!("  {count} models: {}", found.upstream_models.join(" ")),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proto::admin::v1::CredentialError;

    use super::*;

    #[test]
    fn what_was_found_names_the_part_at_fault() {
        let error = CredentialError {
            reason: "ENDPOINT_WRONG".into(),
            upstream_status: 404,
            message: "the base URL most likely lacks /v1".into(),
            ..Default::default()
        };
        let found = TestConnectionResponse {
            state: CredentialState::Inactive.into(),
            state_reason: CredentialStateReason::Unreachable.into(),
            error: Some(error),
            base_url: "https://h.example".into(),
            ..Default::default()
        };
        assert_eq!(
            told(&found),
            "INACTIVE, UNREACHABLE\n  at https://h.example\n  ENDPOINT_WRONG: the base URL most likely lacks /v1 (the \
             provider answered 404)\n  no models are listed"
        );
    }

    #[test]
    fn a_long_list_of_models_is_cut_and_counted() {
        let found = TestConnectionResponse {
            state: CredentialState::Active.into(),
            upstream_models: (0..25).map(|number| format!("m{number}")).collect(),
            ..Default::default()
        };
        let told = told(&found);
        assert!(told.starts_with("ACTIVE\n  25 models: m0 ") && told.ends_with("m19, and 5 more"), "{told}");
    }
}
