//! The users of the platform's NATS server, as they are kept beside its configuration: who they are in `users.json`,
//! what they may do in `users.conf`, which the server includes, and the seed of each in a file of its own.

mod server;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use emboflow_bus::server::{Login, ServerUser, users_config};
use emboflow_model::NatsUserName;
use emboflow_protocol::rights::{NatsUser, Part};
use nkeys::KeyPair;
use serde::{Deserialize, Serialize};

use crate::private_file;

pub(crate) use server::{Server, Which, reload};

/// Name of the file that a server's configuration includes: `include "users.conf"`.
pub(crate) const USERS_CONF: &str = "users.conf";
const USERS_JSON: &str = "users.json";

/// A user that may connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptUser {
    #[serde(flatten)]
    pub(crate) user: NatsUser,
    #[serde(flatten)]
    pub(crate) login: KeptLogin,
}

/// How a user shows who it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeptLogin {
    /// By the seed of this key.
    PublicKey(String),
    /// By this password, which only a client of the same machine can read.
    Password(String),
}

impl std::fmt::Debug for KeptLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PublicKey(key) => f.debug_tuple("PublicKey").field(key).finish(),
            Self::Password(_) => f.write_str("Password(…)"),
        }
    }
}

/// The users of one server, held so that nobody else changes them meanwhile.
#[derive(Debug)]
pub(crate) struct Users {
    dir: PathBuf,
    users: Vec<KeptUser>,
    _lock: File,
}

impl Users {
    /// Reads the users of a folder, which is made where it is missing. Waits while somebody else changes them.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        private_file::make_folder(dir)?;
        let path = dir.join("users.lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&path);
        let lock = lock.with_context(|| format!("opening {}", path.display()))?;
        lock.lock().with_context(|| format!("locking {}", path.display()))?;
        Ok(Self { dir: dir.to_owned(), users: read(dir)?, _lock: lock })
    }

    /// All of them, in the order in which they were made.
    pub(crate) fn all(&self) -> &[KeptUser] {
        &self.users
    }

    /// One of them.
    pub(crate) fn get(&self, name: &NatsUserName) -> Option<&KeptUser> {
        self.users.iter().find(|kept| kept.user.name == *name)
    }

    /// Makes a user with a new key, whose seed it writes into a file of its own. Errors: the name is taken.
    pub(crate) fn add(&mut self, user: NatsUser) -> anyhow::Result<PathBuf> {
        if let Some(kept) = self.get(&user.name) {
            bail!(
                "there is a user `{}` already: {}; remove it first, or take another name",
                user.name,
                kept.user.part
            );
        }
        let keys = KeyPair::new_user();
        let path = self.key_file(&user.name);
        let seed = keys.seed().context("making a key")?;
        private_file::replace(&path, seed.as_bytes())?;
        self.users.push(KeptUser { user, login: KeptLogin::PublicKey(keys.public_key()) });
        Ok(path)
    }

    /// Sees to it that there is such a user with a key, and gives the file of its seed. One whose seed is lost, or that
    /// was something else, gets a new one.
    pub(crate) fn ensure(&mut self, user: NatsUser) -> anyhow::Result<PathBuf> {
        let path = self.key_file(&user.name);
        let own = std::fs::read_to_string(&path).ok().and_then(|seed| KeyPair::from_seed(seed.trim()).ok());
        let key = own.map(|keys| KeptLogin::PublicKey(keys.public_key()));
        if self.get(&user.name).is_some_and(|kept| kept.user == user && Some(&kept.login) == key.as_ref()) {
            return Ok(path);
        }
        self.users.retain(|kept| kept.user.name != user.name);
        self.add(user)
    }

    /// Sees to it that there is such a user with a password.
    pub(crate) fn ensure_password(&mut self, user: NatsUser, password: &str) {
        self.users.retain(|kept| kept.user.name != user.name);
        self.users.insert(0, KeptUser { user, login: KeptLogin::Password(password.to_owned()) });
    }

    /// Makes a user something else; its key stays. False: there is no such user.
    pub(crate) fn change(&mut self, name: &NatsUserName, part: Part) -> bool {
        let kept = self.users.iter_mut().find(|kept| kept.user.name == *name);
        kept.map(|kept| kept.user.part = part).is_some()
    }

