//! Flags and environment, read once. Nothing else reads either.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use shared::address::AddressPolicy;
use shared::telemetry::LogFormat;

use crate::sync::ControlUrl;

/// What the process is started with. Every flag has an environment variable of the same name: `--listen` is `KEYPLANE_LISTEN`.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "keyplane-proxy",
    version,
    about = "Keyplane's data-plane proxy: serves the APIs that applications speak."
)]
pub struct Config {
    /// Where applications connect.
    #[arg(long, env = "KEYPLANE_LISTEN", default_value = "127.0.0.1:8800")]
    pub listen: SocketAddr,

    /// Where /metrics, /healthz and /readyz are.
    #[arg(long, env = "KEYPLANE_METRICS_LISTEN", default_value = "127.0.0.1:8802")]
    pub metrics_listen: SocketAddr,

    /// A control plane's sync listener, https://host:port. May be repeated.
    #[arg(long, env = "KEYPLANE_CONTROL", value_delimiter = ',', required = true)]
    pub control: Vec<ControlUrl>,

    /// The file with the join token. It is waited for if it is not there yet.
    #[arg(long, env = "KEYPLANE_JOIN_TOKEN_FILE")]
    pub join_token_file: PathBuf,

    /// What this proxy calls itself in the fleet: up to 63 of A-Z a-z 0-9 . _ -. The host's name by default.
    #[arg(long, env = "KEYPLANE_NODE_ID", default_value_t = host_name(), value_parser = node_id)]
    pub node_id: String,

    /// The largest body that a request may have.
    #[arg(long, env = "KEYPLANE_MAX_BODY_BYTES", default_value_t = 32 * 1024 * 1024)]
    pub max_body_bytes: u64,

    /// How long requests in flight may take to end after SIGTERM.
    #[arg(long, env = "KEYPLANE_DRAIN_SECONDS", default_value_t = 30)]
    pub drain_seconds: u64,

    /// The certificate chain to serve applications with, PEM. Without it they are served in clear.
    #[arg(long, env = "KEYPLANE_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key, PEM.
    #[arg(long, env = "KEYPLANE_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Allow upstreams on loopback and private networks, and plain http.
    #[arg(long, env = "KEYPLANE_ALLOW_PRIVATE_UPSTREAMS")]
    pub allow_private_upstreams: bool,

    /// How log lines look: text or json.
    #[arg(long, env = "KEYPLANE_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug, trace, or a filter such as data_plane=debug.
    #[arg(long, env = "KEYPLANE_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

impl Config {
    /// Which upstreams may be called.
    #[must_use]
    pub fn address_policy(&self) -> AddressPolicy {
        if self.allow_private_upstreams { AddressPolicy::AllowPrivate } else { AddressPolicy::Public }
    }

    /// How long requests in flight may take to end.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// The host's name as a node id; `proxy` where the host has none that can be one.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    node_id(name.trim()).unwrap_or_else(|_| "proxy".to_owned())
}

/// Why a text can't be a node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node id has 1 to 63 of A-Z a-z 0-9 . _ -")]
struct NotANodeId;

fn node_id(text: &str) -> Result<String, NotANodeId> {
    let fits = (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if fits { Ok(text.to_owned()) } else { Err(NotANodeId) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 5] = ["keyplane-proxy", "--control", "https://a:1", "--join-token-file", "token"];

    #[test]
    fn defaults_are_as_documented() {
        let config = Config::try_parse_from(NEEDED).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8800");
        assert_eq!(config.metrics_listen.to_string(), "127.0.0.1:8802");
        assert_eq!((config.max_body_bytes, config.drain_seconds), (33_554_432, 30));
        assert_eq!(config.address_policy(), AddressPolicy::Public);
    }

    #[test]
    fn a_wrong_start_is_refused() {
        for wrong in [&["--tls-cert", "x"][..], &["--node-id", "a b"], &["--listen", "nowhere"]] {
            assert!(Config::try_parse_from(NEEDED.iter().chain(wrong)).is_err(), "{wrong:?}");
        }
        assert!(Config::try_parse_from(["keyplane-proxy"]).is_err());
    }
}
