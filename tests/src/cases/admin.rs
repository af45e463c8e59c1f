//! The admin API's mechanics, as every resource has them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use prost_types::FieldMask;
use proto::admin::v1::{
    CreateCallerKeyRequest, CreateModelRequest, CreateProjectRequest, DeleteProjectRequest, GetProjectRequest,
    ListProjectsRequest, Model, Project, Provider, Target, UpdateProjectRequest,
};
use shared::task::Tasks;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::reason;
use crate::admin::Admin;
use crate::control::Control;
use crate::world::{PROJECT, PROVIDER, World};

fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

async fn rename(admin: &Admin, display_name: &str, etag: &str, mask: &[&str]) -> Result<Project, Status> {
    let paths = mask.iter().map(|&path| path.to_owned()).collect();
    let request = UpdateProjectRequest {
        project: Some(Project {
            name: "projects/acme".into(),
            display_name: display_name.to_owned(),
            etag: etag.to_owned(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    Ok(admin.projects().update_project(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_etag_is_aborted_and_a_current_one_is_taken() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    let first = admin.make_project("acme").await?;
    let second = rename(&admin, "Acme", &first.etag, &["display_name"]).await?;
    assert_ne!(first.etag, second.etag);
    assert_eq!((second.generation, second.uid == first.uid), (2, true));
    let stale = rename(&admin, "Other", &first.etag, &["display_name"]).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let request = DeleteProjectRequest { name: first.name, etag: first.etag, ..Default::default() };
    assert_eq!(admin.projects().delete_project(request).await.unwrap_err().code(), Code::Aborted);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_id_answers_the_same_and_another_body_is_refused() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    let create = |display_name: &str| CreateProjectRequest {
        project: Some(Project { display_name: display_name.into(), ..Default::default() }),
        request_id: "once".into(),
        ..Default::default()
    };
    let first = admin.projects().create_project(create("Acme")).await?.into_inner();
    assert_eq!(admin.projects().create_project(create("Acme")).await?.into_inner(), first);
    let reused = admin.projects().create_project(create("Other")).await.unwrap_err();
    assert_eq!((reused.code(), reason(&reused).as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));

    // A plaintext that is shown once is shown again to the one who repeats the request, even after a kill.
    let environment = admin.make_environment(&first.name, "production").await?;
    let key = CreateCallerKeyRequest {
        parent: first.name.clone(),
        caller_key_id: "app".into(),
        caller_key: Some(proto::admin::v1::CallerKey { environment: environment.name, ..Default::default() }),
        request_id: "key-once".into(),
        ..Default::default()
    };
    let made = admin.caller_keys().create_caller_key(key.clone()).await?.into_inner();
    assert!(made.plaintext.starts_with("kp_"));
    control.kill()?;
    control.start_again().await?;
    assert_eq!(control.admin()?.caller_keys().create_caller_key(key).await?.into_inner().plaintext, made.plaintext);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_with_an_unknown_path_is_refused_and_output_only_paths_are_ignored() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    let unknown = rename(&admin, "Acme", "", &["display_name", "colour"]).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
    assert!(fields(&unknown).iter().any(|field| field.contains("update_mask")), "{:?}", fields(&unknown));
    let updated = rename(&admin, "Acme", "", &["display_name", "uid", "revision", "create_time"]).await?;
    assert_eq!(updated.display_name, "Acme");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named_at_once() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    let request = proto::admin::v1::CreateProviderRequest {
        parent: "projects/acme".into(),
        provider_id: "Not An Id".into(),
        provider: Some(Provider {
            vendor: "No Vendor".into(),
            adapter: proto::admin::v1::Adapter::Openai.into(),
            base_url: "ftp://user@host/".into(),
            environments: vec!["projects/acme/environments/nowhere".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = admin.providers().create_provider(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let fields = fields(&refused).join(" ");
    for field in ["provider_id", "display_name", "vendor", "base_url", "environments"] {
        assert!(fields.contains(field), "{field} is missing in {fields}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_range_is_named() -> anyhow::Result<()> {
    let world = World::start(&[("sk-range-00001", 1)], 0).await?;
    let heavy = world.admin.make_credential(PROVIDER, "heavy", "sk-range-00001", 101).await.unwrap_err();
    assert_eq!(fields(&heavy.downcast()?), ["credential.weight"]);
    let target =
        Target { provider: PROVIDER.into(), upstream_model: "gpt-4o".into(), weight: Some(101), ..Default::default() };
    let request = CreateModelRequest {
        parent: PROJECT.into(),
        model_id: "heavy".into(),
        model: Some(Model { targets: vec![target], ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(fields(&world.admin.models().create_model(request).await.unwrap_err()), ["model.targets[0].weight"]);
    let request = ListProjectsRequest { page_size: -1, ..Default::default() };
    assert_eq!(fields(&world.admin.projects().list_projects(request).await.unwrap_err()), ["page_size"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_neither_skips_nor_repeats_what_stays_while_others_come_and_go() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    for index in 0..60 {
        admin.make_project(&format!("stays-{index:03}")).await?;
    }
    let (writer, tasks, made) = (admin.clone(), Tasks::new(), Arc::new(AtomicU32::new(0)));
    let (stopping, counted) = (tasks.clone(), Arc::clone(&made));
    tasks.spawn("writer", async move {
        for count in 0_u32.. {
            counted.store(count, Ordering::Relaxed);
            // Before, between and after those that stay.
            let id = format!("{}-goes-{count}", ["a", "stays-030", "z"][count as usize % 3]);
            if stopping.is_stopping() || writer.make_project(&id).await.is_err() {
                return;
            }
            let request = DeleteProjectRequest { name: format!("projects/{id}"), ..Default::default() };
            if writer.projects().delete_project(request).await.is_err() {
                return;
            }
        }
    });
    let enough = || made.load(Ordering::Relaxed) >= 50;
    for round in 0.. {
        if round >= 5 && enough() {
            break;
        }
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListProjectsRequest { page_size: 7, page_token, ..Default::default() };
            let page = admin.projects().list_projects(request).await?.into_inner();
            seen.extend(page.projects.into_iter().map(|project| project.name).filter(|name| !name.contains("goes")));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert!(seen.is_sorted());
        assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (60, 60));
    }
    tasks.stopped().await;

    let first = admin.projects().list_projects(ListProjectsRequest { page_size: 7, ..Default::default() }).await?;
    let foreign = ListProjectsRequest {
        page_token: first.into_inner().next_page_token,
        filter: "display_name = other".into(),
        ..Default::default()
    };
    let refused = admin.projects().list_projects(foreign).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_race_for_a_display_name_one_wins() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    for round in 0..20 {
        let make = async |id: &str| {
            let project = Project { display_name: format!("Wanted {round}"), ..Default::default() };
            let request = CreateProjectRequest {
                project_id: format!("{id}-{round}"),
                project: Some(project),
                ..Default::default()
            };
            control.admin().unwrap().projects().create_project(request).await
        };
        let answers = tokio::join!(make("a"), make("b"));
        let refused: Vec<_> = [answers.0, answers.1].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!((refused[0].code(), reason(&refused[0]).as_str()), (Code::AlreadyExists, "DISPLAY_NAME_TAKEN"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_refused_before_anything_is_said() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let stranger = Admin::new(&control.admin_url(), "kpa_0000000000000000000000000000000000000000000000000")?;
    let request = GetProjectRequest { name: "projects/acme".into() };
    let refused = stranger.projects().get_project(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, "TOKEN_INVALID"));
    Ok(())
}
