//! Who is kept out of the sync stream.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{ProxyFrame, control_frame};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::control::Control;
use crate::http::metric;
use crate::proxy::Proxy;
use crate::sync::{CONTROL_NAME, Subject, connect, enroll, tls};

const ALL: &str = "projects/-/environments/-";

fn code(error: &anyhow::Error) -> Option<Code> {
    error.downcast_ref::<Status>().map(Status::code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_that_is_revoked_expired_or_spent_admits_nobody() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    let port = control.sync_port();

    let once = admin.make_join_token("once", &[ALL], 1).await?;
    enroll(port, &once.ca_certificate, &once.plaintext, "first", Subject::None).await?;
    // The same node may come back; another one may not.
    enroll(port, &once.ca_certificate, &once.plaintext, "first", Subject::None).await?;
    let spent = enroll(port, &once.ca_certificate, &once.plaintext, "second", Subject::None).await.unwrap_err();
    assert!(code(&spent).is_some(), "{spent:#}");

    let gone = admin.make_join_token("gone", &[ALL], 0).await?;
    let request = proto::admin::v1::DeleteJoinTokenRequest { name: gone.name, ..Default::default() };
    admin.fleet().delete_join_token(request).await?;
    let revoked = enroll(port, &gone.ca_certificate, &gone.plaintext, "third", Subject::None).await.unwrap_err();
    assert!(code(&revoked).is_some(), "{revoked:#}");

    // Thirty seconds past its time are tolerated, as clocks differ: this one is older.
    let request = proto::admin::v1::CreateJoinTokenRequest {
        join_token: Some(proto::admin::v1::JoinToken {
            environments: vec![ALL.into()],
            expire_time: Some((SystemTime::now() - Duration::from_secs(60)).into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    match admin.fleet().create_join_token(request).await {
        Ok(expired) => {
            let expired = expired.into_inner();
            let refused = enroll(port, &expired.ca_certificate, &expired.plaintext, "fourth", Subject::None).await;
            assert!(code(&refused.unwrap_err()).is_some());
        }
        // A token that could never be used may be refused at once.
        Err(refused) => assert_eq!(refused.code(), Code::InvalidArgument),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_of_our_ca_there_is_no_stream() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let token = control.admin()?.make_join_token("fleet", &[ALL], 0).await?;

    let channel = connect(control.sync_port(), Arc::new(tls(&token.ca_certificate, None)?)).await?;
    let (_frames, rx) = tokio::sync::mpsc::channel::<ProxyFrame>(1);
    let refused = SyncServiceClient::new(channel).sync(ReceiverStream::new(rx)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    // A certificate of another CA, with all the right names in it.
    let key = rcgen::KeyPair::generate()?;
    let forged = rcgen::CertificateParams::new(["proxy".to_owned()])?.self_signed(&key)?;
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let identity = Some((vec![forged.der().clone()], key));
    let channel = connect(control.sync_port(), Arc::new(tls(&token.ca_certificate, identity)?)).await;
    if let Ok(channel) = channel {
        let (_frames, rx) = tokio::sync::mpsc::channel::<ProxyFrame>(1);
        assert!(SyncServiceClient::new(channel).sync(ReceiverStream::new(rx)).await.is_err());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csr_that_asks_for_the_control_plane_s_name_does_not_get_it() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let token = control.admin()?.make_join_token("fleet", &[ALL], 0).await?;
    let port = control.sync_port();
    match enroll(port, &token.ca_certificate, &token.plaintext, "impostor", Subject::Control).await {
        Ok(identity) => {
            let holds = |name: &[u8]| identity.certificate.windows(name.len()).any(|window| window == name);
            assert!(!holds(CONTROL_NAME.as_bytes()), "the certificate has the server's name");
            assert!(holds(b"keyplane://proxy/"), "the certificate has the proxy's own name");
        }
        Err(refused) => assert_eq!(code(&refused), Some(Code::InvalidArgument)),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_with_a_forged_position_gets_a_whole_snapshot() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    let environment = admin.make_environment("projects/acme", "production").await?.name;
    let key = admin.make_caller_key("projects/acme", "app", &environment).await?;
    let token = admin.make_join_token("fleet", &[ALL], 0).await?;
    let identity =
        enroll(control.sync_port(), &token.ca_certificate, &token.plaintext, "forger", Subject::None).await?;
    let mut session = identity.open(vec![]).await?;
    session.reaches(&environment, key.revision).await?;

    let mut held = session.held();
    for one in &mut held {
        let mut proof = one.proof.to_vec();
        proof[0] ^= 1;
        one.proof = proof.into();
    }
    drop(session);
    let mut session = identity.open(held).await?;
    let begins = async {
        loop {
            if let Some(control_frame::Frame::SnapshotBegin(begin)) = session.next().await?.frame {
                return anyhow::Ok(begin.environment);
            }
        }
    };
    assert_eq!(tokio::time::timeout(crate::condition::PATIENCE, begins).await??, environment);
    let metrics = control.metrics().await?;
    assert!(metric(&metrics, "keyplane_sync_hellos_total", "SnapshotBadProof") >= 1.0, "{metrics}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_with_a_wrong_pin_does_not_trust_the_control_plane() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let token = control.admin()?.make_join_token("fleet", &[ALL], 0).await?.plaintext;
    let (rest, pin) = token.rsplit_once('.').unwrap();
    let other = if pin.starts_with('0') { "1" } else { "0" };
    let file = dir.path().join("wrong-pin");
    std::fs::write(&file, format!("{rest}.{other}{}", &pin[1..]))?;
    let mut proxy = Proxy::new(dir.path(), "careful", &control.sync_url(), &file)?;
    proxy.spawn()?;
    crate::condition::eventually("the log says so", async || {
        let log = proxy.process().ok()?.log().ok()?;
        (log.contains("pin") || log.contains("not to be trusted")).then_some(())
    })
    .await?;
    let metrics = control.metrics().await?;
    assert_eq!(metric(&metrics, "keyplane_sync_streams", ""), 0.0);
    Ok(())
}
