use std::collections::HashSet;

use proptest::prelude::*;
use shared::adapter::{AdapterKind, Place, Settings};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;

use super::*;
use crate::balance::moment::Moment;
use crate::snapshot::Snapshot;
use crate::snapshot::resource::{Auth, Change, Exposed, ModelPattern};

fn provider(exposed: &[&str], default_model: Option<&str>) -> Provider {
    let exposed = if exposed == ["*"] {
        Exposed::All
    } else {
        Exposed::Only(exposed.iter().map(|model| Arc::from(*model)).collect::<HashSet<_>>())
    };
    let place = Place {
        base_url: BaseUrl::parse(AdapterKind::OpenAi, "https://h.example/v1", AddressPolicy::Public).unwrap(),
        region: None,
        settings: Settings::default(),
        key_header: None,
        additional_key_header: None,
    };
    Provider {
        auth: Auth::None,
        exposed,
        default_model: default_model.map(Arc::from),
        ..Provider::new(AdapterKind::OpenAi, place)
    }
}

fn target(provider: &str, upstream_model: &str, weight: u32, priority: u32) -> Target {
    Target { provider: provider.into(), upstream_model: upstream_model.into(), weight, priority }
}

fn put_model(id: &str, targets: Vec<Target>) -> Change {
    let model = Model { targets, timeout: DEFAULT_TIMEOUT, max_attempts: 4 };
    Change::PutModel(format!("projects/p/models/{id}").parse().unwrap(), model)
}

fn put_provider(id: &str, provider: Provider) -> Change {
    Change::PutProvider(format!("projects/p/providers/{id}").parse().unwrap(), Arc::new(provider))
}

fn environment(changes: impl IntoIterator<Item = Change>) -> Arc<Environment> {
    let name = "projects/p/environments/e".parse().unwrap();
    Arc::clone(Snapshot::new().with(&name, changes).environment(&name).unwrap())
}

fn key(patterns: &[&str]) -> CallerKey {
    let pattern = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => ModelPattern::Prefix(prefix.into()),
        None => ModelPattern::Name((*pattern).into()),
    };
    let allowed_models = patterns.iter().map(pattern).collect();
    CallerKey { sha256: [0; 32], allowed_models, expire_time: None, disabled: false }
}

/// The stops of a plan as `provider/model`.
fn planned(environment: &Environment, key: &CallerKey, asked: &str) -> Result<Vec<String>, NoRoute> {
    let stop = |stop: &Stop| format!("{}/{}", stop.upstream.id, stop.upstream_model);
    plan(environment, key, asked).map(|plan| plan.stops.iter().map(stop).collect())
}

