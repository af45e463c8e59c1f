//! A real client over the real TLS listener, with the store in memory.

pub(crate) mod harness;

use std::time::{Duration, SystemTime};

use proto::sync::v1::control_frame::Frame as Kind;
use proto::sync::v1::directive::Directive;
use proto::sync::v1::{self, proxy_frame};
use shared::name::ResourceName as _;
use shared::revision::Revision;
use tonic::Code;

use self::harness::{Control, Held, token};
use super::fleet::rollout::{self, Detached, Target};
use super::projection::tests::{self as model, Operation};

fn caller_key(key: usize, environment: usize) -> Operation {
    Operation::PutCallerKey { key, environment, disabled: false }
}

#[tokio::test]
async fn a_proxy_enrolls_gets_a_snapshot_then_deltas_and_resumes_without_a_snapshot() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/-/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    assert_eq!(stream.welcome().await.environments, ["projects/p/environments/production"]);
    let mut held = stream.snapshot().await;
    let secret = control.secret().to_owned();
    assert!(held.state.values().any(|(_, put)| put.windows(secret.len()).any(|bytes| bytes == secret.as_bytes())));
    stream.applied(&held).await;

    let revision = control.apply(&caller_key(0, 0)).await;
    stream.delta(&mut held).await;
    assert_eq!(held.position.revision, revision.0);
    stream.applied(&held).await;
    control.applied_by("proxies/edge-1", revision).await;
    drop(stream);

    let mut stream = proxy.sync(&[held.claim()]).await.unwrap();
    stream.welcome().await;
    let revision = control.apply(&caller_key(1, 0)).await;
    stream.delta(&mut held).await;
    assert_eq!(held.position.revision, revision.0);
    assert_eq!(control.metrics().snapshots_sent.get(), 1);
}

#[tokio::test]
async fn a_proxy_that_was_away_gets_the_deltas_that_it_missed() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let mut held = stream.snapshot().await;
    drop(stream);
    control.published(control.apply(&caller_key(0, 0)).await).await;
    let last = control.apply(&Operation::DeleteCallerKey(0)).await;
    control.published(last).await;
    let mut stream = proxy.sync(&[held.claim()]).await.unwrap();
    stream.welcome().await;
    while held.position.revision < last.0 {
        stream.delta(&mut held).await;
    }
    assert_eq!(control.metrics().snapshots_sent.get(), 1);
}

#[tokio::test]
async fn a_control_plane_that_was_restarted_bridges_to_its_revision() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.clone().sync(&[]).await.unwrap();
    stream.welcome().await;
    let mut held = stream.snapshot().await;
    drop(stream);
    // Something of another environment moves the store's head.
    control.apply(&caller_key(0, 1)).await;
    let control = control.restart().await;
    let mut stream = control.with_identity(proxy).sync(&[held.claim()]).await.unwrap();
    stream.welcome().await;
    stream.delta(&mut held).await;
    assert_eq!(held.position.revision, control.head().0);
    let revision = control.apply(&caller_key(0, 0)).await;
    stream.delta(&mut held).await;
    assert_eq!(held.position.revision, revision.0);
    assert_eq!(control.metrics().snapshots_sent.get(), 0);
}

#[tokio::test]
async fn a_forged_position_gets_a_snapshot_and_is_counted() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let held = stream.snapshot().await;
    let mut forged = held.claim();
    forged.position.as_mut().unwrap().revision -= 1;
    let mut stream = proxy.sync(&[forged]).await.unwrap();
    stream.welcome().await;
    assert_eq!(stream.snapshot().await.state, held.state);
    assert!(
        control.metrics_text().contains("hellos_total{decision=\"SnapshotBadProof\"} 1"),
        "{}",
        control.metrics_text()
    );
}

#[tokio::test]
async fn join_tokens_that_may_not_be_used_are_refused_and_say_why() {
    let control = Control::start().await;
    let environment = "projects/p/environments/production";
    let expired = harness::Token { expire_time: Some(SystemTime::UNIX_EPOCH), ..token(environment) };
    let once = harness::Token { max_uses: 1, ..token(environment) };
    let expired = control.join_token(harness::Token { id: "expired", ..expired }).await;
    let spent = control.join_token(harness::Token { id: "spent", ..once }).await;
    let revoked = control.join_token(harness::Token { id: "revoked", ..token(environment) }).await;
    control.delete("spec/joinTokens/revoked").await;
    control.enroll(&spent, "first").await.unwrap();
    control.enroll(&spent, "first").await.expect("the same node takes its name over and no use is counted");
    let (body, pin) = spent.rsplit_once('.').unwrap();
    let other_pin = format!("{body}.{}", pin.chars().rev().collect::<String>());
    let id_and_secret = body.rsplit_once('.').unwrap();
    let other_secret = format!("{}.{}.{pin}", id_and_secret.0, "0".repeat(64));
    for (text, code, says) in [
        (expired.as_str(), Code::Unauthenticated, "expired"),
        (&spent, Code::FailedPrecondition, "used 1 times"),
        (&revoked, Code::Unauthenticated, "unknown or was revoked"),
        (&other_pin, Code::Unauthenticated, "another control plane"),
        (&other_secret, Code::Unauthenticated, "unknown or was revoked"),
        ("kpj_nonsense", Code::Unauthenticated, "form"),
    ] {
        let status = control.enroll(text, "second").await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(says), "{status}");
    }
}

