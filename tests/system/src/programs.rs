//! The programs, built as users build them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PROGRAMS: [&str; 6] =
    ["svc-scheduler", "svc-executor", "svc-storage-gw", "svc-api", "svc-trigger", "emboflow"];

/// The folder with the programs, which are brought up to date first.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.arg("build").current_dir(crate::repository());
        for program in PROGRAMS {
            build.args(["--bin", program]);
        }
        let said = build.output().expect("cargo can be started");
        assert!(
            said.status.success(),
            "the programs do not build:\n{}",
            String::from_utf8_lossy(&said.stderr)
        );
        // target/debug/deps/<this test> → target/debug
        let this = std::env::current_exe().expect("a process knows its own program");
        this.ancestors().nth(2).expect("tests lie two folders deep").to_owned()
    })
}
