//! Asking a provider whether it knows a credential.
//!
//! ```text
//! can a request carry the value? ─► a token, where it signs with one ─► the vendor's free check ─► a paid one, if a model is given
//!        │ no: nobody is asked          │ refused                         │ nothing free exists: the first use tells
//! ```
//!
//! Everything is bounded: the time, the bytes of an answer, the pages of a list.

mod ask;
mod plan;
mod result;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body_util::Full;
use shared::adapter::{AdapterKind, Call, Delivery, NoAddress, Operation, Place, adapter};
use shared::credential::CredentialValue;
use shared::dial::{CONNECT_TIMEOUT, Client, DialError, Dialer};
use shared::oauth::{Minter, Source};
use shared::secret::Secret;

use super::ProbeOutcome;
use crate::resource::Provider;

use ask::Asker;
use plan::{Check, Proof, plan};

pub use result::{ProbeResult, Stage};

/// How long a probe may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most pages of a list that are read.
const MOST_PAGES: usize = 20;
/// The most models of a list that are kept.
const MOST_MODELS: usize = 10_000;

/// Asks providers. Its clones share their connections and tokens.
#[derive(Debug, Clone)]
pub struct Prober {
    dialer: Dialer,
    client: Client<Full<Bytes>>,
    minter: Minter,
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
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// Headers that the provider adds to every request.
    pub request_headers: HeaderMap,
    /// The credential's value; `None` where the upstream wants none.
    pub value: Option<CredentialValue>,
    /// The second key.
    pub additional_key: Option<Secret>,
    /// One of the upstream's models, for a check that costs something; `None` asks for nothing that does.
    pub paid_check_model: Option<String>,
}

impl Question {
    /// What is asked of a provider about a value.
    #[must_use]
    pub fn of(provider: &Provider, value: Option<CredentialValue>) -> Self {
        Self {
            vendor: provider.vendor.clone(),
            adapter: provider.adapter,
            place: provider.place(),
            ca_certificates: provider.ca_certificates.clone(),
            connect_timeout: provider.timeouts.connect,
            request_headers: provider.request_headers.clone(),
            value,
            additional_key: None,
            paid_check_model: None,
        }
    }
}

impl Prober {
    /// Asks through a dialer, and gets tokens from a minter.
    #[must_use]
    pub fn new(dialer: &Dialer, minter: Minter) -> Self {
        Self { dialer: dialer.clone(), client: dialer.client(), minter }
    }

    /// Asks a provider about a credential.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind when the future is dropped.
    pub async fn probe(&self, question: &Question, now: SystemTime) -> ProbeResult {
        // What was found before the time ran out counts: a slow last page of a list takes no proof away.
        let mut found = None;
        match tokio::time::timeout(TIMEOUT, self.climb(question, now, &mut found)).await {
            Ok(result) => result,
            Err(_) => found.unwrap_or_else(|| ProbeResult::new(ProbeOutcome::Unreachable, Stage::Free)),
        }
    }

    async fn climb(&self, question: &Question, now: SystemTime, found: &mut Option<ProbeResult>) -> ProbeResult {
        let (check, proof) = plan(question);
        let asker = match self.asker(question, now).await {
            Ok(asker) => asker,
            Err(result) => return *result,
        };
        let free = match check {
            Check::ModelList => asker.list_models(proof, found).await,
            Check::Path(path) => asker.ask_path(path, proof).await,
            // It was minted just now.
            Check::TokenMint if asker.token.is_some() => ProbeResult::new(ProbeOutcome::Recognized, Stage::Token),
            Check::OpenList => asker.list_open_models().await,
            Check::TokenMint | Check::Nothing => ProbeResult::new(ProbeOutcome::Unverifiable, Stage::NothingToAsk),
        };
        match &question.paid_check_model {
            Some(model) if free.outcome.bad().is_none() && !free.outcome.is_unreached() => {
                ProbeResult { models: free.models, ..asker.pay(model).await }
            }
            Some(_) | None => free,
        }
    }