#[tokio::test]
async fn calls_of_proxies_need_a_certificate_of_this_ca() {
    let control = Control::start().await;
    let status = control.anonymous().sync(&[]).await.err().expect("no certificate");
    assert_eq!(status.code(), Code::Unauthenticated);
    let before = control.metrics().handshakes_failed.get();
    assert!(control.foreign().sync(&[]).await.is_err(), "a foreign CA's certificate");
    assert_eq!(control.metrics().handshakes_failed.get(), before + 1);
}

#[tokio::test]
async fn a_revoked_proxys_stream_ends_and_its_certificate_is_refused() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/-/environments/-")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    control.delete("status/proxies/edge-1").await;
    assert_eq!(stream.end().await.code(), Code::Unauthenticated);
    assert_eq!(proxy.sync(&[]).await.err().unwrap().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn the_same_node_id_takes_its_name_over_and_the_older_stream_ends() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/-/environments/-")).await;
    let mut older = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = older.sync(&[]).await.unwrap();
    stream.welcome().await;
    let newer = control.enroll(&text, "edge-1").await.unwrap();
    assert_eq!(newer.name(), older.name());
    assert_eq!(stream.end().await.code(), Code::FailedPrecondition);
    assert_eq!(older.sync(&[]).await.err().unwrap().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn environments_come_and_go_while_a_stream_is_open() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/-/environments/canary")).await;
    control.published(control.apply(&Operation::DeleteEnvironment(2)).await).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    assert!(stream.welcome().await.environments.is_empty());
    control.apply(&Operation::PutEnvironment(2)).await;
    let canary = model::environment(2).to_string();
    assert_eq!(stream.directive().await, Directive::EnvironmentGranted(canary.clone()));
    assert!(stream.snapshot().await.state.is_empty());
    control.apply(&Operation::DeleteEnvironment(2)).await;
    assert_eq!(stream.directive().await, Directive::EnvironmentWithdrawn(canary));
}

#[tokio::test]
async fn nothing_of_staging_is_in_any_byte_of_a_production_stream() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let mut held = stream.snapshot().await;
    let staging_only = [false, true, false];
    for at in 1..3 {
        let environments = staging_only;
        control.apply(&Operation::PutProvider { provider: at, environments, enabled: true, moved: false }).await;
    }
    control
        .apply(&Operation::PutModel { model: 0, targets: [true, true, true], environments: [true, true, false] })
        .await;
    let revision = control.apply(&caller_key(0, 0)).await;
    while held.position.revision < revision.0 {
        stream.delta(&mut held).await;
    }
    assert!(!stream.bytes_hold("betaprovider") && !stream.bytes_hold("gammaprovider") && !stream.bytes_hold("staging"));
    assert!(stream.bytes_hold("alphaprovider"));
}

#[tokio::test]
async fn a_refused_frame_is_answered_with_a_snapshot() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let held = stream.snapshot().await;
    stream.applied(&held).await;
    stream
        .send(proxy_frame::Frame::Refused(v1::Refused {
            environment: held.environment.clone(),
            revision: held.position.revision,
            reason: v1::RefusalReason::DigestMismatch.into(),
        }))
        .await;
    assert_eq!(stream.snapshot().await.state, held.state);
}

