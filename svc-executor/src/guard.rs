//! A process beside the executor that kills exclusive attempts whose right to run is over, although the executor is dead,
//! or stopped, or hangs. It is started with the first exclusive attempt, reads the rights that the executor keeps in
//! files, and ends when the executor has ended and nothing is left to watch.
//!
//! It lives and dies with the machine and with the container that both are in, and can do as much as their engine does.

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use emboflow_model::{AttemptId, ExecutorId};
use serde::{Deserialize, Serialize};

use crate::attempt::{FILE, Granted};
use crate::runtime::docker::DockerRuntime;
use crate::runtime::{Owner, Runtime, Seen};

/// First argument of a process that is a guard; the second one says of what.
const ARGUMENT: &str = "--guard-exclusive-attempts";
const LOOK: Duration = Duration::from_millis(500);
const KILL: &str = "SIGKILL";

/// Programs that can be started as guards say so in their `main`.
static CAN_GUARD: OnceLock<()> = OnceLock::new();

/// What a guard watches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) attempts_folder: PathBuf,
    /// Address of the Docker engine; none: the usual one.
    pub(crate) host: Option<String>,
    pub(crate) instance: String,
    pub(crate) executor: ExecutorId,
}

/// The guard of an executor.
#[derive(Default)]
pub(crate) struct Guard {
    /// None: containers end with the executor.
    post: Option<Post>,
    child: Mutex<Option<Child>>,
}

impl Guard {
    pub(crate) fn of(post: Option<Post>) -> Self {
        Self { post, child: Mutex::default() }
    }

    /// Starts it, unless it is there.
    pub(crate) fn stand(&self) {
        let Some(post) = &self.post else { return };
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if lives || CAN_GUARD.get().is_none() {
            return;
        }
        match start(post) {
            Ok(started) => *child = Some(started),
            Err(error) => {
                tracing::error!(%error, "exclusive attempts have no guard, should this process die")
            }
        }
    }
}

fn start(post: &Post) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([ARGUMENT, &serde_json::to_string(post)?]);
    // What is typed at the executor's terminal is not meant for it.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

/// First in the `main` of a program that runs executors: when it was started as a guard, it is one until its end, and this
/// is its exit code.
pub fn run_if_asked() -> Option<ExitCode> {
    CAN_GUARD.get_or_init(|| ());
    let mut arguments = std::env::args_os().skip(1).map_while(|argument| argument.into_string().ok());
    let post = arguments.next().filter(|first| first == ARGUMENT).and_then(|_| arguments.next())?;
    let parent = rustix::process::getppid();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Ok(post), Ok(runtime)) = (serde_json::from_str::<Post>(&post), runtime) else {
        return Some(ExitCode::from(2));
    };
    let owner = Owner { instance: post.instance, executor: post.executor };
    let Ok(engine) = DockerRuntime::new(post.host.as_deref(), owner) else { return Some(ExitCode::from(2)) };
    let is_orphan = || rustix::process::getppid() != parent;
    runtime.block_on(watch(&engine, &post.attempts_folder, is_orphan));
    Some(ExitCode::SUCCESS)
}

/// Watches until nothing is left of an executor that has ended.
async fn watch(engine: &dyn Runtime, attempts_folder: &Path, is_orphan: impl Fn() -> bool) {
    let mut watched = Watched::default();
    loop {
        let leaves = is_orphan();
        watched.read(attempts_folder);
        watched.kill_what_lapsed(engine).await;
        if leaves && watched.rights.is_empty() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The rights that may have to be ended.
#[derive(Default)]
struct Watched {
    rights: HashMap<AttemptId, Granted>,
    /// Those whose attempts have ended, by when they were granted.
    ended: HashMap<AttemptId, u64>,
}

impl Watched {
    /// Takes in what the executor has written. What it has removed is still watched: whether a container is left of it
    /// says the engine.
    fn read(&mut self, attempts_folder: &Path) {
        let entries = std::fs::read_dir(attempts_folder).into_iter().flatten().flatten();
        for folder in entries.map(|entry| entry.path()).filter(|folder| folder.join(FILE).exists()) {
            let attempt = folder.file_name().and_then(|name| name.to_str()?.parse::<AttemptId>().ok());
            if let (Some(attempt), Some(granted)) = (attempt, Granted::read(&folder))
                && self.ended.get(&attempt) != Some(&granted.sent_ms)
            {
                self.rights.insert(attempt, granted);
            }
        }
    }

    async fn kill_what_lapsed(&mut self, engine: &dyn Runtime) {
        let lapsed = self.rights.iter().filter(|(_, granted)| granted.killed_in().is_zero());
        for attempt in lapsed.map(|(attempt, _)| attempt.clone()).collect::<Vec<_>>() {
            match engine.observe(&attempt).await {
                Ok(Seen::Running { .. }) => {
                    let killed = engine.signal(&attempt, KILL).await;
                    report(&attempt, killed.err().map(|error| error.to_string()));
                }
                Ok(_) => {
                    let granted = self.rights.remove(&attempt);
                    self.ended.extend(granted.map(|granted| (attempt, granted.sent_ms)));
                }
                Err(error) => report(&attempt, Some(error.to_string())),
            }
        }
    }
}

/// A line among the executor's own.
fn report(attempt: &AttemptId, error: Option<String>) {
    let line = serde_json::json!({
        "level": "WARN",
        "target": "svc_executor::guard",
        "fields": {
            "message": "the guard kills an exclusive attempt that its executor cannot renew",
            "attempt": attempt.to_string(),
            "error": error,
        },
    });
    use std::io::Write;
    // Nobody may read it any more.
    let _ = writeln!(std::io::stderr(), "{line}");
}
