//! `Debug` for the messages that hold a secret: it names the message and nothing of what is in it.
//!
//! prost's own `Debug` would print every field, so `build.rs` switches it off for these.

use std::fmt;

use crate::{admin, sync};

macro_rules! redacted {
    ($($message:ty),+ $(,)?) => {
        $(impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        })+
    };
}

redacted!(
    admin::v1::CredentialValue,
    admin::v1::credential_value::Value,
    admin::v1::AccessKeyPair,
    admin::v1::ClientSecret,
    admin::v1::Credential,
    admin::v1::RotateCredentialRequest,
    admin::v1::CallerKey,
    admin::v1::JoinToken,
    sync::v1::CredentialConfig,
    sync::v1::credential_config::Value,
    sync::v1::Change,
    sync::v1::change::Change,
    sync::v1::EnrollRequest,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_message_with_a_secret_shows_nothing_of_it() {
        let value = admin::v1::credential_value::Value::ApiKey("sk-canary".into());
        let credential = admin::v1::Credential {
            value: Some(admin::v1::CredentialValue { value: Some(value) }),
            ..Default::default()
        };
        let key = admin::v1::CallerKey { plaintext: "kp_canary".into(), ..Default::default() };
        let change =
            sync::v1::Change { change: Some(sync::v1::change::Change::Put("canary".into())), ..Default::default() };
        let printed = format!("{credential:?} {key:?} {change:?}");
        assert!(!printed.contains("canary"), "{printed}");
    }

    /// Every message with a field that is marked sensitive prints nothing: a new one has to be added above.
    #[test]
    fn every_message_with_a_sensitive_field_is_redacted() {
        const REDACTED: [&str; 7] = [
            "CredentialValue",
            "AccessKeyPair",
            "ClientSecret",
            "Credential",
            "RotateCredentialRequest",
            "CallerKey",
            "JoinToken",
        ];
        let sensitive = crate::SENSITIVE;
        for message in crate::descriptor_pool().all_messages() {
            for field in message.fields() {
                let marked = field
                    .options()
                    .extensions()
                    .any(|(extension, set)| extension.full_name() == sensitive && set.as_bool() == Some(true));
                // A field whose message is redacted is safe wherever it stands.
                let of_redacted = field.kind().as_message().is_some_and(|inner| REDACTED.contains(&inner.name()));
                if marked && !of_redacted {
                    assert!(REDACTED.contains(&message.name()), "{} has a Debug", message.full_name());
                }
            }
        }
    }
}
