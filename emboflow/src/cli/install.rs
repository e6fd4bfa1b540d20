//! `emboflow install`: the secrets and NATS users that an installation of containers needs, made where they are missing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use emboflow_backup::BackupKey;
use emboflow_model::{ExecutorId, PoolName};
use emboflow_protocol::rights::Part;
use rand::distr::{Alphanumeric, SampleString};

use crate::failure::Failure;
use crate::nats_users::{Users, own};
use crate::output::Output;
use crate::private_file;

/// Letters and digits of a secret: more than 256 bits.
const LENGTH: usize = 44;
/// What is drawn; nothing of it follows from anything else.
const DRAWN: [&str; 5] = ["api_token", "storage_key", "secrets_key", "mongo_password", "minio_password"];
/// Whose connection strings have a password of their own; `mongo_password` is that of the user who makes them.
const MONGO_USERS: [(&str, &str); 2] =
    [("mongo_services_uri", "emboflow-services"), ("mongo_backup_uri", "emboflow-backup")];

/// Make the secrets and NATS users of an installation with containers; what is there already stays as it is
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Folder for them: `secrets` with a file each, `nats` with the server's users
    dir: PathBuf,
    /// Executor that may connect, by its id
    #[arg(long = "executor", value_name = "ID", default_value = "executor-1")]
    executors: Vec<ExecutorId>,
    /// Pool of the executors
    #[arg(long, default_value = "default")]
    pool: PoolName,
    /// Host name and port of the MongoDB server, for its connection string
    #[arg(long, value_name = "HOST:PORT", default_value = "mongo:27017")]
    mongo: String,
    /// The key that seals backups; it belongs into another folder than the one that is backed up
    #[arg(long, value_name = "FILE")]
    backup_key: Option<PathBuf>,
}

impl Install {
    pub(super) fn carry_out(&self, output: &mut Output) -> Result<(), Failure> {
        for file in self.make()? {
            output.text(&format!("made {}\n", file.display()))?;
        }
        if let Some(file) = &self.backup_key {
            let (key, is_new) = BackupKey::read_or_make(file).context("the key of the backups")?;
            if is_new {
                output.text(&format!("made {}, which is key {}\n", file.display(), key.id()))?;
                output.message("keep a copy of it away from this machine: without it no backup can be read");
            }
        }
        Ok(())
    }

    /// The files that were missing.
    fn make(&self) -> anyhow::Result<Vec<PathBuf>> {
        let secrets = self.dir.join("secrets");
        private_file::make_folder(&secrets)?;
        let mut made = Vec::new();
        for name in DRAWN {
            keep(&secrets.join(name), &mut made, || Ok(drawn(LENGTH)))?;
        }
        keep(&secrets.join("minio_user"), &mut made, || Ok(format!("emboflow-{}", drawn(8))))?;
        let uri = |user: &str, password: &str| {
            format!("mongodb://{user}:{password}@{}/?authSource=admin&directConnection=true", self.mongo)
        };
        keep(&secrets.join("mongo_admin_uri"), &mut made, || {
            let password = std::fs::read_to_string(secrets.join("mongo_password"))?;
            Ok(uri("emboflow", password.trim()))
        })?;
        for (name, user) in MONGO_USERS {
            keep(&secrets.join(name), &mut made, || Ok(uri(user, &drawn(LENGTH))))?;
        }
        self.nats_users(&mut made)?;
        Ok(made)
    }

    fn nats_users(&self, made: &mut Vec<PathBuf>) -> anyhow::Result<()> {
        let mut users = Users::open(&self.dir.join("nats"))?;
        let parts = [
            ("api", Part::Api),
            ("scheduler", Part::Scheduler),
            ("gateway", Part::Gateway),
            ("trigger", Part::Trigger { listens: Vec::new(), streams: Vec::new() }),
        ];
        let executors = self.executors.iter().map(|executor| {
            (executor.as_str(), Part::Executor { pool: self.pool.clone(), executor: executor.clone() })
        });
        let before = users.all().len();
        for (name, part) in parts.into_iter().chain(executors) {
            let user = own(name, part);
            if users.get(&user.name).is_none() {
                made.push(users.add(user)?);
            }
        }
        // Unchanged, the file keeps its place: a container that has it mounted would go on with the old one.
        if users.all().len() > before { users.write() } else { Ok(()) }
    }
}

/// Writes a file that is not there yet.
fn keep(
    path: &Path,
    made: &mut Vec<PathBuf>,
    content: impl FnOnce() -> std::io::Result<String>,
) -> anyhow::Result<()> {
    match std::fs::metadata(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("looking for {}", path.display())),
    }
    let content = content().with_context(|| format!("making {}", path.display()))?;
    private_file::replace(path, content.as_bytes())?;
    made.push(path.to_owned());
    Ok(())
}

fn drawn(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn install(dir: &Path, executors: &[&str]) -> Install {
        let executors = executors.iter().map(|id| id.parse().unwrap()).collect();
        let (pool, mongo) = ("default".parse().unwrap(), "mongo:1".into());
        Install { dir: dir.to_owned(), executors, pool, mongo, backup_key: None }
    }

    #[test]
    fn an_installation_gets_secrets_and_users_once() {
        let dir = tempfile::tempdir().unwrap();
        let made = install(dir.path(), &["executor-1"]).make().unwrap();
        for file in &made {
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        let admin = read("secrets/mongo_admin_uri");
        assert!(admin.contains(&read("secrets/mongo_password")) && admin.contains("@mongo:1/"), "{admin}");
        let services = read("secrets/mongo_services_uri");
        assert!(
            services.contains("@mongo:1/") && !services.contains(&read("secrets/mongo_password")),
            "{services}"
        );
        assert_ne!(services, read("secrets/mongo_backup_uri"));
        assert!(read("nats/users.conf").contains("executor-1"));

        let token = read("secrets/api_token");
        assert_eq!(install(dir.path(), &["executor-1"]).make().unwrap(), Vec::<PathBuf>::new());
        assert_eq!(read("secrets/api_token"), token);
    }

    #[test]
    fn a_further_executor_gets_a_user_and_the_others_keep_theirs() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), &["executor-1"]).make().unwrap();
        let seed = std::fs::read(dir.path().join("nats/executor-1.nk")).unwrap();
        let made = install(dir.path(), &["executor-1", "executor-2"]).make().unwrap();
        assert_eq!(made, [dir.path().join("nats/executor-2.nk")]);
        assert_eq!(std::fs::read(dir.path().join("nats/executor-1.nk")).unwrap(), seed);
    }
}
