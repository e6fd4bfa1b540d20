//! What an attempt asks of its container engine, and what becomes of it when the engine or its containers go away.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use emboflow_model::{Cause, Outcome, Reason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::support::{Kind, Program, World, until};

const ENGINE: &str = "/var/run/docker.sock";

/// A way to the engine that notes every call, and can swallow the answers.
struct Wiretap {
    host: String,
    calls: Arc<Mutex<Vec<String>>>,
    mute: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

impl Wiretap {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (calls, mute) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (heard, muted) = (calls.clone(), mute.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, heard.clone(), muted.clone()));
            }
        });
        Self { host: format!("unix://{}", path.display()), calls, mute, _folder: folder }
    }

    /// Calls about one container or its image: method and path, without the name.
    fn about(&self, name: &str) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        // The list of all images is asked for now and then, whatever attempts there are.
        let is_list = |call: &str| call.contains("/images/json");
        let known = |call: &&String| !is_list(call) && (call.contains(name) || call.contains("/images/"));
        calls.iter().filter(known).map(|call| shape(call, name)).collect()
    }
}

/// `POST /v1.41/containers/ef-…/start HTTP/1.1` → `POST start`.
fn shape(call: &str, name: &str) -> String {
    let mut words = call.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let what = match path.rsplit('/').next() {
        Some(last) if last == name => "container",
        Some("json") if path.contains("/images/") => "image",
        Some("logs") if query.contains("follow=true") => "logs, following",
        Some(last) => last,
        None => "",
    };
    format!("{method} {what}")
}

async fn pass_on(client: UnixStream, heard: Arc<Mutex<Vec<String>>>, mute: Arc<AtomicBool>) {
    let Ok(engine) = UnixStream::connect(ENGINE).await else { return };
    let ((mut asks, mut client), (mut answers, mut engine)) = (client.into_split(), engine.into_split());
    let asking = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = asks.read(&mut piece).await {
            let text = String::from_utf8_lossy(&piece[..length]);
            let calls = text.lines().filter(|line| line.ends_with(" HTTP/1.1"));
            heard.lock().unwrap().extend(calls.map(str::to_owned));
            if engine.write_all(&piece[..length]).await.is_err() {
                return;
            }
        }
    };
    let answering = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = answers.read(&mut piece).await {
            if mute.load(Ordering::Relaxed) || client.write_all(&piece[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_attempt_asks_no_more_of_the_engine_than_it_needs() {
    let tap = Wiretap::start();
    let mut world = World::new(Kind::Docker).await;
    world.settings.docker_host = Some(tap.host.clone());
    world.start_executor().await;
    let start = world.begin(Program { shell: "echo hi", words: "" }).await;
    assert_eq!(world.end(&start).await.outcome, Outcome::Succeeded);
    world.release(&start).await;
    world.until_forgotten().await;
    let mut calls = tap.about(&format!("ef-{}", start.attempt));
    // A container that takes longer on a busy machine is followed too.
    calls.retain(|call| call != "GET logs, following");
    let expected =
        ["GET image", "POST create", "POST start", "POST wait", "GET json", "GET logs", "DELETE container"];
    assert_eq!(calls, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_an_answer_is_seen_when_the_engine_answers_again() {
    let tap = Wiretap::start();
    let mut world = World::new(Kind::Docker).await;
    world.settings.docker_host = Some(tap.host.clone());
    world.start_executor().await;
    let name_of = |start: &emboflow_protocol::command::Start| format!("ef-{}", start.attempt);
    let start = world.attempt(world.spec(Program { shell: "echo once; sleep 3", words: "" }));
    let name = name_of(&start);
    let (mute, calls, container) = (tap.mute.clone(), tap.calls.clone(), name.clone());
    // From the moment of its start on no answer comes through.
    let watcher = tokio::spawn(async move {
        let is_start = |call: &String| call.contains(&container) && call.contains("/start");
        while !calls.lock().unwrap().iter().any(is_start) {
            tokio::task::yield_now().await;
        }
        mute.store(true, Ordering::Relaxed);
    });
    world.send(emboflow_protocol::command::Command::Start(Box::new(start.clone()))).await;
    watcher.await.unwrap();
    until("it runs, though nobody was told", async || {
        (World::docker(&["inspect", "-f", "{{.State.StartedAt}}", &name]).starts_with("20")).then_some(())
    })
    .await;
    tap.mute.store(false, Ordering::Relaxed);
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.exit_code), (Outcome::Succeeded, Some(0)), "{end:?}");
    assert_eq!(world.archived(&start).await, b"once\n", "it ran once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_removed_from_outside_is_a_loss_and_not_the_tasks_failure() {
    let mut world = World::new(Kind::Docker).await;
    world.start_executor().await;
    let start = world.begin(Program { shell: "echo on; while true; do sleep 1; done", words: "" }).await;
    world.running(&start).await;
    let removed = std::time::Instant::now();
    World::docker(&["rm", "-f", &format!("ef-{}", start.attempt)]);
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.cause), (Outcome::Lost, Cause::Infra), "{end:?}");
    assert_eq!(end.reason, Some(Reason::RuntimeFailed));
    assert!(removed.elapsed().as_secs() < 15, "seen after {:?}", removed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_without_an_owner_is_removed_before_work_is_taken() {
    let mut world = World::new(Kind::Docker).await;
    world.start_executor().await;
    let start = world.begin(Program { shell: "while true; do sleep 1; done", words: "" }).await;
    world.running(&start).await;
    world.stop_executor().await;
    std::fs::remove_file(world.data_dir().join("journal")).unwrap();
    world.start_executor().await;
    assert_eq!(world.containers(), Vec::<String>::new());
}
