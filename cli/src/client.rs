//! The client of the admin API: one connection, the token on every request, and repetitions that change nothing twice.

use std::time::Duration;

use http::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use proto::admin::v1::caller_key_service_client::CallerKeyServiceClient;
use proto::admin::v1::credential_service_client::CredentialServiceClient;
use proto::admin::v1::environment_service_client::EnvironmentServiceClient;
use proto::admin::v1::fleet_service_client::FleetServiceClient;
use proto::admin::v1::model_service_client::ModelServiceClient;
use proto::admin::v1::project_service_client::ProjectServiceClient;
use proto::admin::v1::provider_service_client::ProviderServiceClient;
use proto::admin::v1::rate_service_client::RateServiceClient;
use proto::admin::v1::secret_service_client::SecretServiceClient;
use proto::admin::v1::system_service_client::SystemServiceClient;
use shared::secret::Secret;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::error::Error;

/// What every service's client runs on.
pub(crate) type Transport = InterceptedService<Channel, Bearer>;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before the second and the third try.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Adds the admin token to every request.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A control plane's admin API.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    transport: Transport,
}

impl Client {
    /// A client of a server; it connects with the first request.
    ///
    /// # Errors
    ///
    /// When the address or the token can't be used.
    pub(crate) fn new(server: &str, token: &Secret) -> Result<Self, Error> {
        let address = |source| Error::Address { given: server.to_owned(), source };
        let uri: Uri = server.parse().map_err(|error| address(Box::new(error)))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(address("it has to begin with http:// or https:// and a host".into()));
        }
        let endpoint = Endpoint::from(uri.clone()).connect_timeout(CONNECT_TIMEOUT);
        let channel = if uri.scheme_str() == Some("https") {
            endpoint.connect_with_connector_lazy(https(server)?)
        } else {
            endpoint.connect_lazy()
        };
        Ok(Self { transport: InterceptedService::new(channel, bearer(token)?) })
    }

    /// Projects.
    pub(crate) fn projects(&self) -> ProjectServiceClient<Transport> {
        ProjectServiceClient::new(self.transport.clone())
    }

    /// Environments.
    pub(crate) fn environments(&self) -> EnvironmentServiceClient<Transport> {
        EnvironmentServiceClient::new(self.transport.clone())
    }

    /// Providers.
    pub(crate) fn providers(&self) -> ProviderServiceClient<Transport> {
        ProviderServiceClient::new(self.transport.clone())
    }

    /// Credentials.
    pub(crate) fn credentials(&self) -> CredentialServiceClient<Transport> {
        CredentialServiceClient::new(self.transport.clone())
    }

    /// Models.
    pub(crate) fn models(&self) -> ModelServiceClient<Transport> {
        ModelServiceClient::new(self.transport.clone())
    }

    /// Secrets.
    pub(crate) fn secrets(&self) -> SecretServiceClient<Transport> {
        SecretServiceClient::new(self.transport.clone())
    }

    /// Rates.
    pub(crate) fn rates(&self) -> RateServiceClient<Transport> {
        RateServiceClient::new(self.transport.clone())
    }

    /// Caller keys.
    pub(crate) fn caller_keys(&self) -> CallerKeyServiceClient<Transport> {
        CallerKeyServiceClient::new(self.transport.clone())
    }

    /// Join tokens, proxies, rollouts.
    pub(crate) fn fleet(&self) -> FleetServiceClient<Transport> {
        // A snapshot of a large fleet is one message.
        FleetServiceClient::new(self.transport.clone()).max_decoding_message_size(64 * 1024 * 1024)
    }

    /// The control plane itself.
    pub(crate) fn system(&self) -> SystemServiceClient<Transport> {
        SystemServiceClient::new(self.transport.clone())
    }
}

/// A connector that checks the server's certificate against the system's roots, which are read only when they are needed.
fn https(server: &str) -> Result<HttpsConnector<HttpConnector>, Error> {
    let failed = |source| Error::Address { given: server.to_owned(), source };
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.into()))?
        .with_native_roots()
        .map_err(|error| failed(error.into()))?
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http2().build())
}

/// The token as the header that carries it.
fn bearer(token: &Secret) -> Result<Bearer, Error> {
    let unfit = || Error::Usage("the token file does not hold an admin token".into());
    let mut header = b"Bearer ".to_vec();
    header.extend_from_slice(token.expose().trim_ascii());
    let text = String::from_utf8(header).map_err(|_| unfit())?;
    let mut value: MetadataValue<Ascii> = text.parse().map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok(Bearer(value))
}

/// A request id that nobody has used: with it a request can be repeated and changes nothing twice.
pub(crate) fn request_id() -> String {
    shared::id::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a request, up to three times while the connection, not the control plane, is what fails. Safe because reads change nothing
/// and every write has a request id.
///
/// # Errors
///
/// What the control plane answered, or that it can't be reached.
pub(crate) async fn send<T>(attempt: impl AsyncFn() -> Result<Response<T>, Status>) -> Result<T, Error> {
    for delay in RETRY_DELAYS {
        match attempt().await {
            Err(status) if is_of_connection(&status) => tokio::time::sleep(delay).await,
            answer => return Ok(answer?.into_inner()),
        }
    }
    Ok(attempt().await?.into_inner())
}

/// Whether the control plane never answered: its own refusals all have a reason.
fn is_of_connection(status: &Status) -> bool {
    status.code() == Code::Unavailable && status.get_details_error_info().is_none()
}

/// Every item of a list, page after page.
///
/// # Errors
///
/// As [`send`].
pub(crate) async fn every_page<T>(
    page: impl AsyncFn(String) -> Result<(Vec<T>, String), Error>,
) -> Result<Vec<T>, Error> {
    let (mut items, mut token) = page(String::new()).await?;
    while !token.is_empty() {
        let (more, next) = page(token).await?;
        items.extend(more);
        token = next;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_is_tried_again_and_a_refusal_is_not() {
        let tries = Cell::new(0);
        let answer = send(async || {
            tries.set(tries.get() + 1);
            if tries.get() < 3 { Err(Status::unavailable("connection refused")) } else { Ok(Response::new(7)) }
        })
        .await;
        assert_eq!((answer.unwrap(), tries.get()), (7, 3));

        tries.set(0);
        let answer = send::<()>(async || {
            tries.set(tries.get() + 1);
            Err(Status::not_found("no such project"))
        })
        .await;
        assert!(matches!(answer, Err(Error::Refused(_))));
        assert_eq!(tries.get(), 1);
    }

    #[tokio::test]
    async fn every_page_is_read_until_there_is_no_token() {
        let all = every_page(async |token: String| {
            Ok(match token.as_str() {
                "" => (vec![1, 2], "a".to_owned()),
                "a" => (vec![], "b".to_owned()),
                _ => (vec![3], String::new()),
            })
        })
        .await
        .unwrap();
        assert_eq!(all, [1, 2, 3]);
    }

    #[test]
    fn a_server_without_a_scheme_is_refused() {
        let token = Secret::from("kpa_x".to_owned());
        assert!(matches!(Client::new("127.0.0.1:7800", &token), Err(Error::Address { .. })));
        assert!(matches!(Client::new("ftp://host", &token), Err(Error::Address { .. })));
    }
}
