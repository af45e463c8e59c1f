//! The binary: flags, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use data_plane::config::Config;
use data_plane::server::Listeners;
use shared::telemetry::ErrorChain;
use tokio::signal::unix::{SignalKind, signal};

/// Gives memory back after a load, which the system's allocator does late.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config = Config::parse();
    if let Err(error) = shared::telemetry::init(config.log_format, &config.log_level) {
        // There are no logs to tell it to; clap knows how to talk to a terminal, and a closed one changes nothing.
        drop(clap::Error::raw(ErrorKind::InvalidValue, format!("{}\n", ErrorChain(&error))).print());
        return ExitCode::FAILURE;
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    shared::process::protect_memory()?;
    let listeners = Listeners::bind(&config)?;
    // The workers have runtimes of their own; this one has the sync client and the metrics.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(data_plane::run(config, listeners, shutdown).await?)
    })
}
