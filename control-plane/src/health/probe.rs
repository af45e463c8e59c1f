//! Asking a provider whether it knows a credential: its model list, which costs nothing.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use shared::adapter::{Adapter, AdapterKind, Call, Delivery, Key, Operation, Place, Unsigned, adapter};
use shared::base_url::BaseUrl;
use shared::credential::CredentialValue;
use shared::dial::{Client, DialFailure, Dialer};
use shared::failure::Failure;
use shared::secret::Secret;

use super::ProbeOutcome;
use crate::resource::{CredentialProblem, Provider};

/// How long a probe may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read.
const MOST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Asks providers. Its clones share their connections.
#[derive(Debug, Clone)]
pub struct Prober {
    client: Client<Empty<Bytes>>,
}

/// What is asked: whether the provider at this place knows this value.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who is upstream, for what the catalog knows of it.
    pub vendor: String,
    /// Which API it speaks.
    pub adapter: AdapterKind,
    /// Where it is.
    pub place: Place,
    /// Certificate authorities beside the system's, as PEM; empty where there are none.
    pub ca_certificates: String,
    /// Headers that the provider adds to every request.
    pub request_headers: HeaderMap,
    /// The credential's value; `None` where the upstream wants none.
    pub value: Option<CredentialValue>,
    /// The second key.
    pub additional_key: Option<Secret>,
    /// One of the upstream's models, for a check that costs something; `None` asks for nothing that does.
    pub paid_check_model: Option<String>,
}

/// What a provider answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// What it means.
    pub outcome: ProbeOutcome,
    /// The upstream's status; `None` where it did not answer.
    pub upstream_status: Option<u16>,
    /// Why there was no answer; `None` where there was one, or too late.
    pub failure: Option<DialFailure>,
    /// The models that the credential can list, in the answer's order; empty unless it passed.
    pub models: Vec<String>,
}

/// The whole of an answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Question {
    /// What is asked of a provider about a value.
    #[must_use]
    pub fn of(provider: &Provider, value: Option<CredentialValue>) -> Self {
        Self {
            vendor: provider.vendor.clone(),
            adapter: provider.adapter,
            place: provider.place(),
            ca_certificates: String::new(),
            request_headers: HeaderMap::new(),
            value,
            additional_key: None,
            paid_check_model: None,
        }
    }
}

impl Prober {
    /// Asks through a dialer.
    #[must_use]
    pub fn new(dialer: &Dialer) -> Self {
        Self { client: dialer.client() }
    }

