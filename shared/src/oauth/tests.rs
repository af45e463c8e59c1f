//! Minting at a token endpoint on loopback.

mod endpoint;

use rustls::RootCertStore;
use serde_json::json;

use self::endpoint::Endpoint;
use super::*;
use crate::adapter::{AdapterKind, Settings, adapter};
use crate::address::AddressPolicy;
use crate::base_url::BaseUrl;
use crate::credential::{ClientSecret, ServiceAccount};
use crate::dial::CONNECT_TIMEOUT;

struct World {
    tasks: Tasks,
    endpoint: Endpoint,
    minter: Minter,
    place: Place,
    value: CredentialValue,
}

fn dialer(policy: AddressPolicy) -> Dialer {
    Dialer::with_roots(policy, CONNECT_TIMEOUT, RootCertStore::empty()).unwrap()
}

fn place(kind: AdapterKind, base_url: &str) -> Place {
    Place {
        base_url: BaseUrl::parse(kind, base_url, AddressPolicy::Public).unwrap(),
        region: None,
        settings: Settings::default(),
        key_header: None,
        additional_key_header: None,
    }
}

fn account(email: &str, port: u16) -> CredentialValue {
    let file = json!({
        "type": "service_account",
        "private_key_id": "1a2b",
        "private_key": include_str!("../../fixtures/rsa_2048.pem"),
        "client_email": email,
        "token_uri": format!("http://127.0.0.1:{port}/token"),
    });
    CredentialValue::ServiceAccount(ServiceAccount::parse(Secret::from(file.to_string())).unwrap())
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn text(token: &Secret) -> &str {
    std::str::from_utf8(token.expose()).unwrap()
}

impl World {
    async fn new() -> Self {
        let tasks = Tasks::new();
        let endpoint = Endpoint::start(&tasks).await;
        let minter = Minter::new(&dialer(AddressPolicy::AllowPrivate), &tasks);
        let value = account("a@acme.iam.gserviceaccount.com", endpoint.port);
        let place = place(AdapterKind::Vertex, "https://us-central1-aiplatform.googleapis.com");
        Self { tasks, endpoint, minter, place, value }
    }

    fn source(&self) -> Source<'_> {
        Source { adapter: adapter(AdapterKind::Vertex), place: &self.place, value: &self.value }
    }

    async fn secret(&self, seconds: u64) -> Result<Secret, MintError> {
        self.minter.token(self.source(), at(seconds)).await.map(Option::unwrap)
    }

    async fn token(&self, seconds: u64) -> Result<String, MintError> {
        self.secret(seconds).await.map(|token| text(&token).to_owned())
    }

    async fn fresh(&self, seconds: u64) -> Result<String, MintError> {
        self.minter.fresh(self.source(), at(seconds)).await.map(|token| text(&token.unwrap()).to_owned())
    }

    /// Asks until another token than this one comes.
    async fn next_token(&self, seconds: u64, old: &str) -> String {
        loop {
            let token = self.token(seconds).await.unwrap();
            if token != old {
                return token;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_thousand_who_ask_make_one_call() {
    let world = Arc::new(World::new().await);
    world.endpoint.close();
    let (asked, mut all_asked) = watch::channel(0);
    let asking: Vec<_> = (0..1000)
        .map(|_| {
            let (world, asked) = (Arc::clone(&world), asked.clone());
            world.tasks.clone().spawn("ask", async move {
                asked.send_modify(|asked| *asked += 1);
                world.token(0).await
            })
        })
        .collect();
    all_asked.wait_for(|asked| *asked == 1000).await.unwrap();
    world.endpoint.called(1).await;
    world.endpoint.open();
    for asking in asking {
        assert_eq!(asking.await.unwrap().unwrap(), "token-1");
    }
    assert_eq!(world.endpoint.calls(), 1);
}

#[tokio::test]
async fn a_failure_reaches_all_who_wait_and_is_remembered_for_its_pause() {
    let world = World::new().await;
    world.endpoint.will_answer(503, Some(("retry-after", "100")), "");
    let (one, other) = tokio::join!(world.token(0), world.token(0));
    let error = one.unwrap_err();
    assert_eq!((error.failure(), error.retry_after()), (Failure::Overloaded, Some(Duration::from_secs(100))));
    assert_eq!(other.unwrap_err(), error);
    assert_eq!(world.token(99).await.unwrap_err(), error);
    assert_eq!(world.endpoint.calls(), 1);
    assert_eq!(world.token(150).await.unwrap(), "token-2");
}

#[tokio::test]
async fn pauses_grow_and_a_clock_that_is_set_back_ends_one() {
    let world = World::new().await;
    let mut now = 1_000_000;
    let mut pauses = Vec::new();
    for call in 1..=8 {
        world.endpoint.will_answer(500, None, "");
        world.token(now).await.unwrap_err();
        assert_eq!(world.endpoint.calls(), call);
        // At the bound's half it is paused still, at the bound no more.
        let bound = 2_u64.pow(u32::try_from(call).unwrap()).min(60);
        world.token(now + bound / 2 - 1).await.unwrap_err();
        assert_eq!(world.endpoint.calls(), call, "after a pause of less than {bound} s");
        pauses.push(bound);
        now += bound + 30;
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60, 60]);
    world.endpoint.will_answer(500, None, "");
    world.token(now).await.unwrap_err();
    assert_eq!(world.token(0).await.unwrap(), "token-10");
}

#[tokio::test]
async fn a_token_is_used_until_it_is_due_and_then_refreshed_in_the_background() {
    let world = World::new().await;
    assert_eq!(world.token(0).await.unwrap(), "token-1");
    // Four minutes early at the most: a minute, and a twentieth of its life.
    assert_eq!(world.token(3600 - 241).await.unwrap(), "token-1");
    assert_eq!(world.endpoint.calls(), 1);
    world.endpoint.close();
    for _ in 0..3 {
        assert_eq!(world.token(3600 - 60).await.unwrap(), "token-1");
    }
    world.endpoint.called(2).await;
    world.endpoint.open();
    assert_eq!(world.next_token(3600 - 60, "token-1").await, "token-2");
    assert_eq!(world.endpoint.calls(), 2);
}

#[tokio::test]
async fn the_old_token_serves_to_its_end_while_refreshes_fail() {
    let world = World::new().await;
    assert_eq!(world.token(0).await.unwrap(), "token-1");
    world.endpoint.will_answer(400, None, r#"{"error":"invalid_grant"}"#);
    let error = world.fresh(3590).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Rejected);
    assert_eq!(world.token(3590).await.unwrap(), "token-1");
    // It is paused, so that nobody asks again.
    assert_eq!(world.endpoint.calls(), 2);
    world.endpoint.will_answer(500, Some(("retry-after", "30")), "");
    assert_eq!(world.token(3599).await.unwrap(), "token-1");
    world.endpoint.called(3).await;
    // Now it is over, and there is nothing else.
    let error = world.token(3600).await.unwrap_err();
    assert_eq!(error.failure(), Failure::ServerError);
    assert_eq!(world.endpoint.calls(), 3);
    assert_eq!(world.token(3640).await.unwrap(), "token-4");
}

#[tokio::test]
async fn a_check_mints_whatever_is_kept() {
    let world = World::new().await;
    assert_eq!(world.token(0).await.unwrap(), "token-1");
    assert_eq!(world.fresh(0).await.unwrap(), "token-2");
    assert_eq!(world.token(0).await.unwrap(), "token-2");
}

#[tokio::test]
async fn a_refused_token_is_worth_one_more_try_and_the_one_after_it_is_not() {
    let world = World::new().await;
    // Also one that is a second old: a revocation does not wait.
    let first = world.secret(0).await.unwrap();
    assert_eq!(world.minter.refused(world.source(), &first, at(1)), Refused::AskAgain);
    assert_eq!(world.token(1).await.unwrap(), "token-2");
    // Whoever comes second does not drop the token that the first one got.
    assert_eq!(world.minter.refused(world.source(), &first, at(2)), Refused::AskAgain);
    let second = world.secret(2).await.unwrap();
    assert_eq!(world.minter.refused(world.source(), &second, at(60)), Refused::Believe);
    assert_eq!(world.token(60).await.unwrap(), "token-2");
    assert_eq!(world.minter.refused(world.source(), &second, at(61)), Refused::AskAgain);
    assert_eq!(world.token(61).await.unwrap(), "token-3");
    assert_eq!(world.endpoint.calls(), 3);
}

#[tokio::test]
async fn a_call_goes_on_without_those_who_wait() {
    let world = Arc::new(World::new().await);
    world.endpoint.close();
    let asking = world.tasks.spawn("ask", {
        let world = Arc::clone(&world);
        async move { world.token(0).await }
    });
    world.endpoint.called(1).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    world.endpoint.open();
    assert_eq!(world.token(0).await.unwrap(), "token-1");
    assert_eq!(world.endpoint.calls(), 1);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_has_failed() {
    let world = Arc::new(World::new().await);
    world.endpoint.close();
    let asking = world.tasks.spawn("ask", {
        let world = Arc::clone(&world);
        async move { world.token(0).await }
    });
    world.endpoint.called(1).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(asking.await.unwrap().unwrap_err(), MintError::TimedOut);
}

#[tokio::test]
async fn no_assertion_leaves_where_private_upstreams_are_not_allowed() {
    let world = World::new().await;
    let minter = Minter::new(&dialer(AddressPolicy::Public), &world.tasks);
    let error = minter.token(world.source(), at(0)).await.unwrap_err();
    assert_eq!(error, MintError::NoAnswer(DialFailure::RefusedScheme));
    assert_eq!(error.failure(), Failure::Unreachable);
    assert_eq!(world.endpoint.calls(), 0);
}

#[tokio::test]
async fn answers_that_are_no_tokens_are_errors() {
    let world = World::new().await;
    world.endpoint.will_answer(302, Some(("location", "/elsewhere")), "");
    let error = world.fresh(0).await.unwrap_err();
    assert_eq!(error, MintError::Refused { failure: Failure::ServerError, status: 302, code: None, retry_after: None });
    assert_eq!(world.endpoint.calls(), 1);
    let large = format!(r#"{{"access_token":"t","expires_in":3600,"padding":"{}"}}"#, "x".repeat(64 * 1024));
    world.endpoint.will_answer(200, None, large);
    assert_eq!(world.fresh(0).await.unwrap_err(), MintError::NotAToken);
    let nobody = World { value: account("a@b", 1), ..World::new().await };
    assert_eq!(nobody.token(0).await.unwrap_err(), MintError::NoAnswer(DialFailure::Connect));
}

#[tokio::test]
async fn tokens_are_kept_apart_by_the_whole_credential() {
    let mut world = World::new().await;
    assert_eq!(world.token(0).await.unwrap(), "token-1");
    world.value = account("b@acme.iam.gserviceaccount.com", world.endpoint.port);
    assert_eq!(world.token(0).await.unwrap(), "token-2");
    world.value = account("a@acme.iam.gserviceaccount.com", world.endpoint.port);
    // Another region takes the same token.
    world.place = place(AdapterKind::Vertex, "https://europe-west4-aiplatform.googleapis.com");
    assert_eq!(world.token(0).await.unwrap(), "token-1");
    world.value = CredentialValue::ApiKey(Secret::from("AIza".to_owned()));
    assert!(world.minter.token(world.source(), at(0)).await.unwrap().is_none());
}

#[tokio::test]
async fn entras_tokens_are_minted_with_the_clients_secret() {
    let mut world = World::new().await;
    let client = |secret: &str| {
        CredentialValue::ClientSecret(ClientSecret {
            tenant_id: format!("http://127.0.0.1:{}/tenant", world.endpoint.port),
            client_id: "client".to_owned(),
            client_secret: Secret::from(secret.to_owned()),
        })
    };
    let (one, other) = (client("s&cret"), client("another"));
    world.place = place(AdapterKind::AzureOpenAi, "https://acme.openai.azure.com");
    let azure = adapter(AdapterKind::AzureOpenAi);
    for (value, expected) in [(&one, "token-1"), (&other, "token-2"), (&one, "token-1")] {
        let token = world.minter.token(Source { adapter: azure, place: &world.place, value }, at(0)).await;
        assert_eq!(text(&token.unwrap().unwrap()), expected);
    }
    assert!(world.endpoint.last_form().contains("client_secret=another&"), "{}", world.endpoint.last_form());
    // Another cloud's resource wants another scope.
    world.place = place(AdapterKind::AzureOpenAi, "https://acme.openai.azure.us");
    let token = world.minter.token(Source { adapter: azure, place: &world.place, value: &one }, at(0)).await;
    assert_eq!(text(&token.unwrap().unwrap()), "token-3");
}

#[tokio::test]
async fn an_adapter_that_mints_nothing_of_the_value_is_no_dead_end() {
    let world = World::new().await;
    let source = Source { adapter: adapter(AdapterKind::OpenAi), ..world.source() };
    assert_eq!(world.minter.token(source, at(0)).await.unwrap_err(), MintError::Unfit(UnfitSecret));
}

#[tokio::test]
async fn only_so_many_tokens_are_kept_and_the_least_used_goes() {
    let mut world = World::new().await;
    world.minter = Minter::with_most(&dialer(AddressPolicy::AllowPrivate), &world.tasks, 2);
    let values = ["a@b", "c@d", "e@f"].map(|email| account(email, world.endpoint.port));
    for (value, seconds, expected) in [
        (0, 0, "token-1"),
        (1, 1, "token-2"),
        (0, 2, "token-1"),
        // The second one has to go for this.
        (2, 3, "token-3"),
        (0, 4, "token-1"),
        (1, 5, "token-4"),
    ] {
        world.value = values[value].clone();
        assert_eq!(world.token(seconds).await.unwrap(), expected);
        assert!(world.minter.inner.slots.load().len() <= 2);
    }
}

#[tokio::test]
async fn nothing_printed_shows_a_token() {
    let world = World::new().await;
    world.token(0).await.unwrap();
    assert!(!format!("{:?} {:?}", world.minter, world.source()).contains("token-1"));
}
