//! What callers are told who ask for what they can't have.

use std::time::{Duration, SystemTime};

use proto::admin::v1::{CallerKey, CreateCallerKeyRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::condition::PATIENCE;
use crate::world::{ENVIRONMENT, MODEL, PROJECT, World};

/// Makes a caller key that differs from one that may do everything; answers its plaintext.
async fn make_key(world: &World, id: &str, differs: impl FnOnce(&mut CallerKey)) -> anyhow::Result<String> {
    let mut key = CallerKey { environment: ENVIRONMENT.into(), allowed_models: vec!["*".into()], ..Default::default() };
    differs(&mut key);
    let request = CreateCallerKeyRequest {
        parent: PROJECT.into(),
        caller_key_id: id.into(),
        caller_key: Some(key),
        ..Default::default()
    };
    Ok(world.admin.caller_keys().create_caller_key(request).await?.into_inner().plaintext)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_expired_disabled_or_for_other_models_are_told_so() -> anyhow::Result<()> {
    let world = World::start(&[("sk-good-00001", 1)], 1).await?;
    let past = SystemTime::now() - Duration::from_secs(3600);
    let expired = make_key(&world, "expired", |key| key.expire_time = Some(past.into())).await?;
    let disabled = make_key(&world, "disabled", |key| key.disabled = true).await?;
    let limited = make_key(&world, "limited", |key| key.allowed_models = vec!["other".into()]).await?;
    world.admin.rolled_out(0).await?;
    for (key, status, code) in [
        (expired, 401, "caller_key_expired"),
        (disabled, 401, "caller_key_disabled"),
        (limited, 403, "model_not_allowed"),
        ("kp_0000000000000000000000000000000000000000000000000".into(), 401, "caller_key_invalid"),
    ] {
        let answer = world.proxies[0].caller(&key).chat(MODEL).await?;
        let error = &answer.json()["error"];
        assert_eq!((answer.status.as_u16(), &error["code"]), (status, &code.into()), "{}", answer.body);
        assert!(error["message"].is_string() && error["type"] == "authentication_error", "{}", answer.body);
    }
    assert_eq!(world.provider.counts("sk-good-00001").requests, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() -> anyhow::Result<()> {
    let world = World::start(&[("sk-good-00001", 1)], 1).await?;
    // The head alone: what it announces is too much, and nobody has to send it to learn so.
    let address = world.proxies[0].url().replace("http://", "");
    let mut connection = TcpStream::connect(&address).await?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        world.caller_key,
        33 * 1024 * 1024,
    );
    connection.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, connection.read_to_string(&mut answer)).await??;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
    assert_eq!(world.provider.counts("sk-good-00001").requests, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_answered_in_openai_s_shape() -> anyhow::Result<()> {
    let world = World::start(&[("sk-good-00001", 1)], 1).await?;
    let caller = world.caller();
    for (body, status, code) in [
        (r#"{"model": "nobody", "messages": []}"#, 404, Some("model_not_found")),
        (r#"{"messages": []}"#, 400, None),
        (r#"{"model": "chat""#, 400, None),
        (r#"{"model": "chat", "model": "other", "messages": []}"#, 400, None),
        (r#"{"model": "chat", "mod\u0065l": "other", "messages": []}"#, 400, None),
    ] {
        let answer = caller.post("/v1/chat/completions", body).await?;
        let error = &answer.json()["error"];
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.body);
        assert!(error["message"].is_string() && error["type"].is_string(), "{}", answer.body);
        assert!(answer.headers.contains_key("x-request-id"));
        if let Some(code) = code {
            assert_eq!(error["code"], code);
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.contains("nobody") && message.contains("GET /v1/models"), "{message}");
        }
    }
    assert_eq!(world.provider.counts("sk-good-00001").requests, 0);
    Ok(())
}
