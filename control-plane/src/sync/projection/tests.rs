//! Random admin histories against the oracle: the naive difference of two whole states.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::credential::CredentialType;
use shared::revision::{Epoch, Revision, StoreId};
use shared::secret::Secret;

use super::*;
use crate::resource::{
    CallerKey, Credential, CredentialStatus, Destinations, Environment, ExposedModel, Health, HeldValue, Meta, Model,
    Provider, Resource, Stored, StoredValue, Target, Weight, key,
};
use crate::store::seal::{Binding, SealError, Sealed};
use crate::store::{Change, Committed, Identity};

/// Values in clear, for tests: the "ciphertext" is the value; an empty one does not open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

impl OpenValue for Plain {
    fn open(&self, sealed: &Sealed, _binding: Binding<'_>) -> Result<Secret, SealError> {
        if sealed.ciphertext.is_empty() {
            return Err(SealError::DoesNotOpen);
        }
        Ok(Secret::new(sealed.ciphertext.clone()))
    }
}

/// Ids that stand in no other text, so that a leak can be found.
const PROVIDERS: [&str; 3] = ["alphaprovider", "betaprovider", "gammaprovider"];
pub(crate) const ENVIRONMENTS: [&str; 3] = ["production", "staging", "canary"];

/// One admin's operation. Numbers choose among the few names.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    PutEnvironment(usize),
    DeleteEnvironment(usize),
    PutProvider { provider: usize, environments: [bool; 3], enabled: bool, moved: bool },
    DeleteProvider(usize),
    PutCredential { provider: usize, credential: usize, disabled: bool, value: Option<u8>, moved: bool },
    DeleteCredential { provider: usize, credential: usize },
    Observe { provider: usize, credential: usize, health: Health },
    PutModel { model: usize, targets: [bool; 3], environments: [bool; 3] },
    DeleteModel(usize),
    PutCallerKey { key: usize, environment: usize, disabled: bool },
    DeleteCallerKey(usize),
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let health = prop_oneof![Just(Health::Active), Just(Health::Inactive), Just(Health::Unverified)];
    prop_oneof![
        1 => (0..3_usize).prop_map(Operation::PutEnvironment),
        1 => (0..3_usize).prop_map(Operation::DeleteEnvironment),
        4 => (0..3_usize, any::<[bool; 3]>(), any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(provider, environments, enabled, moved)| Operation::PutProvider { provider, environments, enabled, moved }
        ),
        1 => (0..3_usize).prop_map(Operation::DeleteProvider),
        5 => (0..3_usize, 0..2_usize, prop::bool::weighted(0.2), prop::option::weighted(0.9, any::<u8>()), prop::bool::weighted(0.1))
            .prop_map(|(provider, credential, disabled, value, moved)| Operation::PutCredential {
                provider, credential, disabled, value, moved
            }),
        2 => (0..3_usize, 0..2_usize).prop_map(|(provider, credential)| Operation::DeleteCredential { provider, credential }),
        3 => (0..3_usize, 0..2_usize, health)
            .prop_map(|(provider, credential, health)| Operation::Observe { provider, credential, health }),
        4 => (0..2_usize, any::<[bool; 3]>(), any::<[bool; 3]>())
            .prop_map(|(model, targets, environments)| Operation::PutModel { model, targets, environments }),
        1 => (0..2_usize).prop_map(Operation::DeleteModel),
        3 => (0..2_usize, 0..3_usize, any::<bool>())
            .prop_map(|(key, environment, disabled)| Operation::PutCallerKey { key, environment, disabled }),
        1 => (0..2_usize).prop_map(Operation::DeleteCallerKey),
    ]
}

pub(crate) fn history() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..60)
}

/// A view with its environments and nothing else.
pub(crate) fn first_view() -> View {
    let identity = Identity { store_id: StoreId([1; 16]), epoch: Epoch([2; 16]) };
    ENVIRONMENTS.iter().enumerate().fold(View::empty(identity), |view, (at, _)| {
        let (view, _) = apply(&view, &Operation::PutEnvironment(at));
        view
    })
}

