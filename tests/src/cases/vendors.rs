//! Every vendor of the catalog with every type of credential that it takes: connected, checked, discovered, served, and its bad keys refused
//! with the right words, against stand-ins that answer in the vendors' own shapes.

mod bad;
pub(super) mod serve;
pub(super) mod table;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, ensure};
use proto::admin::v1::{
    CatalogEntry, CatalogValidation, ConnectProviderRequest, ConnectedModel, Credential, CredentialState,
    DiscoverModelsRequest, ExposedModel, ListCatalogRequest, Model, Provider, Target, TestConnectionRequest,
};
use tempfile::TempDir;

use super::reason;
use crate::admin::Admin;
use crate::condition::eventually;
use crate::control::Control;
use crate::proxy::Proxy;
use crate::standin::{Account, Api, StandIn};
use table::{BadKey, ROWS, Row};

const PROJECT: &str = "projects/acme";
const ENVIRONMENT: &str = "projects/acme/environments/production";

/// A control plane and a proxy, for some rows one after the other.
struct Bench {
    control: Control,
    /// Two: where nothing free tells of a key, the word of one would not be enough.
    proxies: [Proxy; 2],
    caller_key: String,
    dir: TempDir,
}

/// One row's provider, connected.
struct Connected {
    upstream: StandIn,
    entry: CatalogEntry,
    provider: String,
    credential: String,
    model: String,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let control = Control::start(dir.path()).await?;
        let admin = control.admin()?;
        admin.make_project("acme").await?;
        admin.make_environment(PROJECT, "production").await?;
        let caller_key = admin.make_caller_key(PROJECT, "application", ENVIRONMENT).await?.plaintext;
        let (url, token) = (control.sync_url(), control.join_token_file());
        let one = Proxy::start(dir.path(), "one", &url, &token).await?;
        let other = Proxy::start(dir.path(), "other", &url, &token).await?;
        Ok(Self { control, proxies: [one, other], caller_key, dir })
    }

    fn admin(&self) -> anyhow::Result<Admin> {
        self.control.admin()
    }

    /// An admin may ask providers ten times a minute, which a control plane that starts again has forgotten.
    async fn begin_a_row(&mut self) -> anyhow::Result<()> {
        self.control.kill()?;
        self.control.start_again().await
    }

    async fn catalog(&self) -> anyhow::Result<Vec<CatalogEntry>> {
        let request = ListCatalogRequest { page_size: 1_000, ..Default::default() };
        Ok(self.admin()?.providers().list_catalog(request).await?.into_inner().entries)
    }
}

