//! The binary: flags, run, exit code.

use std::process::ExitCode;

use anyhow::Context as _;
use control_plane::config::{self, Config, ConfigError, Start};
use control_plane::store::sled::restore;
use control_plane::{Listeners, run};
use shared::telemetry::{self, ErrorChain};
use tokio::signal::unix::{SignalKind, signal};

/// Faster than the system's allocator with many small resources, and gives memory back after a load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let start = match config::parse(std::env::args_os()) {
        Ok(start) => start,
        Err(ConfigError::Flags(error)) => {
            // Help and the version are answers too; clap knows which go where.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(error) => return failed(&error, 2),
    };
    let done = match start {
        Start::Serve(config) => serve(*config),
        Start::Restore { data_dir, from } => restore(&from, &data_dir).map(drop).map_err(anyhow::Error::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error, 1),
    }
}

#[expect(clippy::print_stderr, reason = "whoever starts the program reads this, logs or no logs")]
fn failed(error: &(dyn std::error::Error + 'static), code: u8) -> ExitCode {
    eprintln!("keyplane-control: {}", ErrorChain(error));
    ExitCode::from(code)
}

fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::init(config.log_format, &config.log_level)?;
    shared::process::protect_memory().context("the process can't be protected from core dumps")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listeners = Listeners::bind(&config).await?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        };
        run(config, listeners, shutdown).await?;
        Ok(())
    })
}
