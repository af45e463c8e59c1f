//! What is peculiar to a model, worked out once for as long as its provider stays the same, and what that says of a request.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use arc_swap::ArcSwapOption;
use shared::adapter::{OpenAiApi, Operation};

use super::Stop;
use crate::exchange::manner::Manner;
use crate::protocol::Dialect;
use crate::snapshot::resource::{BodyChanges, Defaults, Fields, Peculiar, Provider};

/// What a target knows of its model. A route is not made anew when a provider changes, so it is found out when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Known {
    last: ArcSwapOption<Of>,
}

#[derive(Debug)]
struct Of {
    /// Names the provider and keeps nothing of it.
    provider: Weak<Provider>,
    peculiar: Arc<Peculiar>,
}

impl Known {
    /// Of a model of this provider as it is now. Without a lock; requests that find another provider work it out each for itself.
    pub(super) fn of(&self, provider: &Arc<Provider>, model: &str) -> Arc<Peculiar> {
        let last = self.last.load();
        match last.as_ref().filter(|last| Weak::as_ptr(&last.provider) == Arc::as_ptr(provider)) {
            Some(last) => Arc::clone(&last.peculiar),
            None => {
                let peculiar = Arc::new(Peculiar::new(provider, model));
                let of = Of { provider: Arc::downgrade(provider), peculiar: Arc::clone(&peculiar) };
                self.last.store(Some(Arc::new(of)));
                peculiar
            }
        }
    }
}

/// How many models of one provider are remembered that callers named, and how long a name may be for it: they may name what they like.
const MOST_NAMED: usize = 256;
const LONGEST_NAME: usize = 256;

/// What is peculiar to those of a provider's models that callers name themselves.
#[derive(Debug, Default)]
pub(super) struct Named {
    known: ArcSwapOption<HashMap<Arc<str>, Arc<Peculiar>>>,
}

impl Named {
    /// Of a model, with its name. Without a lock; where there is no more room, it begins anew.
    pub(super) fn of(&self, provider: &Provider, model: &str) -> (Arc<str>, Arc<Peculiar>) {
        let known = self.known.load();
        if let Some((model, peculiar)) = known.as_ref().and_then(|known| known.get_key_value(model)) {
            return (Arc::clone(model), Arc::clone(peculiar));
        }
        let (model, peculiar) = (Arc::<str>::from(model), Arc::new(Peculiar::new(provider, model)));
        if model.len() <= LONGEST_NAME {
            let mut known = match &*known {
                Some(known) if known.len() < MOST_NAMED => HashMap::clone(known),
                Some(_) | None => HashMap::new(),
            };
            known.insert(Arc::clone(&model), Arc::clone(&peculiar));
            self.known.store(Some(Arc::new(known)));
        }
        (model, peculiar)
    }
}

impl Stop {
    /// What is peculiar to the upstream and its model.
    pub(crate) fn manner(&self) -> &Manner {
        &self.peculiar.manner
    }

    /// Which of OpenAI's two ways to write conversations a request is written in that comes in neither, or in one that the provider lacks;
    /// and which of them the provider has.
    pub(crate) fn openai_api(&self) -> OpenAiApi {
        self.peculiar.openai_api
    }

    /// What changes in the body of a request for this, in the provider's own format: the fields that the model refuses, or calls otherwise.
    pub(crate) fn fields(&self, operation: Operation) -> &Fields {
        static NONE: Fields = Fields::NONE;
        self.changes(operation).map_or(&NONE, |changes| &changes.fields)
    }

    /// What is set in the body of a request for this where it is absent: fields of what generates text, which other requests don't have.
    pub(crate) fn defaults(&self, operation: Operation) -> &Defaults {
        static NONE: LazyLock<Defaults> = LazyLock::new(Defaults::default);
        match self.changes(operation) {
            Some(changes) => &changes.defaults,
            None if operation == Operation::Completion => &self.upstream.provider.edits.request_defaults,
            None => &NONE,
        }
    }

    /// Only conversations have rules.
    fn changes(&self, operation: Operation) -> Option<&BodyChanges> {
        match Dialect::of(self.upstream.format, operation)? {
            Dialect::Responses => Some(&self.peculiar.responses),
            Dialect::Chat | Dialect::Anthropic | Dialect::Gemini | Dialect::Bedrock | Dialect::Cohere => {
                Some(&self.peculiar.chat)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::adapter::{AdapterKind, Place, Settings};
    use shared::address::AddressPolicy;
    use shared::base_url::BaseUrl;

    use super::*;

    fn provider() -> Provider {
        let base_url = BaseUrl::parse(AdapterKind::OpenAi, "https://h.example/v1", AddressPolicy::Public).unwrap();
        let settings = Settings::default();
        Provider::new(
            AdapterKind::OpenAi,
            Place { base_url, region: None, settings, key_header: None, additional_key_header: None },
        )
    }

    #[test]
    fn a_model_that_is_named_again_is_known_and_of_many_only_some_are() {
        let (provider, named) = (provider(), Named::default());
        let (name, peculiar) = named.of(&provider, "m");
        let (again, known) = named.of(&provider, "m");
        assert!(Arc::ptr_eq(&name, &again) && Arc::ptr_eq(&peculiar, &known));

        let long = "m".repeat(LONGEST_NAME + 1);
        assert_eq!(*named.of(&provider, &long).0, *long);
        assert!(!named.known.load_full().unwrap().contains_key(&*long));

        for number in 0..3 * MOST_NAMED {
            let model = format!("m{number}");
            assert_eq!(*named.of(&provider, &model).0, *model);
            assert!((1..=MOST_NAMED).contains(&named.known.load_full().unwrap().len()));
        }
    }
}