    /// Asks a provider for its models with a credential.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind when the future is dropped.
    pub async fn probe(&self, question: &Question, now: SystemTime) -> ProbeResult {
        let adapter = adapter(question.adapter);
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        let call = Call { operation: Operation::ListModels, model: "", delivery: Delivery::Whole, page: None };
        *request.uri_mut() = adapter.address(&question.place, None, call).unwrap_or_default();
        let uri = request.uri().clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("keyplane/", env!("CARGO_PKG_VERSION"))));
        if let Some(value) = &question.value {
            let key = Key { value, token: None, additional: None };
            let unsigned = Unsigned { method: &Method::GET, uri: &uri, headers, body: &[], now };
            if adapter.sign(&question.place, key, unsigned).is_err() {
                return ProbeResult::without_answer(ProbeOutcome::Rejected, None);
            }
        }
        match tokio::time::timeout(TIMEOUT, self.ask(request)).await {
            Ok(Ok(answer)) => ProbeResult::read(adapter, &answer, now),
            Ok(Err(failure)) => ProbeResult::of_failure(failure),
            Err(_) => ProbeResult::without_answer(ProbeOutcome::Unreachable, None),
        }
    }

    async fn ask(&self, request: Request<Empty<Bytes>>) -> Result<Answer, DialFailure> {
        let response = self.client.request(request).await.map_err(|error| DialFailure::of(&error))?;
        let (head, body) = response.into_parts();
        let body = read_body(body).await?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// A body that is too large is cut to nothing: no list of models is that long, and the status still counts.
async fn read_body(body: Incoming) -> Result<Bytes, DialFailure> {
    match Limited::new(body, MOST_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(Bytes::new()),
        Err(_) => Err(DialFailure::Broken),
    }
}

impl ProbeResult {
    fn without_answer(outcome: ProbeOutcome, failure: Option<DialFailure>) -> Self {
        Self { outcome, upstream_status: None, failure, models: Vec::new() }
    }

    fn of_failure(failure: DialFailure) -> Self {
        let outcome = match failure {
            DialFailure::Tls => ProbeOutcome::TlsFailed,
            DialFailure::RefusedAddress(_) | DialFailure::RefusedScheme => ProbeOutcome::EndpointWrong,
            DialFailure::Dns | DialFailure::Connect | DialFailure::ConnectTimedOut | DialFailure::Broken => {
                ProbeOutcome::Unreachable
            }
        };
        Self::without_answer(outcome, Some(failure))
    }

    fn read(adapter: &dyn Adapter, answer: &Answer, now: SystemTime) -> Self {
        let classified = adapter.classify(answer.status, &answer.headers, &answer.body, now);
        let (outcome, models) = match classified {
            None => match adapter.read_models(&answer.body) {
                Ok(page) => (ProbeOutcome::Passed, page.models),
                Err(_) => (ProbeOutcome::EndpointWrong, Vec::new()),
            },
            Some(classified) => {
                let outcome = match (classified.failure, answer.status) {
                    (Failure::Rejected, _) => ProbeOutcome::Rejected,
                    (Failure::Denied, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => ProbeOutcome::Limited,
                    (Failure::Exhausted, _) => ProbeOutcome::Exhausted,
                    (Failure::CallersFault, StatusCode::FORBIDDEN) => ProbeOutcome::RegionWrong,
                    (Failure::Denied | Failure::CallersFault, _) => ProbeOutcome::EndpointWrong,
                    (_, status) if status.is_redirection() => ProbeOutcome::EndpointWrong,
                    (
                        Failure::RateLimited
                        | Failure::Overloaded
                        | Failure::ServerError
                        | Failure::Unreachable
                        | Failure::TimedOut,
                        _,
                    ) => ProbeOutcome::Unreachable,
                };
                (outcome, Vec::new())
            }
        };
        Self { outcome, upstream_status: Some(answer.status.as_u16()), failure: None, models }
    }

    /// What was wrong and what to check, in our words; `None` after a pass.
    #[must_use]
    pub fn problem(&self, base_url: &BaseUrl, time: SystemTime) -> Option<CredentialProblem> {
        let reason = self.outcome.reason()?;
        let message = format!("{}; {}", self.what(base_url), self.advice());
        Some(CredentialProblem { reason: reason.to_owned(), upstream_status: self.upstream_status, message, time })
    }

    fn what(&self, base_url: &BaseUrl) -> String {
        let origin = base_url.origin();
        match (self.upstream_status, self.failure) {
            (Some(status), _) => format!("{origin} answered {status}"),
            (None, Some(failure)) => format!("{origin} gave no answer: {failure}"),
            (None, None) => format!("{origin} gave no answer in {} s", TIMEOUT.as_secs()),
        }
    }

    /// What to check.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match (self.outcome, self.upstream_status) {
            (ProbeOutcome::Served | ProbeOutcome::Passed, _) => "nothing is wrong",
            (ProbeOutcome::Recognized | ProbeOutcome::Unverifiable, _) => "the first use will tell",
            (ProbeOutcome::ModelUnknown, _) => {
                "check the model's name, and that the credential may use it: the provider knows no such model"
            }
            (ProbeOutcome::Limited, _) => {
                "the provider knows the credential, but does not let it list models: check its scopes if it should"
            }
            (ProbeOutcome::Rejected, _) => {
                "check that the value is whole, belongs to this provider, and was not revoked"
            }
            (ProbeOutcome::Exhausted, _) => "check the account's credit, quota and billing with the provider",
            (ProbeOutcome::EndpointWrong, None) => {
                "check the provider's base URL: this installation may not call that address"
            }
            (ProbeOutcome::EndpointWrong, Some(_)) => {
                "check the provider's base URL, its path included: no list of models is there"
            }
            (ProbeOutcome::RegionWrong, _) => {
                "the provider does not serve the place that this control plane calls from"
            }
            (ProbeOutcome::Unreachable, Some(429)) => "the account is asked too often just now: try again later",
            (ProbeOutcome::Unreachable, Some(_)) => "the provider has a fault of its own: try again later",
            (ProbeOutcome::Unreachable, None) => "check the host in the base URL, the network and the firewall",
            (ProbeOutcome::TlsFailed, _) => {
                "check that the port speaks TLS, and that its certificate is valid for the host and of a known authority"
            }
        }
    }
}

#[cfg(test)]
mod tests;
