//! Who is kept out of the sync stream.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::admin::v1::JoinToken;
use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{Held, ProxyFrame, control_frame};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::control::Control;
use crate::http::metric;
use crate::proxy::Proxy;
use crate::sync::{CONTROL_NAME, Identity, Subject, connect, enroll, tls};

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
    refused(port, &once, "second", Code::FailedPrecondition, "as often as it may be").await;

    let gone = admin.make_join_token("gone", &[ALL], 0).await?;
    let request = proto::admin::v1::DeleteJoinTokenRequest { name: gone.name.clone(), ..Default::default() };
    admin.fleet().delete_join_token(request).await?;
    refused(port, &gone, "third", Code::Unauthenticated, "revoked").await;

    // Thirty seconds past its time are tolerated, as clocks differ: this one is older.
    let request = proto::admin::v1::CreateJoinTokenRequest {
        join_token_id: "expired".into(),
        join_token: Some(JoinToken {
            environments: vec![ALL.into()],
            expire_time: Some((SystemTime::now() - Duration::from_secs(60)).into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let expired = admin.fleet().create_join_token(request).await?.into_inner();
    refused(port, &expired, "fourth", Code::Unauthenticated, "expired").await;
    let status = admin.system().get_status(proto::admin::v1::GetStatusRequest {}).await?.into_inner();
    assert_eq!(status.proxies, 1, "nobody joined but the first");
    Ok(())
}

/// Somebody who comes with a join token is told no, and why.
async fn refused(port: u16, token: &JoinToken, node_id: &str, expected: Code, why: &str) {
    let error = enroll(port, &token.ca_certificate, &token.plaintext, node_id, Subject::None).await.unwrap_err();
    assert_eq!(code(&error), Some(expected), "{error:#}");
    assert!(error.to_string().contains(why), "{error:#}");
}

/// An identity with a proxy's name in it, of a CA that is not the control plane's.
fn forged(proxy: &str) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(format!("keyplane://proxy/{proxy}").try_into()?)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &ca)?.der().clone();
    Ok((vec![certificate, ca.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
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

    // A certificate of another CA, with the name of a proxy that there is.
    let known = enroll(control.sync_port(), &token.ca_certificate, &token.plaintext, "known", Subject::None).await?;
    let identity = forged(known.proxy.trim_start_matches("proxies/"))?;
    // The client of TLS 1.3 learns of the refusal with the first answer only.
    if let Ok(channel) = connect(control.sync_port(), Arc::new(tls(&token.ca_certificate, Some(identity))?)).await {
        let (_frames, rx) = tokio::sync::mpsc::channel::<ProxyFrame>(1);
        assert!(SyncServiceClient::new(channel).sync(ReceiverStream::new(rx)).await.is_err());
    }
    let metrics = control.metrics().await?;
    assert!(metric(&metrics, "keyplane_sync_handshakes_failed_total", "") >= 1.0, "{metrics}");
    assert_eq!(metric(&metrics, "keyplane_sync_streams", ""), 0.0);
    // It was the CA: with the name from the right one there is a stream.
    known.open(vec![]).await?;
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

    let truly = session.held();
    drop(session);
    // Another proof than the position's, and another position than the proof's: one that would pass for a rollback if it were believed.
    let mut proof_forged = truly.clone();
    proof_forged[0].proof = proof_forged[0].proof.iter().map(|byte| byte ^ 1).collect::<Vec<_>>().into();
    let mut position_forged = truly.clone();
    position_forged[0].position.as_mut().unwrap().revision += 1_000;
    for (count, forged) in [proof_forged, position_forged].into_iter().enumerate() {
        assert_eq!(first_snapshot(&identity, forged).await?, environment);
        let metrics = control.metrics().await?;
        let counted = metric(&metrics, "keyplane_sync_hellos_total", "SnapshotBadProof");
        assert_eq!(counted, count as f64 + 1.0, "{metrics}");
    }
    // The true one is believed.
    let mut session = identity.open(truly).await?;
    session.next().await?;
    let metrics = control.metrics().await?;
    assert_eq!(metric(&metrics, "keyplane_sync_hellos_total", "UpToDate"), 1.0, "{metrics}");
    Ok(())
}

/// The environment of the first snapshot that a hello is answered with.
async fn first_snapshot(identity: &Identity, held: Vec<Held>) -> anyhow::Result<String> {
    let mut session = identity.open(held).await?;
    let begins = async {
        loop {
            if let Some(control_frame::Frame::SnapshotBegin(begin)) = session.next().await?.frame {
                return anyhow::Ok(begin.environment);
            }
        }
    };
    tokio::time::timeout(crate::condition::PATIENCE, begins).await?
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
        log.contains("does not have the CA that the join token pins").then_some(())
    })
    .await?;
    // It told its join token to nobody.
    let metrics = control.metrics().await?;
    assert_eq!(metric(&metrics, "keyplane_sync_enrollments_total", ""), 0.0, "{metrics}");
    assert_eq!(metric(&metrics, "keyplane_sync_streams", ""), 0.0);
    assert!(proxy.process()?.has_ended()?.is_none(), "it goes on trying");
    Ok(())
}
