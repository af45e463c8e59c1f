//! Flags and environment, as typed values: the only reader of the environment.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use shared::secret::Secret;

use crate::command::Command;

/// Keyplane connects applications to AI providers.
#[derive(Debug, clap::Parser)]
#[command(name = "keyplane", version, about, propagate_version = true)]
pub(crate) struct Flags {
    /// How to reach the control plane, and how to print.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every admin command has.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The control plane's admin API; `https://` checks its certificate against the system's roots.
    #[arg(long, global = true, env = "KEYPLANE_SERVER", default_value = "http://127.0.0.1:7800", value_name = "URL")]
    pub(crate) server: String,
    /// The file with the admin token.
    #[arg(long, global = true, env = "KEYPLANE_TOKEN_FILE", value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
    /// Tables for people, or JSON (canonical protobuf JSON) for scripts.
    #[arg(long, short, global = true, env = "KEYPLANE_OUTPUT", value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    /// Tables, for people.
    #[default]
    Table,
    /// Canonical protobuf JSON, for scripts.
    Json,
}

/// Flags of `keyplane dev`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DevFlags {
    /// Where everything is kept: the store, the master key, the tokens, the caller key. Made when absent.
    #[arg(long, env = "KEYPLANE_DATA_DIR", default_value = "./keyplane-data", value_name = "PATH")]
    pub(crate) data_dir: PathBuf,
    /// Where the admin API listens.
    #[arg(long, env = "KEYPLANE_ADMIN_LISTEN", default_value = "127.0.0.1:7800", value_name = "ADDRESS")]
    pub(crate) admin_listen: SocketAddr,
    /// Where the proxy's sync stream connects.
    #[arg(long, env = "KEYPLANE_SYNC_LISTEN", default_value = "127.0.0.1:7801", value_name = "ADDRESS")]
    pub(crate) sync_listen: SocketAddr,
    /// Where the control plane's metrics and health are.
    #[arg(long, env = "KEYPLANE_CONTROL_METRICS_LISTEN", default_value = "127.0.0.1:7802", value_name = "ADDRESS")]
    pub(crate) control_metrics_listen: SocketAddr,
    /// Where applications connect.
    #[arg(long, env = "KEYPLANE_LISTEN", default_value = "127.0.0.1:8800", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where the proxy's metrics and health are.
    #[arg(long, env = "KEYPLANE_PROXY_METRICS_LISTEN", default_value = "127.0.0.1:8802", value_name = "ADDRESS")]
    pub(crate) proxy_metrics_listen: SocketAddr,
    /// What is logged, to the standard error stream: `error`, `warn`, `info`, `debug`, or filters such as `info,data_plane=debug`.
    #[arg(long, env = "KEYPLANE_LOG_LEVEL", default_value = "warn", value_name = "LEVEL")]
    pub(crate) log_level: String,
    /// Connects OpenAI too, with this key. From the environment only, so that no list of processes shows it.
    #[arg(long = "openai-api-key-from-env", hide = true, env = "OPENAI_API_KEY", hide_env_values = true)]
    pub(crate) openai_api_key: Option<EnvSecret>,
}

/// A secret that the environment holds; it prints as nothing.
#[derive(Clone)]
pub(crate) struct EnvSecret(pub(crate) Secret);

impl fmt::Debug for EnvSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for EnvSecret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Secret::from(text.trim().to_owned())))
    }
}
