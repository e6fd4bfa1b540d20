//! What a benchmark is: our side, the bare side, and what is aimed at.

use futures::future::LocalBoxFuture;

use crate::figure::Figure;
use crate::place::Place;

/// Figures, later.
pub(crate) type Measuring<'a> = LocalBoxFuture<'a, anyhow::Result<Vec<Figure>>>;

/// One benchmark.
pub(crate) struct Benchmark {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Of both sides: what has to be on disk before anything is counted.
    pub(crate) durability: &'static str,
    /// Name of a figure, and what it should be.
    pub(crate) aims: &'static [(&'static str, &'static str)],
    pub(crate) ours: fn(&Place) -> Measuring<'_>,
    /// None where nothing bare can be put beside it.
    pub(crate) floor: Option<fn(&Place) -> Measuring<'_>>,
}

/// What is on disk when a run is counted.
pub(crate) const POWER_SAFE: &str = "power-safe: each commit and each request is forced to disk";
/// What is on disk when a file is counted.
pub(crate) const FILE_SYNCED: &str = "power-safe: each file is fsynced";
/// Of what only reads.
pub(crate) const READS_ONLY: &str = "reads only";