/// The view after an operation, and the keys that it changed.
pub(crate) fn apply(view: &View, operation: &Operation) -> (View, BTreeSet<Key>) {
    let revision = view.revision.next();
    let changes = changes(view, operation, revision);
    let keys = changes.iter().filter_map(|change| Key::of_record(&change.key)).collect();
    let committed = Committed { revision, time: SystemTime::UNIX_EPOCH, changes };
    (view.apply(&committed).unwrap(), keys)
}

pub(crate) fn environment(at: usize) -> EnvironmentName {
    format!("projects/p/environments/{}", ENVIRONMENTS[at]).parse().unwrap()
}

fn provider(at: usize) -> ProviderName {
    format!("projects/p/providers/{}", PROVIDERS[at]).parse().unwrap()
}

fn credential(at: usize, credential: usize) -> CredentialName {
    provider(at).credential(&format!("c{credential}")).unwrap()
}

fn url(at: usize, moved: bool) -> BaseUrl {
    let text = format!("https://{}{}.example/v1", PROVIDERS[at], if moved { "-moved" } else { "" });
    BaseUrl::parse(AdapterKind::OpenAi, &text, AddressPolicy::AllowPrivate).unwrap()
}

fn chosen<T>(choice: [bool; 3], make: impl Fn(usize) -> T) -> impl Iterator<Item = T> {
    choice.into_iter().enumerate().filter(|(_, chosen)| *chosen).map(move |(at, _)| make(at))
}

pub(crate) fn changes(view: &View, operation: &Operation, revision: Revision) -> Vec<Change> {
    match operation.clone() {
        Operation::PutEnvironment(at) => vec![put(environment(at), revision, Environment { display_name: "e".into() })],
        Operation::DeleteEnvironment(at) => vec![delete(&environment(at))],
        Operation::PutProvider { provider: at, environments, enabled, moved } => {
            let spec = Provider {
                vendor: "openai".into(),
                enabled,
                environments: chosen(environments, environment).collect(),
                exposed_models: vec![ExposedModel { upstream_model: "*".into(), display_name: None }],
                ..Provider::stand_in(url(at, moved))
            };
            vec![put(provider(at), revision, spec)]
        }
        Operation::DeleteProvider(at) => {
            let provider = provider(at);
            let credentials = view.credentials_of(&provider).map(|stored| delete(&stored.name));
            credentials.chain([delete(&provider)]).collect()
        }
        Operation::PutCredential { provider: at, credential: which, disabled, value, moved } => {
            let name = credential(at, which);
            let version = view.credentials.get(&name).map_or(0, |stored| stored.spec.value.version) + 1;
            let text = value.map(|value| format!("secret-of-{}-{value}", PROVIDERS[at]));
            let sealed = Sealed { data_key: 1, nonce: vec![0; 24], ciphertext: text.unwrap_or_default().into_bytes() };
            let spec = Credential {
                display_name: "c".into(),
                value: StoredValue {
                    kind: CredentialType::ApiKey,
                    held: HeldValue::Here(sealed),
                    masked: "***".into(),
                    version,
                    destinations: Destinations::of(CredentialType::ApiKey, url(at, moved).origin()),
                },
                additional_key: None,
                quota_group: None,
                weight: Weight::DEFAULT,
                disabled,
                owner: String::new(),
                expire_time: None,
            };
            vec![put(name, revision, spec)]
        }
        Operation::DeleteCredential { provider: at, credential: which } => vec![delete(&credential(at, which))],
        Operation::Observe { provider: at, credential: which, health } => {
            let name = credential(at, which);
            let version = view.credentials.get(&name).map_or(0, |stored| stored.spec.value.version);
            let status = CredentialStatus {
                value_version: version,
                health,
                reason: None,
                last_check_time: None,
                last_error: None,
            };
            vec![Change { key: key::status(name.as_str()), value: Some(status.to_record().into()) }]
        }
        Operation::PutModel { model, targets, environments } => {
            let target = |at| Target {
                provider: provider(at),
                upstream_model: "m".into(),
                weight: Weight::DEFAULT,
                priority: 0,
            };
            let mut targets: Vec<_> = chosen(targets, target).collect();
            if targets.is_empty() {
                targets.push(target(0));
            }
            let spec = Model {
                display_name: "m".into(),
                targets,
                environments: chosen(environments, environment).collect(),
                timeout: Duration::from_secs(600),
                max_attempts: 4,
            };
            vec![put(format!("projects/p/models/m{model}").parse().unwrap(), revision, spec)]
        }
        Operation::DeleteModel(model) => {
            vec![delete(&format!("projects/p/models/m{model}").parse::<ModelName>().unwrap())]
        }
        Operation::PutCallerKey { key, environment: at, disabled } => {
            let spec = CallerKey {
                display_name: "k".into(),
                environment: environment(at),
                allowed_models: ["*".to_owned()].into(),
                expire_time: None,
                disabled,
                owner: String::new(),
                labels: [].into(),
                sha256: [7; 32],
            };
            vec![put(format!("projects/p/callerKeys/k{key}").parse().unwrap(), revision, spec)]
        }
        Operation::DeleteCallerKey(key) => {
            vec![delete(&format!("projects/p/callerKeys/k{key}").parse::<CallerKeyName>().unwrap())]
        }
    }
}

