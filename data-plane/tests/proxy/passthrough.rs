//! Callers who bring their own provider keys.

use std::net::SocketAddr;

use data_plane::snapshot::resource::{Auth, Change, Provider};

use super::formats::case::{Case, cases};
use super::harness::{KEY, Proxy, credential, model, provider_of, put_provider};
use super::upstream::{Reply, Upstream};

fn passing(id: &str, case: &Case, address: SocketAddr) -> Change {
    put_provider(id, Provider { auth: Auth::Passthrough, ..provider_of(case.adapter, address) })
}

#[tokio::test]
async fn a_callers_own_key_goes_to_the_provider_as_it_is_and_nothing_else() {
    for case in cases() {
        let answer = case.answer;
        let upstream = Upstream::start(move |_| Reply::Json(200, &[], answer.into())).await;
        let proxy = Proxy::start([passing("a", &case, upstream.address), model("m", &["a"])]).await;
        let (name, own) = case.key("own-key");
        let answered = proxy.post_to(case.path, &[("x-keyplane-key", KEY), (name, &own)], case.body).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let asked = upstream.asked().remove(0);
        assert_eq!((asked.headers[name].to_str().unwrap(), &*asked.key), (&*own, "own-key"), "{:?}", case.adapter);
        assert!(!asked.headers.contains_key("x-keyplane-key") && !format!("{asked:?}").contains(KEY));
    }
}

#[tokio::test]
async fn without_the_own_key_nothing_is_called_and_the_header_is_named() {
    for case in cases() {
        let upstream = Upstream::start(|_| Reply::ok()).await;
        let proxy = Proxy::start([passing("a", &case, upstream.address), model("m", &["a"])]).await;
        let (name, as_own) = case.key(KEY);
        let known = shared::id::new_token(shared::id::TokenKind::CallerKey);
        let another = String::from_utf8(known.expose().to_vec()).unwrap();
        let (_, another) = case.key(&another);
        for headers in [
            &[("x-keyplane-key", KEY)][..],
            &[(name, &as_own)],
            // A caller key is never forwarded, this one or another.
            &[("x-keyplane-key", KEY), (name, &as_own)],
            &[("x-keyplane-key", KEY), (name, &another)],
        ] {
            let answered = proxy.post_to(case.path, headers, case.body).await;
            assert_eq!(answered.status, 401, "{:?} {headers:?}", case.adapter);
            assert!(answered.body.contains(name) && answered.body.contains("x-keyplane-key"), "{}", answered.body);
        }
        assert!(upstream.asked().is_empty());
    }
}

#[tokio::test]
async fn the_providers_refusal_is_the_callers_and_stays_between_them() {
    for case in cases() {
        let (bad, answer) = (case.bad_key, case.answer);
        let upstream = Upstream::start(move |asked| match &*asked.key {
            "bad-key" => Case::reply(bad),
            "unlucky-key" => Reply::Json(503, &[], "{}".into()),
            _ => Reply::Json(200, &[], answer.into()),
        })
        .await;
        let other = Upstream::start(move |_| Reply::Json(200, &[], answer.into())).await;
        let mut proxy = Proxy::start([
            passing("a", &case, upstream.address),
            passing("b", &case, other.address),
            put_provider("c", provider_of(case.adapter, other.address)),
            credential("c", "k", 1),
            model("m", &["a", "b", "c"]),
        ])
        .await;
        for (key, status) in [("bad-key", bad.0), ("good-key", 200), ("bad-key", bad.0), ("unlucky-key", 503)] {
            let (name, own) = case.key(key);
            let answered = proxy.post_to(case.path, &[("x-keyplane-key", KEY), (name, &own)], case.body).await;
            assert_eq!(answered.status, status, "{:?} {}", case.adapter, answered.body);
        }
        assert!(other.asked().is_empty(), "a key goes to one provider");
        assert!(proxy.evidence.try_next().is_none());
    }
}
