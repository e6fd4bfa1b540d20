//! What can be asked for on the command line.

use clap::Parser;

/// Measures EmboFlow, each figure beside a bare floor program on the same NATS, SQLite, disk and Docker
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Which benchmarks; none = all of them
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// A tenth of the work: for a first look, not for the record
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only say which benchmarks there are
    #[arg(long)]
    pub(crate) list: bool,
}
