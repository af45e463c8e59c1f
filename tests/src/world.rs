//! What most cases begin with: a control plane, a provider stand-in with some keys, proxies, and a caller.

use std::path::Path;

use tempfile::TempDir;

use crate::admin::Admin;
use crate::caller::Caller;
use crate::control::Control;
use crate::provider::Provider;
use crate::proxy::Proxy;

/// The project of a world.
pub const PROJECT: &str = "projects/acme";
/// Its environment.
pub const ENVIRONMENT: &str = "projects/acme/environments/production";
/// Its provider.
pub const PROVIDER: &str = "projects/acme/providers/standin";
/// Its model, as callers ask for it.
pub const MODEL: &str = "chat";

/// Everything, running.
#[derive(Debug)]
pub struct World {
    /// The proxies.
    pub proxies: Vec<Proxy>,
    /// The control plane.
    pub control: Control,
    /// Its admin.
    pub admin: Admin,
    /// The upstream.
    pub provider: Provider,
    /// The caller key's plaintext.
    pub caller_key: String,
    dir: TempDir,
}

impl World {
    /// Starts it with these keys, each as the credential `c0`, `c1` and so on with its weight.
    ///
    /// # Errors
    ///
    /// When a part does not start, or a write is refused.
    pub async fn start(keys: &[(&str, u32)], proxies: usize) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let control = Control::start(dir.path()).await?;
        let provider = Provider::start().await?;
        let admin = control.admin()?;
        admin.make_project("acme").await?;
        admin.make_environment(PROJECT, "production").await?;
        admin.make_provider(PROJECT, "standin", &provider.base_url(), &[ENVIRONMENT]).await?;
        for (index, (key, weight)) in keys.iter().enumerate() {
            provider.accept(key);
            admin.make_credential(PROVIDER, &format!("c{index}"), key, *weight).await?;
        }
        admin.make_model(PROJECT, MODEL, PROVIDER, "gpt-4o").await?;
        let caller_key = admin.make_caller_key(PROJECT, "application", ENVIRONMENT).await?.plaintext;
        let mut world = Self { proxies: Vec::new(), control, admin, provider, caller_key, dir };
        for index in 0..proxies {
            world.add_proxy(&format!("proxy-{index}")).await?;
        }
        world.admin.rolled_out(0).await?;
        world.provider.reset_counts();
        Ok(world)
    }

    /// Starts one more proxy, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it isn't.
    pub async fn add_proxy(&mut self, node_id: &str) -> anyhow::Result<()> {
        let join_token = self.control.join_token_file();
        self.proxies.push(Proxy::start(self.dir.path(), node_id, &self.control.sync_url(), &join_token).await?);
        Ok(())
    }

    /// An application that talks to the first proxy.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.proxies[0].caller(&self.caller_key)
    }

    /// The name of a credential, by its place among the keys.
    #[must_use]
    pub fn credential(&self, index: usize) -> String {
        format!("{PROVIDER}/credentials/c{index}")
    }

    /// Where everything is: `data`, `secrets`, the logs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}