#[tokio::test]
async fn what_a_proxy_may_not_send_ends_its_stream() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let mut held: Held = stream.snapshot().await;
    held.position.revision += 1000;
    stream.applied(&held).await;
    assert_eq!(stream.end().await.code(), Code::InvalidArgument);
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.send(proxy_frame::Frame::Hello(v1::Hello { protocol_min: 1, protocol_max: 1, ..Default::default() })).await;
    assert_eq!(stream.end().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_rollout_is_complete_when_every_proxy_has_it() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let mut held = stream.snapshot().await;
    stream.applied(&held).await;
    let revision = control.apply(&caller_key(0, 0)).await;
    let target = Target { revision, environments: [].into(), detached: Detached::Count };
    let early = control.rollout(&target, Duration::from_millis(50)).await;
    assert!(!early.complete && early.pending.len() == 1);
    stream.delta(&mut held).await;
    stream.applied(&held).await;
    let done: rollout::Rollout = control.rollout(&target, Duration::from_secs(10)).await;
    assert!(done.complete);
    assert_eq!(done.acknowledged[0].revision, revision);
    let elsewhere = Target { revision: Revision(0), environments: [model::environment(1)].into(), ..target };
    assert!(control.rollout(&elsewhere, Duration::from_secs(10)).await.complete, "nobody serves staging");
}

#[tokio::test]
async fn uses_are_noted_of_what_the_proxy_has_and_of_nothing_else() {
    let mut control = Control::start().await;
    let revision = control.apply(&caller_key(0, 0)).await;
    control.views.wait_for(revision).await.unwrap();
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let view = control.views.load();
    let key = view.caller_keys.values().next().unwrap().clone();
    let provider = "projects/p/providers/alphaprovider";
    let own = format!("{provider}/credentials/c0");
    let names = [&own, provider, key.name.as_str(), "projects/p/providers/betaprovider", "projects/p", "", "x/y/z"];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let uses = names.map(|name| v1::Use { name: name.to_owned(), last_time_ms: now + 60_000, value_version: 1 });
    let batch = v1::Batch { boot_id: vec![1; 16].into(), sequence: 1, uses: uses.to_vec(), ..Default::default() };
    assert_eq!(proxy.report(vec![batch]).await, [1]);
    let reported = control.reported().await;
    assert_eq!(reported.told.uses, [(own.parse().unwrap(), 1)]);
    let used = control.views.last_used();
    let credential = view.credentials.get(own.as_str()).unwrap();
    let times = [used.of(credential), used.of(view.providers.get(provider).unwrap()), used.of(&key)];
    assert!(times.iter().all(Option::is_some), "{times:?}");
    assert!(times[0].unwrap().seconds as u64 <= now / 1000 + 30, "the future is now");
    let beta = view.providers.get("projects/p/providers/betaprovider");
    assert!(beta.is_none_or(|beta| used.of(beta).is_none()));
}

/// A proxy that tells more than one may is cut, and what it tells again and again is told on once.
#[tokio::test]
async fn a_flood_of_findings_is_one_finding_for_each_credential() {
    let mut control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let evidence = v1::CredentialEvidence {
        credential: "projects/p/providers/alphaprovider/credentials/c0".to_owned(),
        value_version: 1,
        finding: v1::Finding::Rejected.into(),
        count: 2,
        upstream_status: 401,
        ..Default::default()
    };
    let batch = |sequence| v1::Batch {
        boot_id: vec![1; 16].into(),
        sequence,
        credential_evidence: vec![evidence.clone(); 900],
        dropped: 7 * sequence,
        ..Default::default()
    };
    assert_eq!(proxy.report((1..=10).map(batch).collect()).await.len(), 10);
    let (mut findings, mut requests) = (0, 0);
    while let Some(reported) = control.try_reported() {
        findings += reported.told.evidence.len();
        requests += reported.told.evidence.iter().map(|evidence| evidence.count).sum::<u64>();
    }
    assert!(findings <= 10, "{findings}");
    assert!((2000..4000).contains(&requests), "a thousand at once, and fifty a second: {requests}");
    let mut registry = prometheus_client::registry::Registry::default();
    control.sync.register(&mut registry);
    let mut metrics = String::new();
    prometheus_client::encoding::text::encode(&mut metrics, &registry).unwrap();
    assert!(metrics.contains("evidence_dropped_total{reason=\"AtProxy\"} 70"), "{metrics}");
    assert!(metrics.contains("evidence_dropped_total{reason=\"TooFast\"}"), "{metrics}");
}

#[tokio::test]
async fn a_batch_is_counted_once_and_only_of_credentials_that_the_proxy_has() {
    let mut control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let evidence = |credential: &str| v1::CredentialEvidence {
        credential: credential.to_owned(),
        value_version: 1,
        finding: v1::Finding::Rejected.into(),
        count: 1,
        upstream_status: 401,
        ..Default::default()
    };
    let own = "projects/p/providers/alphaprovider/credentials/c0";
    let batch = |sequence| v1::Batch {
        boot_id: vec![1; 16].into(),
        sequence,
        credential_evidence: vec![evidence(own), evidence("projects/p/providers/betaprovider/credentials/c0")],
        dropped: 0,
        uses: Vec::new(),
    };
    assert_eq!(proxy.report(vec![batch(1), batch(1), batch(2)]).await, [1, 1, 2]);
    for _ in 0..2 {
        let reported = control.reported().await;
        assert_eq!(reported.told.evidence.len(), 1);
        assert_eq!(reported.told.evidence[0].credential.to_string(), own);
    }
    assert!(control.nothing_more_reported());
}