    /// Whoever asks, with a token that was minted just now where the value signs with one.
    async fn asker<'q>(&self, question: &'q Question, now: SystemTime) -> Result<Asker<'q>, Box<ProbeResult>> {
        let adapter = adapter(question.adapter);
        let client = self.client(question).map_err(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a provider's certificate authorities can't be used"
            );
            Box::new(ProbeResult::new(ProbeOutcome::TlsFailed, Stage::Free))
        })?;
        let token = match &question.value {
            Some(value) => {
                let source = Source { adapter, place: &question.place, value };
                let minted = self.minter.fresh(source, now).await;
                minted.map_err(|error| Box::new(ProbeResult::of_mint_error(&error)))?
            }
            None => None,
        };
        Ok(Asker { client, adapter, question, token, now })
    }

    /// A provider with authorities or a timeout of its own gets a client of its own, for this probe.
    fn client(&self, question: &Question) -> Result<Client<Full<Bytes>>, DialError> {
        if question.ca_certificates.is_empty() && question.connect_timeout == CONNECT_TIMEOUT {
            return Ok(self.client.clone());
        }
        Ok(self.dialer.for_provider(&question.ca_certificates, question.connect_timeout)?.client())
    }
}

impl Asker<'_> {
    /// The list of models, page by page. The first page is what proves something; what goes wrong after it only ends the list.
    async fn list_models(&self, proof: Proof, found: &mut Option<ProbeResult>) -> ProbeResult {
        let mut page = None;
        for _ in 0..MOST_PAGES {
            let answer = match self.address(Operation::ListModels, "", page.as_deref()) {
                Ok(uri) => self.get(uri).await,
                Err(problem) => return found.take().unwrap_or_else(|| ProbeResult::of_no_address(problem)),
            };
            let answer = match answer {
                Ok(answer) => answer,
                Err(problem) => {
                    return found.take().unwrap_or_else(|| ProbeResult::of_no_answer(self.question, problem));
                }
            };
            let result = ProbeResult::of_free(self.adapter, &answer, proof, self.now);
            if !matches!(result.outcome, ProbeOutcome::Passed | ProbeOutcome::Recognized) || !answer.status.is_success()
            {
                return found.take().unwrap_or_else(|| result.with_likely_fix(self.question, &answer));
            }
            let Ok(read) = self.adapter.read_models(&answer.body) else {
                let wrong = ProbeResult { outcome: ProbeOutcome::EndpointWrong, ..result };
                return found.take().unwrap_or_else(|| wrong.with_likely_fix(self.question, &answer));
            };
            let so_far = found.get_or_insert(result);
            let room = MOST_MODELS.saturating_sub(so_far.models.len());
            so_far.models.extend(read.models.into_iter().take(room));
            if read.next.is_none() || read.next == page || so_far.models.len() >= MOST_MODELS {
                break;
            }
            page = read.next;
        }
        found.take().unwrap_or_else(|| ProbeResult::new(ProbeOutcome::Unreachable, Stage::Free))
    }

    /// A list that is open to everybody: it may refuse a credential, but not approve of one.
    async fn list_open_models(&self) -> ProbeResult {
        let listed = self.list_models(Proof::Works, &mut None).await;
        match listed.outcome {
            ProbeOutcome::Rejected | ProbeOutcome::Exhausted => listed,
            _ if listed.stage == Stage::Value => listed,
            _ => {
                let models = listed.models;
                ProbeResult { models, ..ProbeResult::new(ProbeOutcome::Unverifiable, Stage::NothingToAsk) }
            }
        }
    }

    /// A path of the vendor's own, and then the list, which is open to everybody and proves nothing more.
    async fn ask_path(&self, path: &str, proof: Proof) -> ProbeResult {
        let answer = match self.get(self.question.place.base_url.with_path(path)).await {
            Ok(answer) => answer,
            Err(problem) => return ProbeResult::of_no_answer(self.question, problem),
        };
        let result = ProbeResult::of_free(self.adapter, &answer, proof, self.now);
        if result.outcome != ProbeOutcome::Passed {
            return result.with_likely_fix(self.question, &answer);
        }
        let listed = self.list_models(proof, &mut None).await;
        ProbeResult { models: listed.models, ..result }
    }

    /// The cheapest chat with a model.
    async fn pay(&self, model: &str) -> ProbeResult {
        let uri = match self.address(Operation::Chat, model, None) {
            Ok(uri) => uri,
            Err(problem) => return ProbeResult::of_no_address(problem),
        };
        match self.post(uri, self.adapter.paid_check(model)).await {
            Ok(answer) => ProbeResult::of_paid(self.adapter, &answer, self.now),
            Err(problem) => ProbeResult::of_no_answer(self.question, problem).at(Stage::Paid),
        }
    }

    fn address(&self, operation: Operation, model: &str, page: Option<&str>) -> Result<Uri, NoAddress> {
        let key = self.question.value.as_ref().map(CredentialValue::kind);
        let call = Call { operation, model, delivery: Delivery::Whole, page };
        self.adapter.address(&self.question.place, key, call)
    }
}

#[cfg(test)]
mod tests;
