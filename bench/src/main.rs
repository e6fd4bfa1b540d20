//! `emboflow-bench`: what the platform does in a second, beside what bare programs on the same parts do.

mod benchmark;
mod events;
mod figure;
mod floor;
mod intake;
mod machine;
mod nats_server;
mod options;
mod place;
mod platform;
mod process;
mod programs;
mod report;
mod session;
mod suite;
mod workflow;

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    emboflow_service::tls::install();
    session::run(options::Options::parse()).await
}