#[tokio::test]
async fn a_proxy_is_alone_with_a_provider_until_another_one_is_connected_that_has_it() {
    let mut control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let credential: shared::name::CredentialName = "projects/p/providers/alphaprovider/credentials/c0".parse().unwrap();
    let evidence = v1::CredentialEvidence {
        credential: credential.to_string(),
        value_version: 1,
        finding: v1::Finding::Exhausted.into(),
        count: 5,
        upstream_status: 429,
        ..Default::default()
    };
    let batch = |sequence| v1::Batch {
        boot_id: vec![1; 16].into(),
        sequence,
        credential_evidence: vec![evidence.clone()],
        ..Default::default()
    };
    proxy.report(vec![batch(1)]).await;
    assert_eq!(control.reported().await.told.shared, [].into());
    let mut other = control.enroll(&text, "edge-2").await.unwrap();
    proxy.report(vec![batch(2)]).await;
    assert_eq!(control.reported().await.told.shared, [].into(), "it has no stream yet");
    let mut stream = other.sync(&[]).await.unwrap();
    stream.welcome().await;
    proxy.report(vec![batch(3)]).await;
    assert_eq!(control.reported().await.told.shared, [credential.provider()].into());
}

#[tokio::test]
async fn a_stop_asks_proxies_to_reconnect_spread_out_and_ends_their_streams() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    stream.snapshot().await;
    control.stop();
    assert!(matches!(stream.directive().await, Directive::ReconnectWithin(_)));
    assert_eq!(stream.end().await.code(), Code::Unavailable);
    control.stopped().await;
}

#[tokio::test]
async fn a_certificate_is_renewed_for_its_own_name() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut renewed = proxy.renew().await.unwrap();
    assert_eq!(renewed.identity(), proxy.identity());
    let mut stream = renewed.sync(&[]).await.unwrap();
    let welcome = stream.next().await.unwrap();
    assert!(matches!(welcome, Kind::Welcome(_)));
}

#[tokio::test]
async fn a_proxy_that_never_acknowledges_is_closed_after_the_stall_time() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    stream.snapshot().await;
    tokio::time::pause();
    assert_eq!(stream.end_at_last().await.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_proxy_that_holds_what_the_store_lacks_is_sent_nothing() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let held = stream.snapshot().await;
    let ahead = control.proven_beyond_the_head(&held);
    let mut stream = proxy.sync(&[ahead]).await.unwrap();
    stream.welcome().await;
    control.published(control.apply(&caller_key(0, 0)).await).await;
    control.stop();
    assert!(matches!(stream.directive().await, Directive::ReconnectWithin(_)), "the next frame is the last one");
    assert!(control.metrics_text().contains("hellos_total{decision=\"Frozen\"} 1"));
}

#[tokio::test]
async fn one_encoding_serves_every_stream() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let mut streams = Vec::new();
    for node in ["edge-1", "edge-2", "edge-3"] {
        let mut proxy = control.enroll(&text, node).await.unwrap();
        let mut stream = proxy.sync(&[]).await.unwrap();
        stream.welcome().await;
        let held = stream.snapshot().await;
        streams.push((stream, held));
    }
    let before = control.metrics().encodings.get();
    let revision = control.apply(&caller_key(0, 0)).await;
    for (stream, held) in &mut streams {
        stream.delta(held).await;
        assert_eq!(held.position.revision, revision.0);
    }
    assert_eq!(control.metrics().encodings.get(), before + 1);
}

#[tokio::test]
async fn what_a_certificate_opened_ends_when_it_expires() {
    let control = Control::start().await;
    let text = control.join_token(token("projects/p/environments/production")).await;
    let proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut expiring = control.expiring(&proxy, Duration::from_secs(3));
    let mut stream = expiring.sync(&[]).await.unwrap();
    stream.welcome().await;
    let held = stream.snapshot().await;
    stream.applied(&held).await;
    let report = expiring.quiet_report_ends();
    let (end, report) = tokio::join!(stream.end(), report);
    for status in [end, report] {
        // Not unauthenticated: a proxy that has renewed connects again, and need not enroll.
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(status.message().contains("expired"), "{status}");
    }
    let mut stream = control.with_identity(proxy).sync(&[held.claim()]).await.unwrap();
    stream.welcome().await;
}
