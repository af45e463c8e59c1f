//! Credentials that sign with tokens minted from them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use data_plane::evidence::Finding;
use data_plane::snapshot::resource::{Change, Provider};
use shared::adapter::{AdapterKind, Place, Settings};
use shared::credential::{CredentialType, CredentialValue};
use shared::secret::Secret;
use tokio::sync::oneshot;

use super::harness::{KEY, Proxy, credential, model, provider_of, put_credential, put_provider};
use super::upstream::{Reply, Upstream};
use super::{SOON, until};

const PATH: &str = "/v1beta/models/m:generateContent";

/// A Vertex provider with a service account whose tokens come from `endpoint`.
fn changes(upstream: &Upstream, endpoint: &Upstream) -> [Change; 3] {
    let account = serde_json::json!({
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "k",
        "private_key": include_str!("../../../shared/fixtures/rsa_2048.pem"),
        "client_email": "proxy@p.iam.gserviceaccount.com",
        "token_uri": format!("http://{}/token", endpoint.address),
    });
    let value = CredentialValue::from_bytes(CredentialType::ServiceAccount, Secret::from(account.to_string())).unwrap();
    let vertex = provider_of(AdapterKind::Vertex, upstream.address);
    let settings = Settings { project: Some("p".into()), location: Some("us".into()), ..Settings::default() };
    let place = Place { settings, ..vertex.place.clone() };
    [
        put_provider("v", Provider { place, ..vertex }),
        put_credential("v", "account", value, 1, None),
        model("m", &["v"]),
    ]
}

fn answer() -> Reply {
    Reply::Json(200, &[], r#"{"candidates":[]}"#.into())
}

#[tokio::test]
async fn one_token_serves_many_requests() {
    let endpoint =
        Upstream::start(|_| Reply::Json(200, &[], r#"{"access_token":"t1","expires_in":3600}"#.into())).await;
    let upstream = Upstream::start(|_| answer()).await;
    let proxy = Proxy::start(changes(&upstream, &endpoint)).await;
    for _ in 0..5 {
        let answered = proxy.post_to(PATH, &[("x-goog-api-key", KEY)], "{}").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
    }
    assert_eq!((endpoint.asked().len(), upstream.by_key()["t1"]), (1, 5));
    let path = &upstream.asked()[0].path;
    assert!(
        path.ends_with("/projects/p/locations/us/publishers/google/models/upstream-model:generateContent"),
        "{path}"
    );
}

#[tokio::test]
async fn a_token_that_ended_under_way_is_replaced_before_the_credential_is_blamed() {
    let count = AtomicUsize::new(0);
    let endpoint = Upstream::start(move |_| {
        let number = 1 + count.fetch_add(1, Ordering::SeqCst);
        Reply::Json(200, &[], format!(r#"{{"access_token":"t{number}","expires_in":2}}"#))
    })
    .await;
    let (tell, told) = oneshot::channel();
    let told = Mutex::new(Some(told));
    let upstream = Upstream::start(move |asked| match told.lock().unwrap().take_if(|_| asked.body.len() > 2) {
        Some(told) => {
            let body = r#"{"error":{"code":401,"message":"expired","status":"UNAUTHENTICATED"}}"#;
            Reply::When(told, Box::new(Reply::Json(401, &[], body.into())))
        }
        None => answer(),
    })
    .await;
    let mut proxy = Proxy::start(changes(&upstream, &endpoint)).await;
    let early = proxy.post_to(PATH, &[("x-goog-api-key", KEY)], r#"{"contents":[]}"#);
    let later = async {
        until(SOON, async || !upstream.asked().is_empty()).await;
        let first = upstream.asked()[0].key.clone();
        until(SOON, async || {
            assert_eq!(proxy.post_to(PATH, &[("x-goog-api-key", KEY)], "{}").await.status, 200);
            upstream.asked().iter().any(|asked| asked.key != first)
        })
        .await;
        tell.send(()).unwrap();
    };
    let (answered, ()) = tokio::join!(early, later);
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert!(proxy.evidence.try_next().is_none());
}

#[tokio::test]
async fn a_refused_account_is_reported_and_the_next_credential_serves() {
    let endpoint = Upstream::start(|_| Reply::Json(400, &[], r#"{"error":"invalid_grant"}"#.into())).await;
    let upstream = Upstream::start(|_| answer()).await;
    let more = [credential("v", "express", 1)];
    let mut proxy = Proxy::start(changes(&upstream, &endpoint).into_iter().chain(more)).await;
    for _ in 0..4 {
        let answered = proxy.post_to(PATH, &[("x-goog-api-key", KEY)], "{}").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
    }
    let observed = proxy.evidence.try_next().unwrap();
    assert_eq!((observed.finding, observed.status), (Finding::Rejected, 400));
    assert_eq!(observed.provider_code, Some("invalid_grant"));
    assert_eq!((endpoint.asked().len(), upstream.by_key()["sk-express"]), (1, 4));
}
