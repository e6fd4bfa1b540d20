//! Users of a test's own server, with their keys.

use std::path::{Path, PathBuf};

use emboflow_model::{ExecutorId, NatsUserName, PoolName, ProjectName};
use emboflow_protocol::rights::{NatsUser, Part, inbox_prefix};
use nkeys::KeyPair;
use tempfile::TempDir;

use crate::server::{Login, ServerUser, users_config};

/// Users with keys in a directory of their own, which ends with this.
#[derive(Debug)]
pub struct TestUsers {
    dir: TempDir,
    users: Vec<ServerUser>,
    /// Public keys of users who may do everything, as none of a platform's may.
    unlimited: Vec<String>,
}

impl TestUsers {
    /// The services of a platform whose one executor has this id, in the pool `default`.
    pub fn platform(executor: &str) -> Self {
        let dir = TempDir::with_prefix("emboflow-users-").expect("a temporary directory can be made");
        let mut users = Self { dir, users: Vec::new(), unlimited: Vec::new() };
        users.add("api", Part::Api);
        users.add("scheduler", Part::Scheduler);
        users.add("gateway", Part::Gateway);
        users.add("trigger", Part::Trigger { listens: Vec::new(), streams: Vec::new() });
        users.add_executor(executor);
        users
    }

    /// Adds an executor of the pool `default`, under its id.
    pub fn add_executor(&mut self, id: &str) {
        let executor = ExecutorId::new(id).expect("the test names an executor");
        let pool = PoolName::new("default").expect("it is a name");
        self.add(id, Part::Executor { pool, executor });
    }

    /// Adds an outside system.
    pub fn add_outside(&mut self, name: &str, project: &str, publish_only: bool) {
        let project = ProjectName::new(project).expect("the test names a project");
        self.add(name, Part::Outside { project, publish_only, decides: false, feeds: Vec::new() });
    }

    /// Adds a user with a new key.
    pub fn add(&mut self, name: &str, part: Part) {
        let login = Login::Key(self.new_key(name));
        let user = NatsUser { name: NatsUserName::new(name).expect("the test names a user"), part };
        self.users.push(ServerUser { user, login });
    }

    /// Adds one who may do everything: for garbage in places where no user of a platform could put it.
    pub fn add_unlimited(&mut self, name: &str) {
        let key = self.new_key(name);
        self.unlimited.push(key);
    }

    fn new_key(&self, name: &str) -> String {
        let keys = KeyPair::new_user();
        std::fs::write(self.key_file(name), keys.seed().expect("a new key has a seed"))
            .expect("a key can be written");
        keys.public_key()
    }

    /// Takes a user back; its key stays where it is.
    pub fn remove(&mut self, name: &str) {
        self.users.retain(|user| user.user.name.as_str() != name);
    }

    /// Makes a user something else; its key stays.
    pub fn change(&mut self, name: &str, part: Part) {
        let mut users = self.users.iter_mut().filter(|user| user.user.name.as_str() == name);
        users.next().expect("the user is there").user.part = part;
    }

    /// Where the key of a user lies.
    pub fn key_file(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.nk"))
    }

    /// A bare client of one of them, which says what the server refuses.
    pub async fn client(&self, url: &str, name: &str) -> (async_nats::Client, Refusals) {
        let (sender, refused) = tokio::sync::mpsc::unbounded_channel();
        let seed = std::fs::read_to_string(self.key_file(name)).expect("it has a key");
        let user = NatsUserName::new(name).expect("the test names a user");
        let client = async_nats::ConnectOptions::with_nkey(seed)
            .custom_inbox_prefix(inbox_prefix(&user))
            .event_callback(move |event| {
                let _nobody_listens = sender.send(event.to_string());
                std::future::ready(())
            })
            .connect(url)
            .await
            .expect("a user of the server is let in");
        (client, Refusals(refused))
    }

    /// Writes the file with users and rights.
    pub(super) fn write(&self, path: &Path) {
        let unlimited: String = self.unlimited.iter().map(|key| format!("    {{ nkey: {key} }}\n")).collect();
        let text = users_config(&self.users).replacen("users: [\n", &format!("users: [\n{unlimited}"), 1);
        std::fs::write(path, text).expect("the users can be written");
    }
}

/// What a server has refused to a client, and whatever else happened to its connection.
#[derive(Debug)]
pub struct Refusals(tokio::sync::mpsc::UnboundedReceiver<String>);

impl Refusals {
    /// Waits until something is said that contains `words`, and gives it.
    pub async fn wait_for(&mut self, words: &str) -> String {
        let said = async {
            loop {
                let said = self.0.recv().await.expect("the client lives");
                if said.to_lowercase().contains(&words.to_lowercase()) {
                    return said;
                }
            }
        };
        match tokio::time::timeout(super::UP_WITHIN, said).await {
            Ok(said) => said,
            Err(_) => panic!("nothing is said of {words}"),
        }
    }
}
