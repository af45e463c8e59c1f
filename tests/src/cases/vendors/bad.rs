//! What is said of a bad key: when it is given where something free tells, else by its first request.

use anyhow::{Context as _, ensure};
use proto::admin::v1::{
    CreateCredentialRequest, CredentialState, CredentialStateReason, DeleteCredentialRequest, UpdateCredentialRequest,
};
use tonic::Code;

use super::table::BadKey;
use super::{Bench, Connected, Row, serve};
use crate::cases::reason;
use crate::condition::eventually;
use crate::standin::{Account, Topic};

const DEAD: &str = "dead";

/// What the stand-in knows a row's dead credential by.
fn dead_key(row: &Row) -> String {
    let good = row.good_key();
    if let Some(domain) = good.strip_prefix("good@") {
        return format!("{DEAD}@{domain}");
    }
    let mut dead = good;
    dead.replace_range(5..9, "DEAD");
    dead
}

pub(super) async fn is_told(bench: &Bench, row: &Row, connected: &Connected) -> anyhow::Result<()> {
    let admin = bench.admin()?;
    let request = CreateCredentialRequest {
        parent: connected.provider.clone(),
        credential_id: DEAD.into(),
        credential: Some(row.credential(&connected.upstream, Account::Dead, &dead_key(row))),
        ..Default::default()
    };
    let created = admin.credentials().create_credential(request.clone()).await;
    match row.bad {
        BadKey::AtOnce => {
            let refused = created.err().context("it is refused")?;
            ensure!(refused.code() == Code::FailedPrecondition, "{refused:?}");
            ensure!(reason(&refused) == "CREDENTIAL_REJECTED", "{refused:?}");
            ensure!(!format!("{refused:?}").contains(&dead_key(row)), "the refusal shows the key: {refused:?}");
            // Nor does it help to skip the validation: it was rejected outright.
            let request = CreateCredentialRequest { skip_validation: true, ..request };
            let refused = admin.credentials().create_credential(request).await.err().context("it is refused again")?;
            ensure!(reason(&refused) == "CREDENTIAL_REJECTED", "{refused:?}");
            turns_inactive(bench, row, connected).await
        }
        BadKey::OnFirstUse => {
            let created = created?.into_inner();
            ensure!(created.state() == CredentialState::Unverified, "{created:?}");
            ensure!(created.state_reason() == CredentialStateReason::NotYetUsed, "{created:?}");
            let result = found_by_traffic(bench, row, connected, &created.name).await;
            let request = DeleteCredentialRequest { name: created.name, ..Default::default() };
            admin.credentials().delete_credential(request).await?;
            result
        }
    }
}

/// A stored one that was revoked since is found by a check, and told in the resource.
async fn turns_inactive(bench: &Bench, row: &Row, connected: &Connected) -> anyhow::Result<()> {
    let admin = bench.admin()?;
    connected.upstream.give(&row.good_key(), Account::Dead);
    connected.upstream.expire_tokens();
    let checked = admin.check_credential(&connected.credential).await?;
    ensure!(checked.state() == CredentialState::Inactive, "{checked:?}");
    ensure!(checked.state_reason() == CredentialStateReason::Rejected, "{checked:?}");
    let error = checked.last_error.context("the error is told")?;
    ensure!(error.reason == "CREDENTIAL_REJECTED" && error.upstream_status >= 400, "{error:?}");
    ensure!(!error.message.is_empty() && !error.message.contains(&row.good_key()), "{error:?}");
    Ok(())
}

/// Requests meet the bad key, are served by the good one, and the bad one goes.
async fn found_by_traffic(bench: &Bench, row: &Row, connected: &Connected, name: &str) -> anyhow::Result<()> {
    let admin = bench.admin()?;
    admin.rolled_out(0).await?;
    for (index, proxy) in bench.proxies.iter().enumerate() {
        let caller = proxy.caller(&bench.caller_key);
        eventually("the dead one was tried", async || {
            let answer = serve::chat(&caller, row.api, &connected.model, Topic::Chat).await.ok()?;
            assert_eq!(answer.status, 200, "{}", answer.text());
            (connected.upstream.seen_of(Topic::Chat, &dead_key(row)).len() > index).then_some(())
        })
        .await?;
    }
    eventually("it turns inactive", async || {
        let credential = admin.credential(name).await.ok()?;
        let is_rejected = credential.state_reason() == CredentialStateReason::Rejected;
        (credential.state() == CredentialState::Inactive && is_rejected).then_some(())
    })
    .await?;
    // A new value is wanted again.
    let fresh = row.credential(&connected.upstream, Account::Good, &row.good_key());
    let request = UpdateCredentialRequest {
        credential: Some(proto::admin::v1::Credential { name: name.to_owned(), ..fresh }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["value".into()] }),
        ..Default::default()
    };
    let given = admin.credentials().update_credential(request).await?.into_inner();
    ensure!(given.state() != CredentialState::Inactive, "{given:?}");
    Ok(())
}
