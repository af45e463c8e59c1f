//! A real control plane: started on a data directory, stopped or killed, started again on the same one.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::Context as _;

use crate::admin::Admin;
use crate::condition::eventually;
use crate::http;
use crate::process::{Process, free_port};

/// A control plane, running or not.
#[derive(Debug)]
pub struct Control {
    process: Option<Process>,
    dir: PathBuf,
    admin_port: u16,
    sync_port: u16,
    metrics_port: u16,
    extra_flags: Vec<String>,
}

impl Control {
    /// A control plane that keeps everything under `dir`: `data`, `secrets` and `control.log`. Not started yet.
    ///
    /// # Errors
    ///
    /// When there is no port for it.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir.join("secrets"))?;
        Ok(Self {
            process: None,
            dir: dir.to_owned(),
            admin_port: free_port()?,
            sync_port: free_port()?,
            metrics_port: free_port()?,
            extra_flags: Vec::new(),
        })
    }

    /// Starts one, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it isn't.
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        let mut control = Self::new(dir)?;
        control.start_again().await?;
        Ok(control)
    }

    /// Flags for its next start, after those that it always has; a later one of the same name wins.
    pub fn set_extra_flags(&mut self, flags: &[&str]) {
        self.extra_flags = flags.iter().map(|&flag| flag.to_owned()).collect();
    }

    /// Starts it on what it has, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it isn't.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        let url = format!("http://127.0.0.1:{}/readyz", self.metrics_port);
        let ready = eventually("the control plane is ready", async || {
            if let Some(process) = &mut self.process
                && let Ok(Some(status)) = process.has_ended()
            {
                return Some(Err(anyhow::anyhow!("it ended with {status}: {}", process.log().unwrap_or_default())));
            }
            http::get(&url).await.filter(|(status, _)| status.is_success()).map(|_| Ok(()))
        });
        ready.await?
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    ///
    /// When the process can't be started.
    pub fn spawn(&mut self) -> anyhow::Result<()> {
        self.process = Some(Process::start("keyplane-control", &self.flags(), &self.log_path())?);
        Ok(())
    }

    fn flags(&self) -> Vec<String> {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let listen = |port: u16| format!("127.0.0.1:{port}");
        let mut flags = vec![
            "--data-dir".into(),
            path("data"),
            "--master-key-file".into(),
            path("secrets/master-key"),
            "--bootstrap-token-file".into(),
            path("secrets/token"),
            "--bootstrap-join-token-file".into(),
            path("secrets/join-token"),
            "--admin-listen".into(),
            listen(self.admin_port),
            "--sync-listen".into(),
            listen(self.sync_port),
            "--metrics-listen".into(),
            listen(self.metrics_port),
            "--log-level".into(),
            "debug".into(),
            "--allow-private-upstreams".into(),
        ];
        flags.extend(self.extra_flags.iter().cloned());
        flags
    }

    /// The running process.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn process(&mut self) -> anyhow::Result<&mut Process> {
        self.process.as_mut().context("the control plane was started")
    }

    /// `kill -9`.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process()?.kill()?;
        self.process = None;
        Ok(())
    }

    /// SIGTERM, and its exit.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let process = self.process()?;
        process.ask_to_stop()?;
        let status = process.ended().await?;
        self.process = None;
        Ok(status)
    }

    /// The admin API's URL.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    /// The sync listener's URL, as a proxy is given it.
    #[must_use]
    pub fn sync_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.sync_port)
    }

    /// The sync listener's port.
    #[must_use]
    pub fn sync_port(&self) -> u16 {
        self.sync_port
    }

    /// A client with the bootstrap token.
    ///
    /// # Errors
    ///
    /// When there is no token.
    pub fn admin(&self) -> anyhow::Result<Admin> {
        Admin::new(&self.admin_url(), &std::fs::read_to_string(self.token_file())?)
    }

    /// Where the bootstrap admin token is.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.dir.join("secrets/token")
    }

    /// Where the bootstrap join token is.
    #[must_use]
    pub fn join_token_file(&self) -> PathBuf {
        self.dir.join("secrets/join-token")
    }

    /// Where its master key is.
    #[must_use]
    pub fn master_key_file(&self) -> PathBuf {
        self.dir.join("secrets/master-key")
    }

    /// Where its store is.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Where it logs.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("control.log")
    }

    /// Its metrics now.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let url = format!("http://127.0.0.1:{}/metrics", self.metrics_port);
        Ok(http::get(&url).await.context("the control plane answers")?.1)
    }
}
