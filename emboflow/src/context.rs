//! Contexts: the servers that a person works with, each with its project and how one signed in. One private
//! file each, below `emboflow/contexts` in the user's folder of settings; `emboflow/context` names the one in use.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use emboflow_model::Timestamp;
use emboflow_model::name::is_name;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::private_file;

const SUFFIX: &str = "toml";

/// A server, and as whom to talk to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Its address.
    pub(crate) server: String,
    /// The project of commands that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    /// Who signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// A key or token: the bearer of every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The session of a person who signed in with a password: `name=value` of its cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// When the session ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
}

impl Context {
    /// A server, without a sign-in.
    pub(crate) fn of(server: impl Into<String>) -> Self {
        Self { server: server.into(), project: None, user: None, key: None, session: None, expires_at: None }
    }
}

/// Where the contexts are kept.
#[derive(Clone, Debug)]
pub(crate) struct Contexts {
    folder: PathBuf,
}

impl Contexts {
    /// Those of this user: below `$XDG_CONFIG_HOME`, or `~/.config`. None where there is no home.
    pub(crate) fn of_this_user() -> Option<Self> {
        let told = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        // The convention: a folder that is not absolute is none.
        let settings = told("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let settings = settings.or_else(|| told("HOME").map(|home| Path::new(&home).join(".config")))?;
        Some(Self { folder: settings.join("emboflow") })
    }

    /// Those below a folder of settings.
    #[cfg(test)]
    pub(crate) fn below(settings: &Path) -> Self {
        Self { folder: settings.join("emboflow") }
    }

    /// The same, where they are needed.
    pub(crate) fn needed() -> Result<Self, Failure> {
        Self::of_this_user().ok_or_else(|| {
            Failure::usage("contexts are kept below $XDG_CONFIG_HOME or $HOME, and neither is set")
        })
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> anyhow::Result<Vec<String>> {
        let folder = self.folder.join("contexts");
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("listing {}", folder.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
            let is_context = path.extension().is_some_and(|extension| extension == SUFFIX);
            let name = path.file_stem().and_then(|name| name.to_str()).filter(|name| is_name(name));
            names.extend(name.filter(|_| is_context).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// One of them; none when there is none of that name.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Context>, Failure> {
        let path = self.path(name)?;
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("reading {}", path.display()))?,
        };
        let read = toml::from_str(&text).map_err(|error| {
            anyhow!(
                "reading {}: {}; mend it, or `emboflow context remove {name}`",
                path.display(),
                error.message()
            )
        })?;
        Ok(Some(read))
    }

    /// One of them; an error that names the others when there is none of that name.
    pub(crate) fn find(&self, name: &str) -> Result<Context, Failure> {
        if let Some(found) = self.read(name)? {
            return Ok(found);
        }
        let known = match self.names()?.as_slice() {
            [] => "there are none yet: `emboflow login --server URL` makes one".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        };
        Err(Failure::usage(format!("there is no context '{name}'; {known}")))
    }

    /// Keeps one, readable by its owner only.
    pub(crate) fn keep(&self, name: &str, context: &Context) -> Result<(), Failure> {
        let path = self.path(name)?;
        private_file::make_folder(&self.folder.join("contexts"))?;
        let text = toml::to_string(context).context("writing the context down")?;
        Ok(private_file::replace(&path, text.as_bytes())?)
    }

    /// Forgets one, and that it is in use; false when there was none of that name.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Failure> {
        let was_there = remove_file(&self.path(name)?)?;
        if self.in_use()?.as_deref() == Some(name) {
            remove_file(&self.choice())?;
        }
        Ok(was_there)
    }

    /// The name of the one in use.
    pub(crate) fn in_use(&self) -> anyhow::Result<Option<String>> {
        let path = self.choice();
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            text => {
                let text = text.with_context(|| format!("reading {}", path.display()))?;
                Ok(Some(text.trim().to_owned()).filter(|name| is_name(name)))
            }
        }
    }

    /// Takes one into use.
    pub(crate) fn take_into_use(&self, name: &str) -> Result<(), Failure> {
        self.find(name)?;
        Ok(private_file::replace(&self.choice(), format!("{name}\n").as_bytes())?)
    }

    fn choice(&self) -> PathBuf {
        self.folder.join("context")
    }

    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        if !is_name(name) {
            let form =
                "a name starts with a letter a-z and goes on with a-z, 0-9 or '-', 63 characters at most";
            return Err(Failure::usage(format!("'{name}' is no name of a context: {form}")));
        }
        Ok(self.folder.join("contexts").join(format!("{name}.{SUFFIX}")))
    }
}

/// Removes a file; false when there was none.
fn remove_file(path: &Path) -> anyhow::Result<bool> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        outcome => outcome.map(|()| true).with_context(|| format!("removing {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn context(server: &str) -> Context {
        Context { key: Some("emb_x".to_owned()), expires_at: Some(Timestamp(0)), ..Context::of(server) }
    }

    #[test]
    fn a_context_is_kept_for_its_owner_only_and_forgotten_with_its_choice() {
        let home = tempfile::tempdir().unwrap();
        let contexts = Contexts::below(home.path());
        assert_eq!((contexts.names().unwrap(), contexts.in_use().unwrap()), (vec![], None));
        contexts.keep("lab", &context("https://lab.example")).unwrap();
        contexts.keep("at-home", &context("http://127.0.0.1:1")).unwrap();
        contexts.take_into_use("lab").unwrap();
        assert_eq!(contexts.names().unwrap(), ["at-home", "lab"]);
        assert_eq!(contexts.read("lab").unwrap(), Some(context("https://lab.example")));
        assert_eq!(contexts.in_use().unwrap().as_deref(), Some("lab"));
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(contexts.path("lab").unwrap()), 0o600);
        assert_eq!(mode(contexts.folder.clone()), 0o700);
        assert!(contexts.remove("lab").unwrap() && !contexts.remove("lab").unwrap());
        assert_eq!(contexts.in_use().unwrap(), None);
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder_and_an_unknown_one_is_answered_with_those_there_are() {
        let home = tempfile::tempdir().unwrap();
        let contexts = Contexts::below(home.path());
        for bad in ["", "..", "../x", "a/b", "A"] {
            assert!(matches!(contexts.read(bad), Err(Failure::Usage(_))), "{bad}");
        }
        contexts.keep("lab", &context("https://lab.example")).unwrap();
        let refused = contexts.take_into_use("labs").unwrap_err();
        assert!(refused.reason().contains("there are: lab"), "{}", refused.reason());
        std::fs::write(contexts.path("lab").unwrap(), "server = 3").unwrap();
        let refused = contexts.read("lab").unwrap_err().reason();
        assert!(refused.contains("lab.toml") && refused.contains("context remove lab"), "{refused}");
    }
}
