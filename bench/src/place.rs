//! Where measuring takes place: the programs, a folder on a real disk, and how much work is done.

use std::path::PathBuf;

use anyhow::Context;
use tempfile::TempDir;

use crate::options::Records;
use crate::programs::Programs;

/// What every benchmark is given.
pub(crate) struct Place {
    pub(crate) programs: Programs,
    pub(crate) quick: bool,
    pub(crate) records: Records,
    folder: PathBuf,
}

impl Place {
    /// Beside the executable, where builds are: never a file system in memory, as /tmp may be.
    pub(crate) fn new(programs: Programs, records: Records, quick: bool) -> anyhow::Result<Self> {
        let folder = programs.folder().join("../bench");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let folder = folder.canonicalize().context("finding the folder for results")?;
        Ok(Self { programs, quick, records, folder })
    }

    /// Where results are kept.
    pub(crate) fn results(&self) -> &std::path::Path {
        &self.folder
    }

    /// A folder that is gone with the value.
    pub(crate) fn scratch(&self) -> anyhow::Result<TempDir> {
        tempfile::Builder::new().prefix("work-").tempdir_in(&self.folder).context("making a scratch folder")
    }

    /// So much work, or a tenth of it.
    pub(crate) fn amount(&self, whole: usize) -> usize {
        if self.quick { (whole / 10).max(1) } else { whole }
    }
}
