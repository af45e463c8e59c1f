//! The adapters: how to address, sign, classify and probe, for each API that an upstream may speak.
//!
//! Both planes use them, the control plane to probe credentials and the data plane to serve. They are pure: none awaits, reads a clock,
//! logs or holds a client.

mod hint;
mod openai;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, Uri};

use crate::base_url::BaseUrl;
use crate::failure::Failure;
use crate::secret::Secret;

/// Which API an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdapterKind {
    /// OpenAI's API.
    OpenAi,
}

/// What is asked of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A chat completion.
    Chat,
    /// A legacy text completion.
    Completion,
    /// Embeddings.
    Embeddings,
    /// The list of models: free, and so the probe of a credential.
    ListModels,
}

/// What an upstream's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// The failure word.
    pub failure: Failure,
    /// How long the provider asks to wait, capped at ten minutes; `None` where it says nothing.
    pub retry_after: Option<Duration>,
    /// The provider's error code, if it is one of those that we know.
    pub provider_code: Option<&'static str>,
}

/// Why an answer to a model list could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not a list of models")]
pub struct NotAModelList;

/// One API that upstreams speak.
pub trait Adapter: std::fmt::Debug + Send + Sync {
    /// Where an operation goes: the base URL with the operation's path. No input but configuration goes into it.
    fn address(&self, base: &BaseUrl, operation: Operation) -> Uri;

    /// Adds the credential to a request's headers, marked sensitive, in place of whatever stood there.
    ///
    /// # Errors
    ///
    /// When no header can carry the secret.
    fn sign(&self, secret: &Secret, headers: &mut HeaderMap) -> Result<(), UnfitSecret>;

    /// What an answer means: `None` for a success. `body` may be cut or empty; `now` is for hints that are dates.
    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified>;

    /// The ids in an answer to [`Operation::ListModels`], in the answer's order.
    ///
    /// # Errors
    ///
    /// When the answer is not such a list.
    fn read_models(&self, body: &[u8]) -> Result<Vec<String>, NotAModelList>;

    /// Whether a header of the caller's may go upstream. Names are lower case; hop-by-hop headers and those with keys never get here.
    fn forwards_request_header(&self, name: &str) -> bool;

    /// Whether a header of the upstream's may go to the caller.
    fn forwards_response_header(&self, name: &str) -> bool;
}

/// A secret that no header can carry. It says nothing of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value holds characters that a header can't carry")]
pub struct UnfitSecret;

/// The adapter of a kind.
#[must_use]
pub fn adapter(kind: AdapterKind) -> &'static dyn Adapter {
    match kind {
        AdapterKind::OpenAi => &openai::OpenAi,
    }
}
