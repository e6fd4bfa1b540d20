//! The programs that are measured: built by cargo when cargo started us, else those beside our own executable.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Where the programs are.
pub(crate) struct Programs {
    folder: PathBuf,
    nats: PathBuf,
}

impl Programs {
    /// Builds them under `cargo run`. Errors: a program is missing, or they were not built for release.
    pub(crate) fn find() -> anyhow::Result<Self> {
        ensure!(
            !cfg!(debug_assertions),
            "a debug build measures nothing; use `cargo run --release -p emboflow-bench`"
        );
        let own = std::env::current_exe().context("finding the own executable")?;
        let folder = own.parent().context("the own executable is in no folder")?.to_owned();
        if let Some(cargo) = std::env::var_os("CARGO") {
            let built = Command::new(cargo)
                .args(["build", "--release", "--bin", "emboflow", "--bin", "svc-storage-gw"])
                .status()
                .context("building the programs")?;
            ensure!(built.success(), "the programs could not be built");
        }
        let programs = Self { folder, nats: nats_server()? };
        for program in [programs.emboflow(), programs.gateway()] {
            ensure!(program.is_file(), "{} is missing; run `make bench`", program.display());
        }
        Ok(programs)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn emboflow(&self) -> PathBuf {
        self.folder.join("emboflow")
    }

    pub(crate) fn gateway(&self) -> PathBuf {
        self.folder.join("svc-storage-gw")
    }

    pub(crate) fn nats_server(&self) -> &Path {
        &self.nats
    }
}

fn nats_server() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("EMBOFLOW_NATS_BIN") {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("nats-server")).find(|file| file.is_file());
    match found {
        Some(file) => Ok(file),
        None => bail!("nats-server is not on the PATH; `make setup` installs it"),
    }
}
