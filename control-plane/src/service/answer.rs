//! The answers of mutating requests: what of them only the commit can give.

use prost::Message;
use proto::admin::v1;
use shared::revision::{Epoch, Revision};

use crate::resource::{
    CallerKey, Credential, Environment, JoinToken, Model, NamedSecret, Project, Provider, Rate, Resource as _,
};

/// An answer that is made before its commit, and completed after it.
pub trait Answer: Message + Default + Send {
    /// Sets what the commit gives: `revision`, and where there is one `etag`. What is set already stays: nothing was changed then.
    fn made_at(&mut self, epoch: Epoch, revision: Revision);
}

macro_rules! resources {
    ($($message:ident),+) => {$(impl Answer for v1::$message {
        fn made_at(&mut self, epoch: Epoch, revision: Revision) {
            $message::header(self).made_at(epoch, revision);
        }
    })+};
}

macro_rules! deletes {
    ($($message:ident),+) => {$(impl Answer for v1::$message {
        fn made_at(&mut self, _epoch: Epoch, revision: Revision) {
            self.revision = revision.0;
        }
    })+};
}

resources!(Project, Environment, Provider, Credential, Model, CallerKey, JoinToken, Rate);

impl Answer for v1::Secret {
    fn made_at(&mut self, epoch: Epoch, revision: Revision) {
        NamedSecret::header(self).made_at(epoch, revision);
    }
}

impl Answer for v1::RotateCredentialResponse {
    fn made_at(&mut self, epoch: Epoch, revision: Revision) {
        self.revision = revision.0;
        if let Some(credential) = &mut self.credential {
            credential.made_at(epoch, revision);
        }
    }
}

impl Answer for v1::ConnectProviderResponse {
    fn made_at(&mut self, epoch: Epoch, revision: Revision) {
        self.revision = revision.0;
        if let Some(provider) = &mut self.provider {
            provider.made_at(epoch, revision);
        }
        if let Some(credential) = &mut self.credential {
            credential.made_at(epoch, revision);
        }
        self.models.iter_mut().for_each(|model| model.made_at(epoch, revision));
    }
}

impl Answer for v1::RotateSecretResponse {
    fn made_at(&mut self, epoch: Epoch, revision: Revision) {
        self.revision = revision.0;
        if let Some(secret) = &mut self.secret {
            secret.made_at(epoch, revision);
        }
    }
}

deletes!(
    DeleteProjectResponse,
    DeleteEnvironmentResponse,
    DeleteProviderResponse,
    DeleteCredentialResponse,
    DeleteSecretResponse,
    DeleteModelResponse,
    DeleteCallerKeyResponse,
    DeleteRateResponse,
    DeleteJoinTokenResponse
);
