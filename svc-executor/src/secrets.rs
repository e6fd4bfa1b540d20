//! The values of an attempt's secrets on this machine: in memory only, in a folder of a tmpfs, until the attempt is
//! released. From there they reach the container, and a later process of this executor that goes on with its log.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use emboflow_model::AttemptId;
use emboflow_model::runtime_spec::SecretForm;
use emboflow_protocol::SecretValue;
use emboflow_protocol::call::GivenSecret;
use rustix::fs::statfs;
use rustix::process::geteuid;

use crate::discard::discard;

const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;
const FILES: &str = "files";
const VARIABLES: &str = "env";

/// Where an executor keeps them.
#[derive(Clone, Debug)]
pub(crate) struct SecretsDir {
    folder: PathBuf,
    /// Checks of tests run where no tmpfs is.
    any_disk: bool,
}

/// What a container gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandedSecrets {
    /// Environment variables.
    pub env: Vec<(String, SecretValue)>,
    /// Folder of this machine that becomes `/run/secrets`, and the names of the files in it.
    pub files: Option<(PathBuf, Vec<String>)>,
    values: Vec<SecretValue>,
}

impl HandedSecrets {
    /// Every value.
    pub(crate) fn values(&self) -> &[SecretValue] {
        &self.values
    }
}

impl SecretsDir {
    /// The place for this folder; nothing is made before there is a secret.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, any_disk: false }
    }

    /// The same without a look at what kind of disk it is.
    #[cfg(test)]
    pub(crate) fn on_any_disk(&self) -> Self {
        Self { any_disk: true, ..self.clone() }
    }

    /// Keeps the values of an attempt. Errors: why they cannot be kept here, with what to do.
    pub(crate) fn keep(&self, attempt: &AttemptId, given: &[GivenSecret]) -> Result<HandedSecrets, String> {
        let place = self.folder.display();
        let failed = |error: io::Error| format!("writing below {place} failed: {error}");
        self.make_root().map_err(failed)?;
        if !self.any_disk && !is_memory(&self.folder) {
            return Err(format!(
                "{place} is not in memory: set the executor's `secrets_dir` to a folder of a tmpfs"
            ));
        }
        let folder = self.of(attempt);
        discard(&folder).map_err(failed)?;
        // Its name says that it is whole, so it gets it last.
        let unfinished = self.folder.join(format!("unfinished-{attempt}"));
        discard(&unfinished).and_then(|()| write(&unfinished, given)).map_err(failed)?;
        fs::rename(&unfinished, &folder).map_err(failed)?;
        self.find(attempt).map_err(failed)?.ok_or_else(|| format!("what was written below {place} is gone"))
    }

    /// The values that were kept for an attempt; none after the machine was started again.
    pub(crate) fn find(&self, attempt: &AttemptId) -> io::Result<Option<HandedSecrets>> {
        if !self.has_root()? {
            return Ok(None);
        }
        let folder = self.of(attempt);
        let mut handed = HandedSecrets::default();
        let variables = match read(&folder.join(VARIABLES)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let files = read(&folder.join(FILES))?;
        handed.values = variables.iter().chain(&files).map(|(_, value)| value.clone()).collect();
        if !files.is_empty() {
            let names = files.into_iter().map(|(name, _)| name).collect();
            handed.files = Some((folder.join(FILES), names));
        }
        handed.env = variables;
        Ok(Some(handed))
    }

    /// Lets go of an attempt's values.
    pub(crate) fn forget(&self, attempt: &AttemptId) {
        if let Err(error) = discard(&self.of(attempt)) {
            tracing::warn!(%attempt, %error, "the secrets of an attempt could not be removed from memory");
        }
    }

    /// Lets go of everything but what belongs to these attempts.
    pub(crate) fn keep_only(&self, attempts: &HashSet<AttemptId>) {
        match self.has_root() {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(folder = %self.folder.display(), %error, "old secrets are not looked for");
                return;
            }
        }
        let names: HashSet<String> = attempts.iter().map(AttemptId::to_string).collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_owned = entry.file_name().to_str().is_some_and(|name| names.contains(name));
            if !is_owned && let Err(error) = discard(&entry.path()) {
                tracing::warn!(folder = %entry.path().display(), %error, "old secrets could not be removed");
            }
        }
    }

    fn of(&self, attempt: &AttemptId) -> PathBuf {
        self.folder.join(attempt.to_string())
    }

    /// Nobody but this user may look below it; a container sees only its own part, which the engine mounts.
    fn make_root(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.has_root()?;
        fs::set_permissions(&self.folder, Permissions::from_mode(0o700))
    }

    /// Whether the folder is there. The one above may be one that everybody writes to, as `/dev/shm` is: what somebody
    /// else put there first is neither read, nor written to, nor cleared.
    fn has_root(&self) -> io::Result<bool> {
        let refuse = |why: &str| {
            let what_to_do = "set the executor's `secrets_dir` to a folder of its own";
            Err(io::Error::new(ErrorKind::PermissionDenied, format!("{why}; {what_to_do}")))
        };
        match fs::symlink_metadata(&self.folder) {
            Ok(found) if !found.is_dir() => refuse("it is a link and no folder"),
            Ok(found) if found.uid() != geteuid().as_raw() => refuse("it belongs to another user"),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn write(folder: &Path, given: &[GivenSecret]) -> io::Result<()> {
    for part in [VARIABLES, FILES] {
        // The task's user reads it.
        let part = folder.join(part);
        fs::create_dir_all(&part)?;
        fs::set_permissions(&part, Permissions::from_mode(0o755))?;
    }
    for secret in given {
        let part = match secret.form {
            SecretForm::Env => VARIABLES,
            SecretForm::File => FILES,
        };
        let path = folder.join(part).join(&secret.variable);
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path)?;
        file.write_all(secret.value.reveal().as_bytes())?;
        fs::set_permissions(&path, Permissions::from_mode(0o444))?;
    }
    Ok(())
}

fn read(folder: &Path) -> io::Result<Vec<(String, SecretValue)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        all.push((name, SecretValue::new(fs::read_to_string(entry.path())?)));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

#[expect(clippy::cast_sign_loss, reason = "the kind of a file system is a number without a sign")]
fn is_memory(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|found| matches!(found.f_type as u64 & 0xffff_ffff, TMPFS | RAMFS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::RunId;

    fn attempt(run: u128) -> AttemptId {
        AttemptId { run: RunId::from_bits(run), task: "a".parse().unwrap(), number: 1 }
    }

    fn given() -> Vec<GivenSecret> {
        let secret = |variable: &str, form, value: &str| GivenSecret {
            variable: variable.to_owned(),
            form,
            value: SecretValue::new(value),
        };
        vec![secret("TOKEN", SecretForm::Env, "one"), secret("KEY", SecretForm::File, "two\nlines")]
    }

    #[test]
    fn values_are_found_again_until_the_attempt_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = SecretsDir::new(folder.path().join("secrets")).on_any_disk();
        assert_eq!(secrets.find(&attempt(1)).unwrap(), None);
        let kept = secrets.keep(&attempt(1), &given()).unwrap();
        assert_eq!(kept, secrets.keep(&attempt(1), &given()).unwrap(), "a claim may be repeated");
        assert_eq!(secrets.find(&attempt(1)).unwrap(), Some(kept.clone()));
        assert_eq!(kept.env, [("TOKEN".to_owned(), SecretValue::new("one"))]);
        let (files, names) = kept.files.clone().unwrap();
        assert_eq!(
            (fs::read_to_string(files.join("KEY")).unwrap().as_str(), names),
            ("two\nlines", vec!["KEY".to_owned()])
        );
        assert_eq!(kept.values().len(), 2);
        secrets.keep(&attempt(2), &given()).unwrap();
        secrets.keep_only(&[attempt(2)].into());
        assert_eq!(secrets.find(&attempt(1)).unwrap(), None);
        secrets.forget(&attempt(2));
        assert_eq!(fs::read_dir(&secrets.folder).unwrap().count(), 0);
    }

    #[test]
    fn nobody_else_on_the_machine_may_look_at_them() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = SecretsDir::new(folder.path().join("secrets")).on_any_disk();
        secrets.keep(&attempt(1), &given()).unwrap();
        assert_eq!(fs::metadata(&secrets.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_somebody_else_made_or_a_link_to_one_takes_no_secret() {
        let outer = tempfile::tempdir().unwrap();
        let strangers = outer.path().join("strangers");
        fs::create_dir(&strangers).unwrap();
        fs::set_permissions(&strangers, Permissions::from_mode(0o755)).unwrap();
        fs::write(strangers.join("letter"), "theirs").unwrap();
        let link = outer.path().join("link");
        std::os::unix::fs::symlink(&strangers, &link).unwrap();
        let linked = SecretsDir::new(link).on_any_disk();
        let why = linked.keep(&attempt(1), &given()).unwrap_err();
        assert!(why.contains("it is a link") && why.contains("secrets_dir"), "{why}");
        assert!(linked.find(&attempt(1)).is_err());
        linked.keep_only(&HashSet::new());
        // Only root can give a folder away.
        if std::os::unix::fs::chown(&strangers, Some(65_534), None).is_ok() {
            let secrets = SecretsDir::new(strangers.clone()).on_any_disk();
            let why = secrets.keep(&attempt(1), &given()).unwrap_err();
            assert!(why.contains("another user"), "{why}");
        }
        let left: Vec<_> =
            fs::read_dir(&strangers).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["letter"]);
        let mode = fs::metadata(&strangers).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o755, "what is not ours is left as it is");
    }

    #[test]
    fn a_folder_on_a_disk_takes_no_secret() {
        let Ok(folder) = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")) else { return };
        if is_memory(folder.path()) {
            return;
        }
        let why = SecretsDir::new(folder.path().join("secrets")).keep(&attempt(1), &given()).unwrap_err();
        assert!(why.contains("secrets_dir"), "{why}");
        assert_eq!(fs::read_dir(folder.path().join("secrets")).unwrap().count(), 0);
    }
}
