//! The fleet service beside a running sync side.

use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use proto::admin::v1::fleet_service_server::FleetService as _;
use proto::admin::v1::{self};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};

use super::Fleet;
use crate::access::{Call, bootstrap_principal};
use crate::bootstrap;
use crate::sync::projection::tests::Operation;
use crate::sync::tests::harness::{Control, soon, token};

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let (principal, permission) = (bootstrap_principal(), "any:Any".into());
    request.extensions_mut().insert(Call { principal, permission, now: SystemTime::now() });
    request
}

fn service(control: &Control) -> Fleet {
    Fleet::new(control.context(), Some(control.sync().clone()))
}

#[tokio::test]
async fn a_join_token_shows_its_plaintext_once_and_counts_its_uses() {
    let control = Control::start().await;
    let fleet = service(&control);
    let environments = vec!["projects/-/environments/production".to_owned()];
    let given = v1::JoinToken { environments, max_uses: 1, ..Default::default() };
    let create =
        v1::CreateJoinTokenRequest { join_token_id: "edge".into(), join_token: Some(given), ..Default::default() };
    let made = fleet.create_join_token(request(create)).await.unwrap().into_inner();
    assert!(made.plaintext.starts_with("kpj_edge."));
    assert!(made.ca_certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    control.enroll(&made.plaintext, "edge-1").await.unwrap();
    assert_eq!(control.enroll(&made.plaintext, "edge-2").await.unwrap_err().code(), Code::FailedPrecondition);
    let get = || v1::GetJoinTokenRequest { name: made.name.clone() };
    let read = fleet.get_join_token(request(get())).await.unwrap().into_inner();
    assert_eq!((read.plaintext.as_str(), read.uses), ("", 1));
    let delete = v1::DeleteJoinTokenRequest { name: made.name.clone(), ..Default::default() };
    assert!(fleet.delete_join_token(request(delete)).await.unwrap().into_inner().revision > 0);
    assert_eq!(control.enroll(&made.plaintext, "edge-1").await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_proxy_is_shown_with_what_it_has_applied_and_a_rollout_waits_for_it() {
    let control = Control::start().await;
    let fleet = service(&control);
    let text = control.join_token(token("projects/-/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let mut stream = proxy.sync(&[]).await.unwrap();
    stream.welcome().await;
    let mut held = stream.snapshot().await;
    let revision = control.apply(&Operation::PutCallerKey { key: 0, environment: 0, disabled: false }).await;
    stream.delta(&mut held).await;
    stream.applied(&held).await;
    let wait = v1::WaitForRolloutRequest { revision: revision.0, ..Default::default() };
    let rollout = soon(fleet.wait_for_rollout(request(wait))).await.unwrap().into_inner();
    assert!(rollout.complete);
    assert_eq!(rollout.acknowledged[0].proxy, "proxies/edge-1");
    let filter = "connected = true AND node_id = edge-1".to_owned();
    let list = v1::ListProxiesRequest { filter, ..Default::default() };
    let listed = fleet.list_proxies(request(list)).await.unwrap().into_inner().proxies;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].acked_revision, listed[0].version.as_str()), (revision.0, "test"));
    assert_eq!(listed[0].environments, ["projects/p/environments/production"]);
    let beyond = v1::WaitForRolloutRequest { revision: revision.0 + 9, ..Default::default() };
    assert_eq!(fleet.wait_for_rollout(request(beyond)).await.unwrap_err().code(), Code::InvalidArgument);
    let unknown = v1::GetProxyRequest { name: "proxies/nobody".into() };
    assert_eq!(fleet.get_proxy(request(unknown)).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_watcher_sees_proxies_come_change_and_go() {
    let control = Control::start().await;
    let fleet = service(&control);
    let watch = fleet.watch_proxies(request(v1::WatchProxiesRequest {})).await.unwrap();
    let mut watch = watch.into_inner();
    assert!(soon(watch.next()).await.unwrap().unwrap().proxies.is_empty());
    let text = control.join_token(token("projects/-/environments/production")).await;
    let mut proxy = control.enroll(&text, "edge-1").await.unwrap();
    let _stream = proxy.sync(&[]).await.unwrap();
    let mut connected = false;
    while !connected {
        let news = soon(watch.next()).await.unwrap().unwrap();
        connected = news.proxies.iter().any(|proxy| proxy.name == "proxies/edge-1" && proxy.connected);
    }
    control.delete("status/proxies/edge-1").await;
    let mut removed = Vec::new();
    while removed.is_empty() {
        removed = soon(watch.next()).await.unwrap().unwrap().removed;
    }
    assert_eq!(removed, ["proxies/edge-1"]);
}

#[tokio::test]
async fn the_bootstrap_join_token_is_written_once_and_does_not_come_back_after_it_was_revoked() {
    let control = Control::start().await;
    let fleet = service(&control);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("join-token");
    let context = control.context();
    let start = async || {
        let pin = control.sync().ca().pin();
        let view = context.views.load();
        bootstrap::join_token(&*context.store, &view, &fleet, pin, &path, SystemTime::now()).await.unwrap();
    };
    start().await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    control.enroll(text.trim(), "edge-1").await.unwrap();
    start().await;
    let delete = v1::DeleteJoinTokenRequest { name: "joinTokens/bootstrap".into(), ..Default::default() };
    fleet.delete_join_token(request(delete)).await.unwrap();
    control.delete("status/proxies/edge-1").await;
    start().await;
    assert_eq!(control.enroll(text.trim(), "edge-1").await.unwrap_err().code(), Code::Unauthenticated);
}
