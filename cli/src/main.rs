//! Keyplane's command line: the admin commands, thin over the admin API, and `keyplane dev`, which runs both planes in one process.

mod client;
mod command;
mod config;
mod dev;
mod echo;
mod error;
mod input;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let flags = config::Flags::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return error::Error::Runtime { source }.report(),
    };
    match runtime.block_on(command::run(flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