#[test]
fn names_mean_aliases_then_providers() {
    let environment = environment([
        put_provider("open", provider(&["gpt", "a/b"], Some("gpt"))),
        put_provider("all", provider(&["*"], None)),
        put_model("open", vec![target("all", "x", 1, 0)]),
        put_model("alias", vec![target("open", "gpt", 1, 0)]),
        put_model("hidden", vec![target("open", "secret", 1, 0), target("gone", "x", 1, 0)]),
    ]);
    let any = key(&["*"]);
    for (asked, expected) in [
        ("open", Ok(vec!["all/x"])),
        ("alias", Ok(vec!["open/gpt"])),
        ("open/gpt", Ok(vec!["open/gpt"])),
        ("all/any:name@1", Ok(vec!["all/any:name@1"])),
        ("all/incorrect api key provided:", Err(NoRoute::Unknown)),
        ("all/a\nb", Err(NoRoute::Unknown)),
        ("all/a\u{a0}b", Err(NoRoute::Unknown)),
        ("open/a/b", Ok(vec!["open/a/b"])),
        ("open/other", Err(NoRoute::Unknown)),
        ("open/", Err(NoRoute::Unknown)),
        ("all/any/thing", Ok(vec!["all/any/thing"])),
        ("all", Err(NoRoute::Unknown)),
        ("nobody", Err(NoRoute::Unknown)),
        ("hidden", Err(NoRoute::NoTarget)),
    ] {
        let expected = expected.map(|stops| stops.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(planned(&environment, &any, asked), expected, "{asked}");
    }
}

#[test]
fn a_key_is_matched_to_the_name_as_asked_for() {
    let environment = environment([
        put_provider("open", provider(&["gpt"], None)),
        put_model("alias", vec![target("open", "gpt", 1, 0)]),
    ]);
    for (patterns, asked, allowed) in [
        (&["alias"][..], "alias", true),
        (&["alias"], "open/gpt", false),
        (&["open/*"], "open/gpt", true),
        (&["open/*"], "alias", false),
        (&["ali*"], "alias", true),
        (&["al"], "alias", false),
        (&[], "alias", false),
    ] {
        let expected = if allowed { Ok(vec!["open/gpt".to_owned()]) } else { Err(NoRoute::NotAllowed) };
        assert_eq!(planned(&environment, &key(patterns), asked), expected, "{patterns:?} {asked}");
    }
    assert_eq!(listed(&environment, &key(&["*"])), ["alias", "open/gpt"]);
    assert_eq!(listed(&environment, &key(&["open/*"])), ["open/gpt"]);
}

#[test]
fn a_disabled_provider_serves_nothing() {
    let disabled = Provider { disabled: true, ..provider(&["*"], None) };
    let environment = environment([put_provider("a", disabled), put_model("m", vec![target("a", "x", 1, 0)])]);
    for asked in ["m", "a/x"] {
        assert_eq!(planned(&environment, &key(&["*"]), asked), Err(NoRoute::NoTarget));
    }
}

#[test]
fn priorities_come_in_order_and_an_edit_keeps_turns_and_breakers() {
    let name = "projects/p/environments/e".parse().unwrap();
    let targets =
        || vec![target("b", "late", 1, 7), target("a", "x", 1, 0), target("a", "y", 1, 0), target("a", "z", 0, 0)];
    let snapshot = Snapshot::new().with(
        &name,
        [
            put_provider("a", provider(&["*"], None)),
            put_provider("b", provider(&["*"], None)),
            put_model("m", targets()),
        ],
    );
    let any = key(&["*"]);
    let first = Arc::clone(snapshot.environment(&name).unwrap());
    assert_eq!(planned(&first, &any, "m").unwrap(), ["a/x", "a/y", "b/late"]);
    let breaker = plan(&first, &any, "m").unwrap().stops[0].breaker.clone().unwrap();
    (0..5).for_each(|_| breaker.failed(Moment(1)));
    let snapshot = snapshot.with(&name, [put_model("m", targets())]);
    let second = plan(snapshot.environment(&name).unwrap(), &any, "m").unwrap();
    assert_eq!(&*second.stops[0].upstream_model, "x", "the turns go on");
    let open = second.stops.iter().find(|stop| *stop.upstream_model == *"y").unwrap();
    assert!(!open.breaker.as_ref().unwrap().admits(Moment(2)), "what is open stays open");
}

proptest! {
    #[test]
    fn targets_of_one_priority_get_their_weights_exactly(weights in prop::collection::vec(0_u32..20, 1..6)) {
        let targets: Vec<_> = weights.iter().enumerate().map(|(n, weight)| target("a", &n.to_string(), *weight, 0)).collect();
        let environment = environment([put_provider("a", provider(&["*"], None)), put_model("m", targets)]);
        let any = key(&["*"]);
        let round = ring::order(&weights).len();
        let mut first = vec![0; weights.len()];
        for _ in 0..round {
            let stops = planned(&environment, &any, "m").unwrap();
            prop_assert_eq!(stops.len(), weights.iter().filter(|weight| **weight > 0).count());
            first[stops[0].rsplit('/').next().unwrap().parse::<usize>().unwrap()] += 1;
        }
        let mut expected = vec![0; weights.len()];
        ring::order(&weights).iter().for_each(|target| expected[*target as usize] += 1);
        prop_assert_eq!(first, expected);
    }
}
