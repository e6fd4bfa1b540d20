//! Which nats-server: where it is, and whether it is new enough.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

/// The oldest version that serves: streams whose writes need no fsync of their own came before it, and worked from it.
pub(crate) const MIN_VERSION: Version = Version(2, 15, 1);

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const HOW_TO_GET: &str =
    "`make setup` installs it, what `make env` prints puts it on the PATH, and --nats-bin names another";

/// A version of nats-server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// The version in what `nats-server --version` says: `nats-server: v2.15.1`.
    fn read(said: &str) -> Option<Self> {
        let text = said.split_whitespace().last()?.strip_prefix('v')?;
        let mut numbers = text.split(['.', '-']).map(|number| number.parse().ok());
        Some(Self(numbers.next()??, numbers.next()??, numbers.next()??))
    }
}

/// The program that was named, or the one on the PATH.
pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    match named.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) if path.is_file() => {
            path.canonicalize().with_context(|| format!("finding {}", path.display()))
        }
        Some(path) => bail!("there is no nats-server at {}; {HOW_TO_GET}", path.display()),
        None => on_path(std::env::var_os("PATH").as_deref())
            .with_context(|| format!("nats-server is not on the PATH; {HOW_TO_GET}")),
    }
}

fn on_path(path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?).map(|folder| folder.join("nats-server")).find(|program| program.is_file())
}

/// Asks a program for its version. Errors: it does not answer, or is older than [`MIN_VERSION`].
pub(crate) async fn version(program: &Path) -> anyhow::Result<Version> {
    let asking = || format!("asking {} for its version", program.display());
    let mut command = tokio::process::Command::new(program);
    command.arg("--version").stdin(std::process::Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(ANSWERS_WITHIN, command.output()).await;
    let output = answer.with_context(asking)?.with_context(asking)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let Some(version) = Version::read(&said) else {
        bail!("{} is no nats-server: it says {:?}", program.display(), said.trim());
    };
    if version < MIN_VERSION {
        bail!("{} has version {version}; at least {MIN_VERSION} is needed; {HOW_TO_GET}", program.display());
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        let read = |text| Version::read(text).unwrap();
        assert_eq!(read("nats-server: v2.15.1\n"), MIN_VERSION);
        assert!(
            read("nats-server: v2.9.30") < MIN_VERSION
                && read("nats-server: v2.16.0-preview.1") > MIN_VERSION
        );
        assert_eq!(Version::read("busybox"), None);
        assert_eq!(Version::read("nats-server: v2"), None);
    }

    #[test]
    fn a_missing_program_says_how_to_get_it() {
        let error = find(Some(Path::new("/nowhere/nats-server"))).unwrap_err().to_string();
        assert!(error.contains("make setup") && error.contains("--nats-bin"), "{error}");
        assert_eq!(on_path(Some(OsStr::new("/nowhere:/neither"))), None);
    }
}
