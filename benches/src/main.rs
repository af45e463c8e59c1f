//! `fleet-bench`: measures a running control plane and one of its proxies, from outside.
//!
//! `benches/run` starts what it needs and prints the tables; the steps can also be run by hand against anything that runs.

mod admin;
mod figures;
mod preload;
mod propagation;
mod reads;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures a running control plane and one of its proxies.
#[derive(Debug, Parser)]
struct Flags {
    /// The admin API.
    #[arg(long, default_value = "http://127.0.0.1:7800")]
    server: String,
    /// The file with the admin token.
    #[arg(long, default_value = "bootstrap-token")]
    token_file: PathBuf,
    /// The project to work in; made when it is not there.
    #[arg(long, default_value = "bench")]
    project: String,
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Stands in for the provider: takes any key, and answers at once.
    Upstream {
        /// Where.
        #[arg(long, default_value = "127.0.0.1:17900")]
        listen: SocketAddr,
    },
    /// Makes the project, its environment `production`, one provider with a credential, and the model `bench`.
    Setup {
        /// The upstream's base URL.
        #[arg(long)]
        upstream: String,
    },
    /// Makes many providers with a credential each.
    Preload {
        /// How many.
        #[arg(long)]
        providers: usize,
        /// The upstream's base URL.
        #[arg(long)]
        upstream: String,
    },
    /// Times from an acknowledged write of a caller key to the first request that it serves, then the same for a burst.
    Propagation {
        /// The proxy.
        #[arg(long, default_value = "http://127.0.0.1:8800")]
        proxy: String,
        /// How many single writes.
        #[arg(long, default_value_t = 50)]
        rounds: usize,
        /// How many writes in the burst.
        #[arg(long, default_value_t = 5000)]
        burst: usize,
    },
    /// Times list pages and gets of providers.
    Reads {
        /// How many of each.
        #[arg(long, default_value_t = 500)]
        rounds: usize,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let admin = admin::Admin::connect(&flags.server, &flags.token_file, &flags.project);
    match flags.step {
        Step::Upstream { listen } => upstream::serve(listen).await,
        Step::Setup { upstream } => preload::setup(&admin.await?, &upstream).await,
        Step::Preload { providers, upstream } => preload::providers(&admin.await?, providers, &upstream).await,
        Step::Propagation { proxy, rounds, burst } => propagation::measure(&admin.await?, &proxy, rounds, burst).await,
        Step::Reads { rounds } => reads::measure(&admin.await?, rounds).await,
    }
}
