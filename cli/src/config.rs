//! Flags and environment, as typed values: the only reader of the environment.

use std::path::PathBuf;

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
