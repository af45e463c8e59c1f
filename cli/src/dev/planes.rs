//! Both planes in this process, each through its own `run`, on loopback.

use shared::address::AddressPolicy;
use shared::task::Tasks;
use shared::telemetry::LogFormat;
use tokio::task::JoinHandle;

use super::files::Files;
use crate::config::DevFlags;
use crate::error::Error;

/// How long the proxy lets requests in flight go on after Ctrl-C. Somebody waits at a terminal.
const DRAIN_SECONDS: u64 = 5;

/// The largest body that a request may have.
const MAX_BODY_BYTES: u64 = 32 * 1024 * 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The running planes.
#[derive(Debug)]
pub(super) struct Planes {
    control: Plane,
    proxy: Plane,
}

#[derive(Debug)]
struct Plane {
    name: &'static str,
    stop: Tasks,
    handle: JoinHandle<Result<(), Failure>>,
}

impl Planes {
    /// Binds every address, then starts both.
    pub(super) async fn start(flags: &DevFlags, files: &Files) -> Result<Self, Error> {
        let (control, proxy) = (control_config(flags, files), proxy_config(flags, files)?);
        let control_listeners = control_plane::Listeners::bind(&control).await.map_err(failed("the control plane"))?;
        let proxy_listeners = data_plane::server::Listeners::bind(&proxy).map_err(failed("the proxy"))?;
        let control = Plane::start("the control plane", move |stop| async move {
            Ok(control_plane::run(control, control_listeners, async move { stop.stopping().await }).await?)
        });
        let proxy = Plane::start("the proxy", move |stop| async move {
            Ok(data_plane::run(proxy, proxy_listeners, async move { stop.stopping().await }).await?)
        });
        Ok(Self { control, proxy })
    }

    /// Ends when one of them ended by itself, and says why.
    pub(super) async fn ended(&mut self) -> Error {
        let (plane, ended) = tokio::select! {
            ended = &mut self.control.handle => (self.control.name, ended),
            ended = &mut self.proxy.handle => (self.proxy.name, ended),
        };
        let source = match ended {
            Ok(Err(failure)) => failure,
            Ok(Ok(())) => "nobody asked it to".into(),
            Err(panicked) => panicked.into(),
        };
        Error::Dev { part: plane, source }
    }

    /// Stops the proxy, then the control plane, which takes its last reports.
    pub(super) async fn stop(self) -> Result<(), Error> {
        self.proxy.stop().await?;
        self.control.stop().await
    }
}

impl Plane {
    fn start<F>(name: &'static str, run: impl FnOnce(Tasks) -> F) -> Self
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let stop = Tasks::new();
        let handle = stop.spawn(name, run(stop.clone()));
        Self { name, stop, handle }
    }

    async fn stop(self) -> Result<(), Error> {
        let had_ended = self.handle.is_finished();
        self.stop.stopped().await;
        // One that had ended by itself was told of already, and its answer was taken.
        if had_ended {
            return Ok(());
        }
        match self.handle.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(Error::Dev { part: self.name, source }),
            Err(panicked) => Err(Error::Dev { part: self.name, source: panicked.into() }),
        }
    }
}

fn failed<E: Into<Failure>>(part: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::Dev { part, source: source.into() }
}

fn control_config(flags: &DevFlags, files: &Files) -> control_plane::config::Config {
    control_plane::config::Config {
        admin_listen: flags.admin_listen,
        sync_listen: flags.sync_listen,
        metrics_listen: flags.control_metrics_listen,
        data_dir: files.dir().to_owned(),
        master_key_file: files.master_key(),
        bootstrap_token_file: files.token(),
        bootstrap_join_token_file: Some(files.join_token()),
        admin_tls: None,
        admin_allow_plaintext: false,
        addresses: AddressPolicy::AllowPrivate,
        log_format: LogFormat::Text,
        log_level: flags.log_level.clone(),
    }
}

fn proxy_config(flags: &DevFlags, files: &Files) -> Result<data_plane::config::Config, Error> {
    let control = format!("https://{}", flags.sync_listen).parse().map_err(failed("the proxy"))?;
    Ok(data_plane::config::Config {
        listen: flags.listen,
        metrics_listen: flags.proxy_metrics_listen,
        control: vec![control],
        join_token_file: files.join_token(),
        node_id: "dev".into(),
        max_body_bytes: MAX_BODY_BYTES,
        drain_seconds: DRAIN_SECONDS,
        tls_cert: None,
        tls_key: None,
        allow_private_upstreams: true,
        log_format: LogFormat::Text,
        log_level: flags.log_level.clone(),
    })
}
