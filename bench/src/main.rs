//! `emboflow-bench`: what the platform does in a second, beside what bare programs on the same parts do.

mod benchmark;
mod chart;
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
    let options = options::Options::parse();
    let shutdown = emboflow_service::Shutdown::on_signals()?;
    tokio::select! {
        outcome = session::run(options) => outcome,
        // What was started ends with the session that is dropped here.
        () = shutdown.cancelled() => anyhow::bail!("stopped by a signal"),
    }
}
