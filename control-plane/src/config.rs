//! Flags and environment → typed values, once. Nothing else reads the environment, and a wrong start lists every error.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use shared::address::AddressPolicy;
use shared::telemetry::LogFormat;

/// What a control plane needs to know to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the admin API listens.
    pub admin_listen: SocketAddr,
    /// Where proxies connect.
    pub sync_listen: SocketAddr,
    /// Where metrics and health are.
    pub metrics_listen: SocketAddr,
    /// Where the embedded store keeps its files.
    pub data_dir: PathBuf,
    /// The master keys, one a line; made on an empty store when absent.
    pub master_key_file: PathBuf,
    /// Where the first admin token is written, on an empty store.
    pub bootstrap_token_file: PathBuf,
    /// Where a join token for any environment is written, on an empty store; `None` for none.
    pub bootstrap_join_token_file: Option<PathBuf>,
    /// The admin listener's certificate; `None` serves in clear.
    pub admin_tls: Option<AdminTls>,
    /// Whether the admin API may be served in clear to other machines.
    pub admin_allow_plaintext: bool,
    /// Which upstream addresses may be configured and called.
    pub addresses: AddressPolicy,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged: a level, or directives.
    pub log_level: String,
}

/// The admin listener's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTls {
    /// The chain, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

/// What the command line asks for.
#[derive(Debug, Clone)]
pub enum Start {
    /// Serve.
    Serve(Box<Config>),
    /// Make a data directory's store of a checkpoint, and end.
    Restore {
        /// The data directory.
        data_dir: PathBuf,
        /// The checkpoint.
        from: PathBuf,
    },
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The flags themselves can't be read, or ask for help or the version.
    #[error(transparent)]
    Flags(#[from] clap::Error),
    /// Values are wrong: all of them are named.
    #[error("the control plane can't start like this:{}", Lines(.0))]
    Values(Vec<String>),
}

struct Lines<'a>(&'a [String]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Keyplane's control plane: keeps what admins write, and streams it to proxies.
#[derive(Debug, Parser)]
#[command(name = "keyplane-control", version)]
struct Flags {
    /// Address of the admin API
    #[arg(long, env = "KEYPLANE_ADMIN_LISTEN", default_value = "127.0.0.1:7800")]
    admin_listen: String,
    /// Address of the sync streams for proxies
    #[arg(long, env = "KEYPLANE_SYNC_LISTEN", default_value = "127.0.0.1:7801")]
    sync_listen: String,
    /// Address of /metrics, /healthz and /readyz
    #[arg(long, env = "KEYPLANE_METRICS_LISTEN", default_value = "127.0.0.1:7802")]
    metrics_listen: String,
    /// Folder of the embedded store
    #[arg(long, env = "KEYPLANE_DATA_DIR", default_value = "./keyplane-data", global = true)]
    data_dir: PathBuf,
    /// Where everything is kept: sled
    #[arg(long, env = "KEYPLANE_STORE", default_value = "sled")]
    store: String,
    /// File of master keys, one `id:base64 of 32 bytes` a line; made when absent and the store is empty
    #[arg(long, env = "KEYPLANE_MASTER_KEY_FILE")]
    master_key_file: Option<PathBuf>,
    /// File that the first admin token is written to, on an empty store [default: bootstrap-token in the data directory]
    #[arg(long, env = "KEYPLANE_BOOTSTRAP_TOKEN_FILE")]
    bootstrap_token_file: Option<PathBuf>,
    /// File that a join token for any environment is written to, on an empty store
    #[arg(long, env = "KEYPLANE_BOOTSTRAP_JOIN_TOKEN_FILE")]
    bootstrap_join_token_file: Option<PathBuf>,
    /// Certificate chain of the admin API, as PEM
    #[arg(long, env = "KEYPLANE_ADMIN_TLS_CERT")]
    admin_tls_cert: Option<PathBuf>,
    /// Key of that certificate, as PEM
    #[arg(long, env = "KEYPLANE_ADMIN_TLS_KEY")]
    admin_tls_key: Option<PathBuf>,
    /// Serve the admin API in clear to other machines, too
    #[arg(long, env = "KEYPLANE_ADMIN_ALLOW_PLAINTEXT", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    admin_allow_plaintext: String,
    /// Allow upstreams on loopback and private networks, and plain http
    #[arg(long, env = "KEYPLANE_ALLOW_PRIVATE_UPSTREAMS", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    allow_private_upstreams: String,
    /// Form of the log: text or json
    #[arg(long, env = "KEYPLANE_LOG_FORMAT", default_value = "text")]
    log_format: String,
    /// What is logged: error, warn, info, debug, trace, or directives
    #[arg(long, env = "KEYPLANE_LOG_LEVEL", default_value = "info")]
    log_level: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Makes the store of the data directory anew from a checkpoint, with a new epoch
    Restore {
        /// The checkpoint
        #[arg(long)]
        from: PathBuf,
    },
}

/// Reads the command line and the environment.
///
/// # Errors
///
/// Every value that is wrong, or what clap says of the flags.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Start, ConfigError> {
    let flags = Flags::try_parse_from(arguments)?;
    match flags.command {
        Some(Command::Restore { from }) => Ok(Start::Restore { data_dir: flags.data_dir, from }),
        None => config(flags).map(|config| Start::Serve(Box::new(config))),
    }
}

/// Collects what is wrong.
#[derive(Default)]
struct Errors(Vec<String>);

impl Errors {
    fn read<T: FromStr>(&mut self, flag: &str, text: &str, form: &str) -> Option<T> {
        let value = text.parse().ok();
        if value.is_none() {
            self.0.push(format!("--{flag} is {text:?}, which is not {form}"));
        }
        value
    }

