//! The adapters: how to address, sign, classify and probe, for each API that an upstream may speak.
//!
//! Both planes use them, the control plane to probe credentials and the data plane to serve. They are pure: none awaits, reads a clock,
//! logs or holds a client; a token that has to be fetched ([`TokenRequest`]) is an input.

mod anthropic;
mod azure_openai;
mod bedrock;
mod classify;
mod cohere;
mod error_body;
mod gemini;
mod header;
mod hint;
mod key;
mod openai;
mod place;
mod segment;
#[cfg(test)]
mod testing;
mod vertex;
mod wording;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};

use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;
use crate::secret::Secret;

pub use place::{OpenAiApi, Place, Settings, SettingsError};
pub use segment::is_plain_path;

/// Which API an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdapterKind {
    /// OpenAI's API, and everything that is compatible with it.
    OpenAi,
    /// OpenAI's API at Azure's URLs.
    AzureOpenAi,
    /// Anthropic's Messages.
    Anthropic,
    /// Gemini's API, as AI Studio serves it.
    Gemini,
    /// Gemini's API at Vertex AI's URLs.
    Vertex,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// Cohere's API, version 2.
    Cohere,
}

/// The form of requests, answers and streams. Callers speak one and so does every adapter; where the two are the same, the bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
    /// Bedrock Converse's.
    Bedrock,
    /// Cohere's.
    Cohere,
}

/// What is asked of an upstream. Not every adapter has every one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A conversation's next message: chat completions, messages, generateContent, converse, chat.
    Chat,
    /// A legacy text completion.
    Completion,
    /// OpenAI's responses.
    Responses,
    /// Embeddings: of Gemini's, of one text.
    Embeddings,
    /// Gemini's embeddings of several texts.
    EmbeddingBatch,
    /// A call of a model that is no conversation, in the model's own form: Vertex AI's.
    Predict,
    /// The same: Bedrock's.
    Invoke,
    /// How many tokens a chat would have.
    CountTokens,
    /// Documents in the order of their relevance.
    Rerank,
    /// What only OpenAI's API has: its bytes pass, and come from a provider of its format.
    OpenAiOnly(OpenAiRoute),
    /// A page of the list of models: free, and so the probe of a credential.
    ListModels,
}

/// A route of OpenAI's API that no other format has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenAiRoute {
    /// Images from a text.
    ImageGeneration,
    /// Images from images and a text.
    ImageEdit,
    /// Images from an image.
    ImageVariation,
    /// Speech from a text.
    Speech,
    /// A text from speech.
    Transcription,
    /// An English text from speech.
    Translation,
    /// Whether a text is harmful.
    Moderation,
}

impl OpenAiRoute {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::ImageGeneration,
        Self::ImageEdit,
        Self::ImageVariation,
        Self::Speech,
        Self::Transcription,
        Self::Translation,
        Self::Moderation,
    ];

    /// Its path below the base URL.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ImageGeneration => "/images/generations",
            Self::ImageEdit => "/images/edits",
            Self::ImageVariation => "/images/variations",
            Self::Speech => "/audio/speech",
            Self::Transcription => "/audio/transcriptions",
            Self::Translation => "/audio/translations",
            Self::Moderation => "/moderations",
        }
    }
}

/// Whether an answer comes whole or as a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Whole.
    Whole,
    /// Event by event.
    Stream,
}

/// One thing that is asked of an upstream.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What.
    pub operation: Operation,
    /// Of which of the upstream's models; empty for [`Operation::ListModels`]. It may be a caller's own text: an adapter escapes it.
    pub model: &'a str,
    /// How the answer comes.
    pub delivery: Delivery,
    /// Which page of a list, as [`ModelPage::next`] named it; `None` for the first.
    pub page: Option<&'a str>,
}

/// An adapter that has no such operation, or a provider that lacks what its address needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// The API has nothing of the kind.
    #[error("the API has no such operation")]
    Unsupported,
    /// The provider says nothing of something that stands in its URLs.
    #[error("the provider lacks {0}, which stands in its URLs")]
    Lacks(&'static str),
    /// The model's name is empty, too long, or one that programs resolve in a path.
    #[error("the model's name can't stand in a URL")]
    Model,
    /// The path leads elsewhere than it says.
    #[error("the path can't stand behind a base URL: it has no / at its beginning, or a segment that programs resolve")]
    Path,
}

/// What signs a request.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The credential's value.
    pub value: &'a CredentialValue,
    /// The token minted from it, where [`Adapter::token_request`] asks for one.
    pub token: Option<&'a Secret>,
    /// A second key, for providers that want two.
    pub additional: Option<&'a Secret>,
}

/// A request before it is signed. `host` is not among its headers: it is the URI's.
#[derive(Debug)]
pub struct Unsigned<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Where it goes.
    pub uri: &'a Uri,
    /// Its headers, which get the signature.
    pub headers: &'a mut HeaderMap,
    /// Its body's bytes, in parts that follow each other.
    pub body: &'a [Bytes],
    /// The time that a signature names.
    pub now: SystemTime,
}

