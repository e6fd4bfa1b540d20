//! What can be asked for on the command line.

use clap::{Parser, ValueEnum};

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
    /// Where the platform keeps its records; the floors are on SQLite in any case
    #[arg(long, value_enum, default_value_t = Records::Sqlite)]
    pub(crate) records: Records,
    /// Only say which benchmarks there are
    #[arg(long)]
    pub(crate) list: bool,
}

/// What keeps the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Records {
    /// A file, forced to disk at each commit
    Sqlite,
    /// The tests' MongoDB-wire server, a new one for each platform
    Mongodb,
}

impl Records {
    /// What they are, and what a commit means there.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite, synchronous=FULL",
            Self::Mongodb => "MongoDB-wire test server, forced to disk at each commit",
        }
    }
}
