//! A MongoDB-wire server for tests: `mongod` where there is one, else SecantusDB.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::doc;

use crate::open::Config;

const KEEPER: &str = include_str!("mongo-server.sh");
const START_TIMEOUT: Duration = Duration::from_secs(90);
const SECANTUS: [&str; 3] = ["secantusd", "secantusd-rs", "secantusd-py"];

/// A server on loopback with a directory of its own; both are gone when this, or the whole process, is.
pub struct MongoServer {
    address: SocketAddr,
    directory: PathBuf,
    keeper: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    databases: AtomicU32,
}

/// Why no server runs.
#[derive(thiserror::Error)]
pub enum NoMongoServer {
    /// Neither program is there.
    #[error("neither mongod nor secantusd is on the PATH or in the tools folder: run `make setup`")]
    NotInstalled,
    /// It did not begin to answer.
    #[error("{program} did not answer in {} s:\n{log}", START_TIMEOUT.as_secs())]
    Silent {
        /// The program.
        program: String,
        /// What it had to say.
        log: String,
    },
    /// The process could not be started or ordered about.
    #[error("cannot {doing} the MongoDB-wire server: {error}")]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
}

impl fmt::Debug for NoMongoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl MongoServer {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Result<Self, NoMongoServer> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), None).await
    }

    /// [`MongoServer::start`] at another address of this machine, with its data in a folder that is made for it, if one
    /// is given.
    pub async fn start_at(host: IpAddr, data: Option<PathBuf>) -> Result<Self, NoMongoServer> {
        let failed = |error| NoMongoServer::Failed { doing: "start", error };
        let program = find_program().ok_or(NoMongoServer::NotInstalled)?;
        let directory = tempfile::Builder::new().prefix("emboflow-mongo-").tempdir().map_err(failed)?.keep();
        let data = data.unwrap_or_else(|| directory.join("data"));
        std::fs::create_dir(&data).map_err(failed)?;
        let address = TcpListener::bind((host, 0)).and_then(|free| free.local_addr()).map_err(failed)?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "server.sh"])
            .arg(&directory)
            .arg(&program)
            .args(arguments(&program, address, &data))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let orders = keeper.stdin.take().expect("it is piped");
        let answers = BufReader::new(keeper.stdout.take().expect("it is piped"));
        let mut server = Self { address, directory, keeper, orders, answers, databases: AtomicU32::new(0) };
        server.heard("start")?;
        server.wait_until_it_answers(&program.to_string_lossy()).await?;
        Ok(server)
    }

    /// Starts a server that lets nobody in but the user of the connection string, who may do everything.
    pub async fn start_guarded() -> Result<(Self, String), NoMongoServer> {
        let mut server = Self::start().await?;
        let client =
            mongodb::Client::with_uri_str(&server.uri()).await.expect("the connection string is valid");
        let root = doc! { "createUser": "root", "pwd": "of-the-tests", "roles": ["root"] };
        client.database("admin").run_command(root).await.expect("a fresh server takes its first user");
        server.kill()?;
        server.order("guard")?;
        server.wait_until_it_answers("the guarded server").await?;
        let uri = server.uri_of("root", "of-the-tests");
        Ok((server, uri))
    }

    /// The connection string of a user of the server.
    pub fn uri_of(&self, user: &str, password: &str) -> String {
        format!("mongodb://{user}:{password}@{}/?directConnection=true&authSource=admin", self.address)
    }

    /// Where the server is, for the driver.
    pub fn uri(&self) -> String {
        format!("mongodb://{}/?directConnection=true", self.address)
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Records in a database that nobody else of this server has.
    pub fn fresh_config(&self) -> Config {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Config::Mongo { uri: self.uri(), database: format!("records_{}_{number}", std::process::id()) }
    }

    /// Ends the server at once (SIGKILL), and starts it again on the same port and directory.
    pub async fn kill_and_restart(&mut self) -> Result<(), NoMongoServer> {
        self.kill()?;
        self.restart().await
    }

    /// Starts it again after [`MongoServer::kill`], on the same port and directory.
    pub async fn restart(&mut self) -> Result<(), NoMongoServer> {
        self.order("start")?;
        self.wait_until_it_answers("the restarted server").await
    }

    /// Ends the server at once (SIGKILL).
    pub fn kill(&mut self) -> Result<(), NoMongoServer> {
        self.order("kill")
    }

    fn order(&mut self, order: &'static str) -> Result<(), NoMongoServer> {
        writeln!(self.orders, "{order}").map_err(|error| NoMongoServer::Failed { doing: order, error })?;
        self.heard(order)
    }

    fn heard(&mut self, order: &'static str) -> Result<(), NoMongoServer> {
        let mut answer = String::new();
        match self.answers.read_line(&mut answer) {
            Ok(1..) => Ok(()),
            Ok(0) => {
                Err(NoMongoServer::Failed { doing: order, error: std::io::ErrorKind::BrokenPipe.into() })
            }
            Err(error) => Err(NoMongoServer::Failed { doing: order, error }),
        }
    }

    async fn wait_until_it_answers(&self, program: &str) -> Result<(), NoMongoServer> {
        let deadline = Instant::now() + START_TIMEOUT;
        let uri = format!("{}&serverSelectionTimeoutMS=500&connectTimeoutMS=500", self.uri());
        while Instant::now() < deadline {
            let client = mongodb::Client::with_uri_str(&uri).await.expect("the connection string is valid");
            if client.database("admin").run_command(doc! { "ping": 1 }).await.is_ok() {
                return Ok(());
            }
        }
        let log = std::fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
        Err(NoMongoServer::Silent { program: program.to_owned(), log })
    }
}

impl Drop for MongoServer {
    fn drop(&mut self) {
        // With the end of its input the keeper ends the server and removes the directory; a dead one cannot be asked.
        let _ = writeln!(self.orders, "kill");
        let mut answer = String::new();
        let _ = self.answers.read_line(&mut answer);
        let _ = std::fs::remove_dir_all(&self.directory);
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn find_program() -> Option<PathBuf> {
    let tools = variable("EMBOFLOW_TOOLS").map(PathBuf::from).or_else(|| {
        let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
        Some(cache.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))?.join("emboflow/tools"))
    });
    let path = variable("PATH").unwrap_or_default();
    let folders: Vec<_> =
        tools.map(|tools| tools.join("bin")).into_iter().chain(std::env::split_paths(&path)).collect();
    let programs = std::iter::once("mongod").chain(SECANTUS);
    programs
        .flat_map(|program| folders.iter().map(move |folder| folder.join(program)))
        .find(|file| file.is_file())
}

#[expect(clippy::disallowed_methods, reason = "a test's server is found where the shell finds it")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn arguments(program: &Path, address: SocketAddr, data: &Path) -> Vec<OsString> {
    let is_mongod = program.file_name().is_some_and(|name| name == "mongod");
    let (host, folder) = if is_mongod { ("--bind_ip", "--dbpath") } else { ("--host", "--storage-path") };
    let mut arguments: Vec<OsString> = vec![host.into(), address.ip().to_string().into(), "--port".into()];
    arguments.extend([address.port().to_string().into(), folder.into(), data.into()]);
    if !is_mongod {
        // Without it an acknowledged write is lost when the server is killed.
        arguments.push("--sync-on-commit".into());
    }
    arguments
}
