//! Where a provider's calls go, each worked out once.
//!
//! Addresses are kept in a list that only grows, so that a request finds its own without a lock and without making anything. What callers
//! can name without end, the models of a provider that exposes all of them, is not kept.

use std::sync::{Arc, OnceLock};

use http::Uri;
use shared::adapter::{Adapter, Call, Delivery, NoAddress, Operation, Place};
use shared::base_url::Origin;
use shared::credential::CredentialType;

use crate::snapshot::resource::Dialing;

/// How many addresses are kept. A request looks through them from the first.
const MOST: usize = 64;

/// Where one provider is.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// Names the connections that its requests may use.
    pool: Box<str>,
    varies: Varies,
    first: OnceLock<Box<Entry>>,
}

/// Whether a URL names the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Varies {
    ByModel,
    Not,
}

/// Which model a call is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ModelOf<'a> {
    /// One of a target: there are as many as an admin wrote.
    Target(&'a Arc<str>),
    /// One that a caller named.
    Caller(&'a str),
}

/// What an address depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Where<'a> {
    pub(crate) operation: Operation,
    pub(crate) delivery: Delivery,
    pub(crate) key: Option<CredentialType>,
    pub(crate) model: ModelOf<'a>,
}

#[derive(Debug)]
struct Entry {
    operation: Operation,
    delivery: Delivery,
    key: Option<CredentialType>,
    model: Option<Arc<str>>,
    uri: Result<Uri, NoAddress>,
    next: OnceLock<Box<Self>>,
}

impl Addresses {
    pub(super) fn new(adapter: &dyn Adapter, place: &Place, dialing: &Dialing) -> Self {
        let chat = |model| {
            let call = Call { operation: Operation::Chat, model, delivery: Delivery::Whole, page: None };
            adapter.address(place, None, call)
        };
        let varies = match (chat("a"), chat("b")) {
            (Ok(one), Ok(other)) if one == other => Varies::Not,
            _ => Varies::ByModel,
        };
        Self { pool: pool(&place.base_url.origin(), dialing), varies, first: OnceLock::new() }
    }

    /// Names the connections that requests to the provider may use: those to its origin, made as it asks.
    pub(crate) fn pool(&self) -> &str {
        &self.pool
    }

    /// Where a call goes.
    pub(super) fn find(&self, adapter: &dyn Adapter, place: &Place, wanted: Where<'_>) -> Result<Uri, NoAddress> {
        let Where { operation, delivery, key, model } = wanted;
        let name = match model {
            ModelOf::Target(model) => model,
            ModelOf::Caller(model) => model,
        };
        let make = || adapter.address(place, key, Call { operation, model: name, delivery, page: None });
        let kept = match (self.varies, model) {
            (Varies::Not, _) => None,
            (Varies::ByModel, ModelOf::Target(model)) => Some(model),
            (Varies::ByModel, ModelOf::Caller(_)) => return make(),
        };
        let new =
            || Box::new(Entry { operation, delivery, key, model: kept.cloned(), uri: make(), next: OnceLock::new() });
        let mut place = &self.first;
        for _ in 0..MOST {
            let entry = place.get_or_init(new);
            if entry.is_for(operation, delivery, key, kept) {
                return entry.uri.clone();
            }
            place = &entry.next;
        }
        make()
    }
}

impl Entry {
    fn is_for(
        &self,
        operation: Operation,
        delivery: Delivery,
        key: Option<CredentialType>,
        model: Option<&Arc<str>>,
    ) -> bool {
        self.operation == operation && self.delivery == delivery && self.key == key && self.model.as_ref() == model
    }
}

/// Connections made in different ways are not shared, or one provider's certificate authorities would count for another.
fn pool(origin: &Origin, dialing: &Dialing) -> Box<str> {
    if *dialing == Dialing::default() {
        return origin.as_str().into();
    }
    let authorities = dialing.ca_certificates.as_deref().unwrap_or_default();
    format!("{}\n{}\n{authorities}", origin.as_str(), dialing.connect_timeout.as_millis()).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::adapter::{AdapterKind, Settings, adapter};
    use shared::address::AddressPolicy;
    use shared::base_url::BaseUrl;

    use super::*;

    fn place() -> Place {
        Place {
            base_url: BaseUrl::parse(AdapterKind::OpenAi, "https://h.example/v1", AddressPolicy::Public).unwrap(),
            region: None,
            settings: Settings::default(),
            key_header: None,
            additional_key_header: None,
        }
    }

    #[test]
    fn an_address_is_worked_out_once() {
        let (adapter, place) = (adapter(AdapterKind::OpenAi), place());
        let addresses = Addresses::new(adapter, &place, &Dialing::default());
        let find = |operation, model: &str| {
            let model = ModelOf::Caller(model);
            addresses.find(adapter, &place, Where { operation, delivery: Delivery::Whole, key: None, model })
        };
        for _ in 0..2 {
            for model in ["a", "b"] {
                assert_eq!(find(Operation::Chat, model).unwrap(), "https://h.example/v1/chat/completions");
                assert_eq!(find(Operation::Embeddings, model).unwrap(), "https://h.example/v1/embeddings");
                assert_eq!(find(Operation::Rerank, model), Err(NoAddress::Unsupported));
            }
        }
        let kept = std::iter::successors(addresses.first.get(), |entry| entry.next.get()).count();
        assert_eq!(kept, 3);
    }

    #[test]
    fn connections_are_shared_by_those_who_make_them_alike() {
        let pool = |dialing| Addresses::new(adapter(AdapterKind::OpenAi), &place(), &dialing).pool().to_owned();
        let slow = Dialing { connect_timeout: Duration::from_secs(9), ..Dialing::default() };
        let trusting = Dialing { ca_certificates: Some("pem".into()), ..Dialing::default() };
        assert_eq!(pool(Dialing::default()), "https://h.example");
        assert_ne!(pool(slow.clone()), pool(Dialing::default()));
        assert_ne!(pool(trusting), pool(slow));
    }
}