impl Row {
    /// The row's provider resource, for a stand-in.
    fn provider(&self, upstream: &StandIn, entry: &CatalogEntry) -> Provider {
        Provider {
            display_name: self.id(),
            vendor: self.vendor.to_owned(),
            base_url: self.base_url(upstream, entry),
            region: self.region.to_owned(),
            config: self.config(upstream),
            environments: vec![ENVIRONMENT.to_owned()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        }
    }

    fn credential(&self, upstream: &StandIn, account: Account, id: &str) -> Credential {
        upstream.give(id, account);
        Credential { value: Some(self.value(upstream, id)), ..Default::default() }
    }
}

async fn connect(bench: &Bench, row: &Row) -> anyhow::Result<Connected> {
    let upstream = StandIn::start(row.api).await?;
    if row.open_list {
        upstream.open_list();
    }
    let entries = bench.catalog().await?;
    let entry = entries.into_iter().find(|entry| entry.vendor == row.vendor).context("the vendor is in the catalog")?;
    let model = ConnectedModel {
        model_id: row.id(),
        model: Some(Model {
            targets: vec![Target { upstream_model: row.model().to_owned(), ..Default::default() }],
            ..Default::default()
        }),
    };
    let request = ConnectProviderRequest {
        parent: PROJECT.into(),
        provider_id: row.id(),
        provider: Some(row.provider(&upstream, &entry)),
        credential_id: "good".into(),
        credential: Some(row.credential(&upstream, Account::Good, &row.good_key())),
        models: vec![model],
        ..Default::default()
    };
    let connected = bench.admin()?.providers().connect_provider(request).await?.into_inner();
    ensure!(connected.revision > 0 && connected.models.len() == 1, "{connected:?}");
    let (provider, credential) = (connected.provider.unwrap_or_default(), connected.credential.unwrap_or_default());
    bench.admin()?.rolled_out(connected.revision).await?;
    Ok(Connected { upstream, entry, provider: provider.name, credential: credential.name, model: row.id() })
}

/// What a good credential is after it was connected, and what a check says of it.
async fn check(bench: &Bench, row: &Row, connected: &Connected) -> anyhow::Result<()> {
    let admin = bench.admin()?;
    let expected: &[CredentialState] = match connected.entry.validation() {
        CatalogValidation::Free => &[CredentialState::Active],
        CatalogValidation::OnFirstUse => &[CredentialState::Unverified, CredentialState::Active],
        CatalogValidation::Unspecified => &[],
    };
    let stored = admin.credential(&connected.credential).await?;
    ensure!(expected.contains(&stored.state()), "after connecting: {stored:?}");
    ensure!(stored.masked_value == row.masked_value(), "{:?} is not {:?}", stored.masked_value, row.masked_value());
    let checked = admin.check_credential(&connected.credential).await?;
    ensure!(expected.contains(&checked.state()) && checked.last_error.is_none(), "after a check: {checked:?}");
    Ok(())
}

async fn discover(bench: &Bench, connected: &Connected) -> anyhow::Result<()> {
    let request = DiscoverModelsRequest { name: connected.provider.clone() };
    let discovered = bench.admin()?.providers().discover_models(request).await;
    if !connected.entry.lists_models {
        let refused = discovered.err().context("a vendor without a list is refused")?;
        ensure!(reason(&refused) == "MODEL_LISTING_UNSUPPORTED", "{refused:?}");
        return Ok(());
    }
    let discovered = discovered?.into_inner();
    let found: Vec<_> = discovered.models.iter().map(|model| model.upstream_model.clone()).collect();
    ensure!(found.is_sorted() && discovered.unlisted.is_empty(), "{discovered:?}");
    for model in connected.upstream.models().iter().filter(|model| !model.contains("embed")) {
        ensure!(found.contains(model), "{model} is not among {found:?}");
    }
    Ok(())
}

async fn run(bench: &mut Bench, row: &Row) -> anyhow::Result<()> {
    bench.begin_a_row().await?;
    let connected = connect(bench, row).await.context("connect")?;
    check(bench, row, &connected).await.context("check")?;
    discover(bench, &connected).await.context("discover")?;
    serve::plain_and_streamed(bench, row, &connected).await.context("serve")?;
    becomes_active(bench, &connected).await.context("confirmed by traffic")?;
    bench.begin_a_row().await?;
    bad::is_told(bench, row, &connected).await.context("a bad key")?;
    let faults = connected.upstream.faults();
    ensure!(faults.is_empty(), "{faults:#?}");
    Ok(())
}

async fn becomes_active(bench: &Bench, connected: &Connected) -> anyhow::Result<()> {
    let admin = bench.admin()?;
    eventually("traffic confirms the credential", async || {
        let credential = admin.credential(&connected.credential).await.ok()?;
        (credential.state() == CredentialState::Active).then_some(())
    })
    .await
}

/// Runs the rows of some APIs, and tells of every one that failed.
async fn run_rows(of: impl Fn(&Row) -> bool) -> anyhow::Result<()> {
    let mut bench = Bench::start().await?;
    let mut failed = Vec::new();
    for row in ROWS.iter().filter(|row| of(row)) {
        if let Err(error) = run(&mut bench, row).await {
            failed.push(format!("{} with {:?}: {error:#}", row.vendor, row.kind));
        }
    }
    ensure!(failed.is_empty(), "{}\n(in {})", failed.join("\n"), Path::new(bench.dir.path()).display());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_and_its_first_followers_are_connected_checked_served_and_refused() -> anyhow::Result<()> {
    run_rows(|row| row.api == Api::OpenAi && row.vendor < "groq").await
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_and_its_other_followers_are_connected_checked_served_and_refused() -> anyhow::Result<()> {
    run_rows(|row| row.api == Api::OpenAi && row.vendor >= "groq").await
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_and_cohere_are_connected_checked_served_and_refused() -> anyhow::Result<()> {
    run_rows(|row| matches!(row.api, Api::Anthropic | Api::Cohere)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_is_connected_checked_served_and_refused() -> anyhow::Result<()> {
    run_rows(|row| row.api == Api::Gemini).await
}

#[tokio::test(flavor = "multi_thread")]
async fn vertex_is_connected_checked_served_and_refused() -> anyhow::Result<()> {
    run_rows(|row| row.api == Api::Vertex).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bedrock_is_connected_checked_served_and_refused() -> anyhow::Result<()> {
    run_rows(|row| row.api == Api::Bedrock).await
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_is_connected_checked_served_and_refused() -> anyhow::Result<()> {
    run_rows(|row| row.api == Api::Azure).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_vendor_of_the_catalog_with_every_type_that_it_takes() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let entries = bench.catalog().await?;
    let of_catalog: BTreeSet<_> = entries
        .iter()
        .flat_map(|entry| entry.credential_types().map(|kind| (entry.vendor.clone(), kind.as_str_name())))
        .collect();
    let of_table: BTreeSet<_> = ROWS.iter().map(|row| (row.vendor.to_owned(), row.kind.as_str_name())).collect();
    assert_eq!(of_catalog, of_table);
    assert_eq!(entries.len(), 20, "the design names twenty vendors");
    for (alias, vendor) in [("gemini", "google"), ("aws", "bedrock"), ("azure-openai", "azure")] {
        let entry = entries.iter().find(|entry| entry.vendor == vendor).context("the vendor is there")?;
        assert!(entry.aliases.contains(&alias.to_owned()), "{entry:?}");
    }
    assert!(ROWS.iter().any(|row| row.bad == BadKey::OnFirstUse));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_a_connection_tells_what_would_be_and_saves_nothing() -> anyhow::Result<()> {
    let mut bench = Bench::start().await?;
    let entries = bench.catalog().await?;
    for row in ROWS.iter().filter(|row| ["openai", "anthropic", "google", "bedrock", "cohere"].contains(&row.vendor)) {
        bench.begin_a_row().await?;
        let upstream = StandIn::start(row.api).await?;
        let entry = entries.iter().find(|entry| entry.vendor == row.vendor).context("the vendor is there")?;
        let admin = bench.admin()?;
        let head = admin.head().await?;
        for (account, expected) in [(Account::Good, ""), (Account::Dead, "CREDENTIAL_REJECTED")] {
            let request = TestConnectionRequest {
                parent: PROJECT.into(),
                provider: Some(row.provider(&upstream, entry)),
                credential: Some(row.credential(&upstream, account, &row.good_key())),
                ..Default::default()
            };
            let told = admin.providers().test_connection(request).await?.into_inner();
            let why = told.error.clone().unwrap_or_default().reason;
            assert_eq!(why, expected, "{}: {told:?}", row.vendor);
            match account {
                Account::Good => assert!(told.upstream_models.contains(&row.model().to_owned()), "{told:?}"),
                _ => assert!(told.state() == CredentialState::Inactive && told.upstream_models.is_empty(), "{told:?}"),
            }
            assert!(!told.base_url.is_empty(), "{told:?}");
        }
        assert_eq!(admin.head().await?, head, "nothing was saved");
    }
    Ok(())
}
