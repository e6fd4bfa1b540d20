//! `emboflow backup` for an installation of a test.

use std::path::{Path, PathBuf};
use std::process::Output;

use tokio::process::Command;

use crate::programs;

/// The place of an installation's backups, and how the command is told of both.
pub struct Backup {
    settings: Vec<(String, String)>,
    key_file: PathBuf,
}

impl Backup {
    /// Of an installation with these settings (`records.…`, `backend.…`); backups are kept in the folder.
    pub(crate) async fn of(settings: Vec<(String, String)>, folder: &Path) -> Self {
        let key_file = folder.join("backup.key");
        let mut settings = settings;
        let place = folder.join("backups").display().to_string();
        settings.push(("repository.directory.root".to_owned(), place));
        settings.push(("repository.directory.low_space_bytes".to_owned(), (1 << 20).to_string()));
        settings.push(("key_file".to_owned(), key_file.display().to_string()));
        let backup = Self { settings, key_file };
        let made = backup.run(&["key", &backup.key_file.display().to_string()]).await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        backup
    }

    /// Gives the command, which has to do what it is asked.
    pub async fn does(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments).await;
        let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success(), "emboflow backup {arguments:?}: {out}{err}");
        out.into_owned()
    }

    /// Gives the command, whatever comes of it.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(programs::folder().join("emboflow"));
        command.arg("backup").args(arguments).kill_on_drop(true);
        for (key, value) in &self.settings {
            command.env(format!("EMBOFLOW__{}", key.replace('.', "__").to_uppercase()), value);
        }
        command.output().await.expect("the program is built")
    }
}
