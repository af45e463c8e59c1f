//! What can be asked about a credential at no cost, and what an answer proves.

use shared::adapter::{AdapterKind, FreeCheck, adapter};
use shared::credential::CredentialType;

use super::Question;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The list of models.
    ModelList,
    /// A path of the vendor's own below the base URL, since its list is open to everybody.
    Path(&'static str),
    /// A token, minted anew.
    TokenMint,
    /// Nothing.
    Nothing,
}

/// What a good answer proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// That the credential works.
    Works,
    /// That it is genuine; whether it may use a model, its first use tells.
    Genuine,
}

/// What is asked of whoever the question is about, and what the answer proves.
pub(super) fn plan(question: &Question) -> (Check, Proof) {
    let kind = question.value.as_ref().map_or(CredentialType::ApiKey, |value| value.kind());
    let check = match adapter(question.adapter).free_check(kind) {
        FreeCheck::ModelList => Check::ModelList,
        FreeCheck::TokenMint => Check::TokenMint,
        FreeCheck::None => Check::Nothing,
    };
    (check, proof(question.adapter))
}

/// Bedrock and Azure list what there is, not what the credential may use; Vertex lists nothing.
fn proof(adapter: AdapterKind) -> Proof {
    match adapter {
        AdapterKind::OpenAi | AdapterKind::Anthropic | AdapterKind::Gemini | AdapterKind::Cohere => Proof::Works,
        AdapterKind::AzureOpenAi | AdapterKind::Vertex | AdapterKind::Bedrock => Proof::Genuine,
    }
}
