//! A real proxy, as [`Control`](crate::control::Control) is a real control plane.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::Context as _;

use crate::caller::Caller;
use crate::condition::eventually;
use crate::http;
use crate::process::{Process, free_port};
use crate::standin::listen::Certificate;

/// A proxy, running or not.
#[derive(Debug)]
pub struct Proxy {
    process: Option<Process>,
    dir: PathBuf,
    node_id: String,
    control_url: String,
    join_token_file: PathBuf,
    port: u16,
    metrics_port: u16,
    upstreams: Upstreams,
    tls: Option<Tls>,
}

/// A certificate for `127.0.0.1`, as files of PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Its chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority that signed it, for those who have to trust it.
    pub authority: PathBuf,
}

/// Which upstreams a proxy may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstreams {
    /// Any: the stand-ins are on loopback.
    Any,
    /// Public ones alone, as the default is.
    Public,
}

impl Proxy {
    /// A proxy that logs to `<dir>/<node id>.log`. Not started yet.
    ///
    /// # Errors
    ///
    /// When there is no port for it.
    pub fn new(dir: &Path, node_id: &str, control_url: &str, join_token_file: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            process: None,
            dir: dir.to_owned(),
            node_id: node_id.to_owned(),
            control_url: control_url.to_owned(),
            join_token_file: join_token_file.to_owned(),
            port: free_port()?,
            metrics_port: free_port()?,
            upstreams: Upstreams::Any,
            tls: None,
        })
    }

    /// Starts one, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it isn't.
    pub async fn start(dir: &Path, node_id: &str, control_url: &str, join_token_file: &Path) -> anyhow::Result<Self> {
        let mut proxy = Self::new(dir, node_id, control_url, join_token_file)?;
        proxy.spawn()?;
        proxy.ready().await?;
        Ok(proxy)
    }

    /// Says which upstreams it may call, from its next start on.
    pub fn set_upstreams(&mut self, upstreams: Upstreams) {
        self.upstreams = upstreams;
    }

    /// Serves applications with TLS, from its next start on; the certificate is written beside its log.
    ///
    /// # Errors
    ///
    /// When no certificate can be made or written.
    pub fn set_tls(&mut self) -> anyhow::Result<Tls> {
        let files = Tls {
            certificate: self.dir.join(format!("{}.crt", self.node_id)),
            key: self.dir.join(format!("{}.key", self.node_id)),
            authority: self.dir.join(format!("{}.ca", self.node_id)),
        };
        let made = Certificate::of_loopback()?;
        fs::write(&files.certificate, made.chain)?;
        fs::write(&files.key, made.key)?;
        fs::write(&files.authority, made.authority)?;
        self.tls = Some(files.clone());
        Ok(files)
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    ///
    /// When the process can't be started.
    pub fn spawn(&mut self) -> anyhow::Result<()> {
        let mut flags = [
            "--listen",
            &format!("127.0.0.1:{}", self.port),
            "--metrics-listen",
            &format!("127.0.0.1:{}", self.metrics_port),
            "--control",
            &self.control_url,
            "--join-token-file",
            &self.join_token_file.display().to_string(),
            "--node-id",
            &self.node_id,
            "--log-level",
            "debug",
        ]
        .map(str::to_owned)
        .to_vec();
        if self.upstreams == Upstreams::Any {
            flags.push("--allow-private-upstreams".to_owned());
        }
        if let Some(tls) = &self.tls {
            let path = |path: &Path| path.display().to_string();
            flags.extend(["--tls-cert".into(), path(&tls.certificate), "--tls-key".into(), path(&tls.key)]);
        }
        self.process = Some(Process::start("keyplane-proxy", &flags, &self.log_path())?);
        Ok(())
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it isn't.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let url = format!("http://127.0.0.1:{}/readyz", self.metrics_port);
        let ready = eventually("the proxy is ready", async || {
            if let Some(process) = &mut self.process
                && let Ok(Some(status)) = process.has_ended()
            {
                return Some(Err(anyhow::anyhow!("it ended with {status}: {}", process.log().unwrap_or_default())));
            }
            http::get(&url).await.filter(|(status, _)| status.is_success()).map(|_| Ok(()))
        });
        ready.await?
    }

    /// The running process.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn process(&mut self) -> anyhow::Result<&mut Process> {
        self.process.as_mut().context("the proxy was started")
    }

    /// Waits for its exit.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let status = self.process()?.ended().await?;
        self.process = None;
        Ok(status)
    }

    /// Where applications send their requests.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// An application with this caller key.
    #[must_use]
    pub fn caller(&self, key: &str) -> Caller {
        Caller::new(&self.url(), key)
    }

    /// Where it logs.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.node_id))
    }

    /// Its metrics now.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let url = format!("http://127.0.0.1:{}/metrics", self.metrics_port);
        Ok(http::get(&url).await.context("the proxy answers")?.1)
    }
}