pub(crate) fn put<R: Resource>(name: R::Name, revision: Revision, spec: R) -> Change {
    let meta = Meta {
        uid: format!("{}1", R::UID_PREFIX),
        revision,
        generation: 1,
        create_time: SystemTime::UNIX_EPOCH,
        update_time: SystemTime::UNIX_EPOCH,
    };
    let key = key::spec(name.as_str());
    Change { key, value: Some(Stored { name, meta, spec }.to_record().into()) }
}

pub(crate) fn delete(name: &impl ResourceName) -> Change {
    Change { key: key::spec(name.as_str()), value: None }
}

/// What a proxy holds of one environment.
pub(crate) type Held = BTreeMap<(i32, String), (u64, Bytes)>;

/// The oracle: the whole state.
pub(crate) fn held(view: &View, environment: &EnvironmentName) -> Held {
    let whole = whole(view, environment, &Plain);
    let entries = whole.resources.into_iter();
    entries.map(|(key, form)| ((key.kind().into(), key.name().to_owned()), (form.version, form.put))).collect()
}

pub(crate) fn digest(held: &Held) -> Digest {
    held.iter()
        .fold(Digest::default(), |sum, ((kind, name), (version, put))| sum.plus(Digest::of(*kind, name, *version, put)))
}

fn after(held: &Held, steps: &[Step]) -> Digest {
    let content = crate::sync::feeds::Content { digest: digest(held), resources: held.len() as u64 };
    content.after(steps).digest
}

fn replay(held: &mut Held, steps: &[Step]) {
    for step in steps {
        let at = (i32::from(step.kind), step.name.clone());
        let before = held.get(&at).map(|(version, put)| Digest::of(at.0, &at.1, *version, put));
        assert_eq!(before, step.before, "{}", step.name);
        match &step.after {
            Some(form) => held.insert(at, (form.version, form.put.clone())),
            None => held.remove(&at),
        };
    }
}