/// How a short-lived token is fetched: a form that is posted.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Where to.
    pub uri: Uri,
    /// The form, `application/x-www-form-urlencoded`. It holds a secret or an assertion signed with one.
    pub form: Secret,
}

/// How a credential can be validated without cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeCheck {
    /// By the list of models: an answer proves the credential.
    ModelList,
    /// By minting a token, which proves that the credential is genuine, not that it may use a model.
    TokenMint,
    /// Not at all: the first use tells.
    None,
}

/// Some of the models that a credential can list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPage {
    /// The upstream's own names for them, as callers would ask for them, in the answer's order.
    pub models: Vec<String>,
    /// What names the next page; `None` on the last.
    pub next: Option<String>,
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
    /// The form of its requests, answers and streams.
    fn format(&self) -> Format;

    /// Where a call goes. No input but configuration goes into scheme, host and port; a model's name is escaped.
    ///
    /// # Errors
    ///
    /// When the API has no such operation, or the provider lacks what stands in the URL.
    fn address(&self, place: &Place, key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress>;

    /// Where a path of the caller's is, with its query, for calls whose addresses the API has too many of to name: below the base URL. It
    /// begins with `/`, and is one that [`is_plain_path`] takes.
    ///
    /// # Errors
    ///
    /// When it is no such path.
    fn address_below(&self, place: &Place, path: &str) -> Result<Uri, NoAddress> {
        if is_plain_path(path) { Ok(place.base_url.with_path(path)) } else { Err(NoAddress::Path) }
    }

    /// Which of OpenAI's two ways to write conversations a place has, where its settings tell; `None` where they don't.
    fn openai_api(&self, _place: &Place) -> Option<OpenAiApi> {
        None
    }

    /// How the token is fetched that a value of this type signs with; `None` where it signs by itself.
    ///
    /// # Errors
    ///
    /// When the value can't make one.
    fn token_request(
        &self,
        place: &Place,
        value: &CredentialValue,
        now: SystemTime,
    ) -> Result<Option<TokenRequest>, UnfitSecret>;

    /// Adds the credential to a request's headers, marked sensitive, in place of whatever stood there. It is the last thing done to the
    /// headers.
    ///
    /// # Errors
    ///
    /// When no header can carry the secret, the type is none that the API takes, or the token is missing.
    fn sign(&self, place: &Place, key: Key<'_>, request: Unsigned<'_>) -> Result<(), UnfitSecret>;

    /// Adds what the API wants in every request beside a credential, where the caller gave none. [`sign`](Self::sign) does it too; it is for
    /// requests that nothing signs.
    fn complete_headers(&self, _headers: &mut HeaderMap) {}

    /// The header in which a caller's own provider key comes and goes in pass-through mode; `None` where the API's keys sign, or mint.
    fn own_key_header(&self, place: &Place) -> Option<HeaderName>;

    /// What an answer means: `None` for a success. `body` may be cut or empty; `now` is for hints that are dates.
    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified>;

    /// How a credential of the type can be validated without cost.
    fn free_check(&self, kind: CredentialType) -> FreeCheck;

    /// The models in an answer to [`Operation::ListModels`].
    ///
    /// # Errors
    ///
    /// When the answer is not such a list.
    fn read_models(&self, body: &[u8]) -> Result<ModelPage, NotAModelList>;

    /// The body of the cheapest chat with a model: the probe that costs something, which is made only when it is asked for.
    fn paid_check(&self, model: &str) -> Bytes;

    /// Whether a header of the caller's may go upstream. Names are lower case; hop-by-hop headers and those with keys never get here.
    fn forwards_request_header(&self, name: &str) -> bool;

    /// Whether such a header says whose account a request is for, so that it may go with the caller's own key only: beside ours a caller could
    /// name another account with it, and have our key refused.
    fn belongs_to_the_key(&self, _name: &str) -> bool {
        false
    }

    /// Whether a header of the upstream's may go to the caller.
    fn forwards_response_header(&self, name: &str) -> bool;
}

/// A secret that can't sign a request. It says nothing of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value can't sign a request: it holds characters that a header can't carry, or is of another type")]
pub struct UnfitSecret;

/// The adapter of a kind.
#[must_use]
pub fn adapter(kind: AdapterKind) -> &'static dyn Adapter {
    match kind {
        AdapterKind::OpenAi => &openai::OpenAi,
        AdapterKind::AzureOpenAi => &azure_openai::AzureOpenAi,
        AdapterKind::Anthropic => &anthropic::Anthropic,
        AdapterKind::Gemini => &gemini::Gemini,
        AdapterKind::Cohere => &cohere::Cohere,
        AdapterKind::Vertex => &vertex::Vertex,
        AdapterKind::Bedrock => &bedrock::Bedrock,
    }
}

impl AdapterKind {
    /// Every kind, in the order of the design's list.
    pub const ALL: [Self; 7] =
        [Self::OpenAi, Self::Anthropic, Self::Gemini, Self::Vertex, Self::Bedrock, Self::AzureOpenAi, Self::Cohere];

    /// Its name, `azure-openai` and its like.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::AzureOpenAi => "azure-openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
        }
    }
}
