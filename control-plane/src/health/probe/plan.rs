//! What can be asked about a credential at no cost, and what an answer proves.

use shared::adapter::{AdapterKind, FreeCheck, adapter};
use shared::catalog::{self, Validation};
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
    /// The list of models, which is open to everybody: for the models only.
    OpenList,
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
    let Some(value) = &question.value else {
        // Without a credential the list shows that the upstream is there, which is all that there is to show.
        return (Check::ModelList, Proof::Works);
    };
    let of_adapter = of_adapter(question.adapter, value.kind());
    let entry = catalog::entry(&question.vendor).filter(|entry| entry.adapter == question.adapter);
    let Some(entry) = entry else { return (of_adapter, proof(question.adapter)) };
    let check = match entry.check {
        catalog::Check::Path(path) => Check::Path(path),
        catalog::Check::Nothing if entry.lists_models => Check::OpenList,
        catalog::Check::Nothing => Check::Nothing,
        // By the type of the credential: not every one mints, or lists.
        catalog::Check::ModelList | catalog::Check::TokenMint => of_adapter,
    };
    let proof = match entry.validation {
        Validation::Free => Proof::Works,
        Validation::OnFirstUse => Proof::Genuine,
    };
    (check, proof)
}

fn of_adapter(kind: AdapterKind, credential: CredentialType) -> Check {
    match adapter(kind).free_check(credential) {
        FreeCheck::ModelList => Check::ModelList,
        FreeCheck::TokenMint => Check::TokenMint,
        FreeCheck::None => Check::Nothing,
    }
}

/// Of vendors that are not known. Bedrock and Azure list what there is, not what the credential may use; Vertex lists nothing.
fn proof(adapter: AdapterKind) -> Proof {
    match adapter {
        AdapterKind::OpenAi | AdapterKind::Anthropic | AdapterKind::Gemini | AdapterKind::Cohere => Proof::Works,
        AdapterKind::AzureOpenAi | AdapterKind::Vertex | AdapterKind::Bedrock => Proof::Genuine,
    }
}