    /// Takes a user away, with its seed. False: there was none.
    pub(crate) fn remove(&mut self, name: &NatsUserName) -> anyhow::Result<bool> {
        let before = self.users.len();
        self.users.retain(|kept| kept.user.name != *name);
        let path = self.key_file(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", path.display()));
            }
            _ => {}
        }
        Ok(self.users.len() < before)
    }

    /// Writes down who they are, and what the server has to know of them.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.users).context("writing the users down")?;
        text.push(b'\n');
        private_file::replace(&self.dir.join(USERS_JSON), &text)?;
        let users: Vec<_> = self.users.iter().map(of_server).collect();
        private_file::replace(&self.dir.join(USERS_CONF), users_config(&users).as_bytes())
    }

    /// Where the seed of a user lies.
    pub(crate) fn key_file(&self, name: &NatsUserName) -> PathBuf {
        self.dir.join(format!("{name}.nk"))
    }
}

/// A file that cannot be read is an error: a server with other users would let nobody in.
fn read(dir: &Path) -> anyhow::Result<Vec<KeptUser>> {
    let path = dir.join(USERS_JSON);
    match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn of_server(kept: &KeptUser) -> ServerUser {
    let login = match &kept.login {
        KeptLogin::PublicKey(key) => Login::Key(key.clone()),
        KeptLogin::Password(password) => Login::Password(password.clone()),
    };
    ServerUser { user: kept.user.clone(), login }
}

/// A user of one of the platform's own parts, under a name that is known to be one.
pub(crate) fn own(name: &str, part: Part) -> NatsUser {
    NatsUser { name: NatsUserName::new(name).expect("the names of our own parts are names"), part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn robots() -> NatsUser {
        own(
            "robots",
            Part::Outside {
                project: "lab".parse().unwrap(),
                publish_only: false,
                decides: false,
                feeds: Vec::new(),
            },
        )
    }

    #[test]
    fn a_user_is_kept_with_its_rights_and_only_its_owner_reads_the_seed() {
        let dir = tempfile::tempdir().unwrap();
        let mut users = Users::open(dir.path()).unwrap();
        let path = users.add(robots()).unwrap();
        users.write().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let keys = KeyPair::from_seed(&std::fs::read_to_string(&path).unwrap()).unwrap();
        drop(users);

        let mut users = Users::open(dir.path()).unwrap();
        let kept = users.get(&robots().name).unwrap();
        assert_eq!((&kept.user, &kept.login), (&robots(), &KeptLogin::PublicKey(keys.public_key())));
        let conf = std::fs::read_to_string(dir.path().join(USERS_CONF)).unwrap();
        assert!(conf.contains(&keys.public_key()) && conf.contains("emboflow.event.lab.>"), "{conf}");
        assert!(!conf.contains(&keys.seed().unwrap()), "the server knows only public keys");
        let taken = users.add(robots()).unwrap_err().to_string();
        assert!(taken.contains("`robots` already: outside, project lab"), "{taken}");

        assert!(users.remove(&robots().name).unwrap() && !path.exists());
        assert!(!users.remove(&robots().name).unwrap());
        users.write().unwrap();
        let conf = std::fs::read_to_string(dir.path().join(USERS_CONF)).unwrap();
        assert!(!conf.contains("emboflow.event.lab.>"), "{conf}");
    }

    #[test]
    fn an_own_user_keeps_its_key_until_its_part_changes_or_its_seed_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut users = Users::open(dir.path()).unwrap();
        let seed = |users: &mut Users, part: Part| {
            let path = users.ensure(own("api", part)).unwrap();
            std::fs::read_to_string(path).unwrap()
        };
        let first = seed(&mut users, Part::Api);
        assert_eq!(first, seed(&mut users, Part::Api));
        assert_ne!(first, seed(&mut users, Part::Gateway));
        let second = seed(&mut users, Part::Api);
        std::fs::remove_file(users.key_file(&"api".parse().unwrap())).unwrap();
        assert_ne!(second, seed(&mut users, Part::Api));
        assert_eq!(users.all().len(), 1);
    }

    #[test]
    fn a_user_that_is_changed_keeps_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let mut users = Users::open(dir.path()).unwrap();
        let (name, path) = (robots().name, users.add(robots()).unwrap());
        let before = (std::fs::read(&path).unwrap(), users.get(&name).unwrap().login.clone());
        let part = Part::Trigger { listens: Vec::new(), streams: vec!["ORDERS".into()] };
        assert!(users.change(&name, part.clone()) && !users.change(&"nobody".parse().unwrap(), part.clone()));
        assert_eq!(users.get(&name).unwrap().user.part, part);
        assert_eq!((std::fs::read(&path).unwrap(), users.get(&name).unwrap().login.clone()), before);
    }

    #[test]
    fn damaged_users_are_not_replaced_by_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(USERS_JSON), "[{").unwrap();
        assert!(Users::open(dir.path()).unwrap_err().to_string().contains("users.json"));
    }
}