/// Every environment's state after a step of the projection.
fn follow(states: &mut BTreeMap<EnvironmentName, Held>, new: &View, projected: &Projected) {
    states.retain(|environment, _| new.environments.contains_key(environment));
    for environment in new.environments.keys() {
        states.entry(environment.clone()).or_default();
    }
    for (environment, steps) in &projected.steps {
        replay(states.get_mut(environment).expect("only environments of the view"), steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// P2, P7, P8: commit by commit or folded, what is applied is the whole state.
    #[test]
    fn applying_the_projection_gives_the_whole_state(history in history(), folds in prop::collection::vec(1..6_usize, 60)) {
        let mut view = first_view();
        let mut folded_from = view.clone();
        let mut changed = BTreeSet::new();
        let mut single = BTreeMap::new();
        let mut folded = BTreeMap::new();
        follow(&mut single, &view, &Projected::default());
        follow(&mut folded, &view, &Projected::default());
        let mut folds = folds.into_iter();
        let mut left = folds.next().unwrap_or(1);
        for operation in &history {
            let (next, keys) = apply(&view, operation);
            follow(&mut single, &next, &project(&view, &next, &keys, &Plain));
            for environment in next.environments.keys() {
                prop_assert_eq!(&single[environment], &held(&next, environment));
            }
            changed.extend(keys);
            left -= 1;
            if left == 0 {
                follow(&mut folded, &next, &project(&folded_from, &next, &changed, &Plain));
                prop_assert_eq!(&folded, &single);
                (folded_from, left) = (next.clone(), folds.next().unwrap_or(1));
                changed.clear();
            }
            view = next;
        }
    }

    /// P10: nothing of a provider stands in the bytes of an environment in which it is not active.
    #[test]
    fn nothing_of_another_environment_is_in_an_environments_bytes(history in history()) {
        let mut view = first_view();
        for operation in &history {
            view = apply(&view, operation).0;
            for at in 0..ENVIRONMENTS.len() {
                let environment = environment(at);
                let active = |id: &str| view.providers.values().any(|stored| {
                    stored.name.id() == id && stored.spec.environments.contains(&environment)
                });
                for ((_, name), (_, put)) in held(&view, &environment) {
                    for id in PROVIDERS.iter().filter(|id| !active(id)) {
                        prop_assert!(!name.contains(id), "{name}");
                        prop_assert!(!put.windows(id.len()).any(|bytes| bytes == id.as_bytes()), "{name} holds {id}");
                    }
                }
            }
        }
    }

    /// P9: a step that is dropped, doubled or changed gives another digest.
    #[test]
    fn every_single_fault_of_a_step_changes_the_digest(history in history(), at in any::<prop::sample::Index>()) {
        let mut view = first_view();
        let mut changed = BTreeSet::new();
        let first = view.clone();
        for operation in &history {
            let (next, keys) = apply(&view, operation);
            changed.extend(keys);
            view = next;
        }
        for (environment, steps) in project(&first, &view, &changed, &Plain).steps {
            let before = if first.environments.contains_key(&environment) { held(&first, &environment) } else { Held::new() };
            let right = after(&before, &steps);
            prop_assert_eq!(right, digest(&held(&view, &environment)));
            let at = at.index(steps.len());
            let mut dropped = steps.clone();
            dropped.remove(at);
            prop_assert_ne!(after(&before, &dropped), right);
            let mut doubled = steps.clone();
            doubled.push(steps[at].clone());
            prop_assert_ne!(after(&before, &doubled), right);
        }
    }
}

#[test]
fn a_key_of_the_store_is_the_resource_that_proxies_get() {
    for (key, expected) in [
        ("spec/projects/p/environments/e", true),
        ("spec/projects/p/providers/a", true),
        ("spec/projects/p/providers/a/credentials/c", true),
        ("status/projects/p/providers/a/credentials/c", true),
        ("spec/projects/p/models/a/b", true),
        ("spec/projects/p/callerKeys/k", true),
        ("spec/projects/p", false),
        ("spec/joinTokens/t", false),
        ("status/proxies/x", false),
        ("meta/ca", false),
        ("index/ref/projects/p/environments/e|x", false),
    ] {
        assert_eq!(Key::of_record(key).is_some(), expected, "{key}");
    }
}
