//! The fleet: join tokens, proxies, rollouts.

mod proxy;
mod rollout;
mod status;
mod watch;

use std::time::SystemTime;

use proto::admin::v1;
use proto::admin::v1::fleet_service_server::FleetService;
use shared::name::{EnvironmentPattern, JoinTokenName, ResourceName as _};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Context, Field, FieldValue, Mode, PageRequest, Plan, get, list};
use crate::access::{Call, bootstrap_principal};
use crate::error::Error;
use crate::resource::{JoinToken, Stored};
use crate::store::Precondition;
use crate::sync::Sync;
use crate::sync::join_token::JoinSecret;
use crate::view::View;

/// Says that the first join token was made: one that was revoked does not come back with the next start.
pub const BOOTSTRAP_TOKEN_MADE: &str = "meta/bootstrap_join_token";

/// Serves `FleetService`.
#[derive(Debug, Clone)]
pub struct Fleet {
    context: Context,
    sync: Option<Sync>,
}

impl Fleet {
    /// The service; `sync` is absent while the store is sealed.
    #[must_use]
    pub fn new(context: Context, sync: Option<Sync>) -> Self {
        Self { context, sync }
    }

    fn sync(&self) -> Result<&Sync, Error> {
        self.context.sealing.sealer()?;
        self.sync.as_ref().ok_or(Error::StoreUnavailable(None))
    }

    fn list_tokens(
        &self,
        call: &Call,
        request: &v1::ListJoinTokensRequest,
    ) -> Result<v1::ListJoinTokensResponse, Error> {
        call.allow_in("")?;
        let view = self.context.views.load();
        let page = PageRequest {
            parent: "",
            prefix: "joinTokens/",
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<JoinToken>(&view, &page, &[Field::text("display_name")], |token, _| {
            FieldValue::from(token.spec.display_name.as_str())
        })?;
        let join_tokens = page.items.iter().map(|token| self.token_message(&view, token)).collect();
        Ok(v1::ListJoinTokensResponse { join_tokens, next_page_token: page.next_token })
    }

    /// Makes a token. Its plaintext is in this answer, and in the remembered one for a repetition, and nowhere else.
    async fn create_token(&self, call: &Call, request: v1::CreateJoinTokenRequest) -> Result<v1::JoinToken, Error> {
        let pin = self.sync()?.ca().pin();
        let mode = Mode::of(request.validate_only, &request.request_id);
        let secret = JoinSecret::random();
        let decide = |plan: &mut Plan<'_>| {
            call.allow_in("")?;
            let given = request.join_token.clone();
            let stored = plan.create::<JoinToken>("", &request.join_token_id, given, secret.sha256())?;
            let mut message = self.token_message(plan.view, &stored);
            if !plan.validate_only {
                let plaintext = secret.plaintext(&stored.name, pin);
                message.plaintext = String::from_utf8_lossy(plaintext.expose()).into_owned();
            }
            Ok(message)
        };
        self.context.write(call, &request, mode, decide).await
    }

    /// Makes the first token, for every environment, of a secret that is in its file already.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn create_bootstrap_token(
        &self,
        name: &JoinTokenName,
        sha256: [u8; 32],
        now: SystemTime,
    ) -> Result<(), Error> {
        let principal = bootstrap_principal();
        let call = Call { principal, permission: "joinTokens:CreateJoinToken".into(), now };
        let environments = vec![EnvironmentPattern::All.to_string()];
        let given = v1::JoinToken { environments, ..Default::default() };
        let decide = |plan: &mut Plan<'_>| {
            let stored = plan.create::<JoinToken>("", name.id(), Some(given.clone()), sha256)?;
            plan.draft().require(Precondition::Absent(BOOTSTRAP_TOKEN_MADE.into()));
            plan.draft().put(BOOTSTRAP_TOKEN_MADE.into(), Vec::new());
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(&call, &given, Mode::Once, decide).await.map(drop)
    }

    async fn delete_token(
        &self,
        call: &Call,
        request: v1::DeleteJoinTokenRequest,
    ) -> Result<v1::DeleteJoinTokenResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let token = plan.current::<JoinToken>(&request.name, "name", &request.etag)?;
            plan.delete(&*token);
            Ok(v1::DeleteJoinTokenResponse::default())
        };
        self.context.write(call, &request, mode, decide).await
    }

    fn token_message(&self, view: &View, token: &Stored<JoinToken>) -> v1::JoinToken {
        let mut message = token.to_message(view.identity.epoch);
        message.uses = view.join_token_uses.get(&token.name).map_or(0, |used| used.uses);
        message.ca_certificate = self.sync.as_ref().map(|sync| sync.ca().certificate_pem()).unwrap_or_default();
        message
    }
}

#[tonic::async_trait]
impl FleetService for Fleet {
    async fn list_join_tokens(
        &self,
        request: Request<v1::ListJoinTokensRequest>,
    ) -> Result<Response<v1::ListJoinTokensResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list_tokens(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_join_token(
        &self,
        request: Request<v1::GetJoinTokenRequest>,
    ) -> Result<Response<v1::JoinToken>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let token = get::<JoinToken>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(self.token_message(&view, &token)))
    }

    async fn create_join_token(
        &self,
        request: Request<v1::CreateJoinTokenRequest>,
    ) -> Result<Response<v1::JoinToken>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create_token(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_join_token(
        &self,
        request: Request<v1::DeleteJoinTokenRequest>,
    ) -> Result<Response<v1::DeleteJoinTokenResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete_token(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn list_proxies(
        &self,
        request: Request<v1::ListProxiesRequest>,
    ) -> Result<Response<v1::ListProxiesResponse>, Status> {
        let call = Call::of(&request)?;
        call.allow_in("")?;
        Ok(proxy::list(&self.context.views.load(), self.sync()?, request.get_ref(), call.now).map(Response::new)?)
    }

    async fn get_proxy(&self, request: Request<v1::GetProxyRequest>) -> Result<Response<v1::Proxy>, Status> {
        let call = Call::of(&request)?;
        Ok(proxy::get(&self.context.views.load(), self.sync()?, &call, &request.get_ref().name).map(Response::new)?)
    }

    type WatchProxiesStream = ReceiverStream<Result<v1::WatchProxiesResponse, Status>>;

    async fn watch_proxies(
        &self,
        request: Request<v1::WatchProxiesRequest>,
    ) -> Result<Response<Self::WatchProxiesStream>, Status> {
        let call = Call::of(&request)?;
        call.allow_in("")?;
        Ok(Response::new(watch::start(self.sync()?)))
    }

    async fn wait_for_rollout(
        &self,
        request: Request<v1::WaitForRolloutRequest>,
    ) -> Result<Response<v1::WaitForRolloutResponse>, Status> {
        let call = Call::of(&request)?;
        call.allow_in("")?;
        let until = rollout::until(request.metadata());
        let target = rollout::target(&self.context, request.get_ref())?;
        Ok(rollout::wait(self.sync()?, &target, until).await.map(Response::new)?)
    }
}

#[cfg(test)]
mod tests;