    fn flag(&mut self, flag: &str, text: &str) -> bool {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" | "" => false,
            _ => {
                self.0.push(format!("--{flag} is {text:?}, which is neither true nor false"));
                false
            }
        }
    }
}

fn config(flags: Flags) -> Result<Config, ConfigError> {
    const ADDRESS: &str = "an address and a port, such as 127.0.0.1:7800";
    let mut errors = Errors::default();
    let admin_listen = errors.read("admin-listen", &flags.admin_listen, ADDRESS);
    let sync_listen = errors.read("sync-listen", &flags.sync_listen, ADDRESS);
    let metrics_listen = errors.read("metrics-listen", &flags.metrics_listen, ADDRESS);
    let log_format = errors.read("log-format", &flags.log_format, "text or json");
    let admin_allow_plaintext = errors.flag("admin-allow-plaintext", &flags.admin_allow_plaintext);
    let allow_private = errors.flag("allow-private-upstreams", &flags.allow_private_upstreams);
    if flags.store != "sled" {
        errors.0.push(format!("--store is {:?}, and this version has sled only", flags.store));
    }
    if flags.master_key_file.is_none() {
        errors.0.push(
            "--master-key-file is missing: name the file that holds the master keys, or is to hold the first".into(),
        );
    }
    let admin_tls = match (flags.admin_tls_cert, flags.admin_tls_key) {
        (Some(certificate), Some(key)) => Some(AdminTls { certificate, key }),
        (None, None) => None,
        _ => {
            errors.0.push("--admin-tls-cert and --admin-tls-key go together: give both or none".into());
            None
        }
    };
    if let Some(error) =
        admin_listen.and_then(|address| plaintext_problem(address, admin_tls.as_ref(), admin_allow_plaintext))
    {
        errors.0.push(error);
    }
    let bootstrap_token_file = flags.bootstrap_token_file.unwrap_or_else(|| flags.data_dir.join("bootstrap-token"));
    match (admin_listen, sync_listen, metrics_listen, log_format, flags.master_key_file) {
        (Some(admin_listen), Some(sync_listen), Some(metrics_listen), Some(log_format), Some(master_key_file))
            if errors.0.is_empty() =>
        {
            Ok(Config {
                admin_listen,
                sync_listen,
                metrics_listen,
                data_dir: flags.data_dir,
                master_key_file,
                bootstrap_token_file,
                bootstrap_join_token_file: flags.bootstrap_join_token_file,
                admin_tls,
                admin_allow_plaintext,
                addresses: if allow_private { AddressPolicy::AllowPrivate } else { AddressPolicy::Public },
                log_format,
                log_level: flags.log_level,
            })
        }
        _ => Err(ConfigError::Values(errors.0)),
    }
}

/// Why the admin API can't be served at an address like this, if so: tokens would travel in clear.
pub(crate) fn plaintext_problem(address: SocketAddr, tls: Option<&AdminTls>, allowed: bool) -> Option<String> {
    let clear_to_others = tls.is_none() && !allowed && !address.ip().is_loopback();
    clear_to_others.then(|| {
        format!(
            "--admin-listen {address} would serve admin tokens in clear to other machines: give --admin-tls-cert and --admin-tls-key, \
             listen on loopback, or say --admin-allow-plaintext"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Start, ConfigError> {
        parse(["keyplane-control"].iter().chain(arguments).map(OsString::from))
    }

    fn errors(arguments: &[&str]) -> Vec<String> {
        match parsed(arguments) {
            Err(ConfigError::Values(errors)) => errors,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_those_of_the_interface() {
        let Start::Serve(config) = parsed(&["--master-key-file", "keys"]).unwrap() else { panic!() };
        assert_eq!(config.admin_listen, "127.0.0.1:7800".parse().unwrap());
        assert_eq!(config.bootstrap_token_file, PathBuf::from("./keyplane-data/bootstrap-token"));
        assert_eq!(config.addresses, AddressPolicy::Public);
    }

    #[test]
    fn a_wrong_start_lists_every_error() {
        let errors = errors(&[
            "--admin-listen=nowhere",
            "--store=etcd",
            "--log-format=xml",
            "--admin-tls-cert=a.pem",
            "--allow-private-upstreams=perhaps",
        ]);
        assert_eq!(errors.len(), 6, "{errors:#?}");
    }

    #[test]
    fn the_admin_api_is_not_served_in_clear_to_others_unless_said() {
        let open = ["--master-key-file=k", "--admin-listen=0.0.0.0:7800"];
        assert_eq!(errors(&open).len(), 1);
        for also in ["--admin-allow-plaintext", "--admin-allow-plaintext=true"] {
            assert!(parsed(&[open[0], open[1], also]).is_ok());
        }
        assert!(parsed(&[open[0], open[1], "--admin-tls-cert=c", "--admin-tls-key=k"]).is_ok());
    }

    #[test]
    fn every_flag_has_an_environment_variable_of_its_name() {
        use clap::CommandFactory as _;
        for argument in Flags::command()
            .get_arguments()
            .filter(|argument| !argument.is_global_set() || argument.get_env().is_some())
        {
            let long = argument.get_long().unwrap();
            let expected = format!("KEYPLANE_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().unwrap().to_str(), Some(expected.as_str()), "{long}");
        }
    }

    #[test]
    fn a_restore_needs_no_master_key() {
        let start = parsed(&["restore", "--from", "c", "--data-dir", "d"]).unwrap();
        assert!(matches!(start, Start::Restore { .. }));
    }
}
