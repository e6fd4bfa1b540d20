//! The real `emboflow up` as a child process, and its public interfaces.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use emboflow_records::testing::MongoServer;
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::header::AUTHORIZATION;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::events::{HttpEvents, NatsEvents};
use crate::intake::Intake;
use crate::nats_server;
use crate::options::Records;
use crate::place::Place;
use crate::process;

/// Runs in a batch.
pub(crate) const BATCH: usize = 500;
const BATCHES_IN_FLIGHT: usize = 4;
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// What carries out tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Simulated,
    Docker,
}

/// A running platform on a data directory of its own.
pub(crate) struct Platform {
    process: Child,
    pid: u32,
    runtime: Runtime,
    up: Up,
    http: reqwest::Client,
    folder: TempDir,
    mongo: Option<MongoServer>,
}

#[derive(Deserialize)]
struct Up {
    api_url: String,
    nats_url: String,
    nats_user: String,
    nats_password: String,
    token: String,
    pid: u32,
}

impl Platform {
    /// Starts one on an empty data directory, and waits until an executor takes work.
    pub(crate) async fn start(place: &Place, runtime: Runtime) -> anyhow::Result<Self> {
        Self::start_on(place, runtime, place.scratch()?).await
    }

    /// Starts one whose data directory is `data` in the folder.
    pub(crate) async fn start_on(place: &Place, runtime: Runtime, folder: TempDir) -> anyhow::Result<Self> {
        let mongo = match place.records {
            Records::Sqlite => None,
            Records::Mongodb => Some(MongoServer::start().await?),
        };
        let platform = Self::launch(place, runtime, folder, mongo).await?;
        platform.warm_up(runtime).await?;
        Ok(platform)
    }

    async fn launch(
        place: &Place,
        runtime: Runtime,
        folder: TempDir,
        mongo: Option<MongoServer>,
    ) -> anyhow::Result<Self> {
        let data = folder.path().join("data");
        let log =
            std::fs::File::create(folder.path().join("up.log")).context("making the log of emboflow up")?;
        let mut command = Command::new(place.programs.emboflow());
        command.arg("up").arg("--data-dir").arg(&data).args(["--listen", "127.0.0.1:0", "--runtime"]);
        command.arg(match runtime {
            Runtime::Simulated => "simulated",
            Runtime::Docker => "docker",
        });
        command.arg("--nats-bin").arg(place.programs.nats_server()).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(mongo) = &mongo {
            command.arg("--mongo-uri").arg(mongo.uri());
        }
        command.stdout(log.try_clone().context("sharing the log")?).stderr(log);
        let mut process = command.spawn().context("starting emboflow up")?;
        let up = ready(&mut process, &data, &folder.path().join("up.log")).await?;
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(256)
            .build()
            .context("making an HTTP client")?;
        Ok(Self { pid: up.pid, runtime, process, up, http, folder, mongo })
    }

    /// Stops it, and starts it again on what it has; done when it says that it is ready.
    pub(crate) async fn restart(mut self, place: &Place) -> anyhow::Result<Self> {
        self.end().await?;
        self.launch_again(place).await
    }

    /// The same after a SIGKILL.
    pub(crate) async fn kill_and_restart(mut self, place: &Place) -> anyhow::Result<Self> {
        kill(self.pid)?;
        self.process.wait().await.context("waiting for the end of emboflow up")?;
        self.launch_again(place).await
    }

    async fn launch_again(self, place: &Place) -> anyhow::Result<Self> {
        let up = self.folder.path().join("data/up.json");
        // What the process before it wrote is no sign of this one.
        if let Err(error) = std::fs::remove_file(&up)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error).context("removing what says where it was");
        }
        Self::launch(place, self.runtime, self.folder, self.mongo).await
    }

    /// Waits for a first run to end: afterwards the executor is known, and what is made once has been made.
    async fn warm_up(&self, runtime: Runtime) -> anyhow::Result<()> {
        let mut events = self.events(None).await?;
        let source = match runtime {
            Runtime::Simulated => crate::workflow::noop(),
            Runtime::Docker => crate::workflow::command("noop", "[\"/bin/busybox\", \"true\"]"),
        };
        let run = self.submit(&source).await?;
        tokio::time::timeout(READY_WITHIN, events.end_of(&run)).await.context("the first run does not end")?
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends its nats-server with SIGKILL; the platform starts another one.
    pub(crate) fn kill_nats(&self) -> anyhow::Result<()> {
        process::children(self.pid).into_iter().try_for_each(kill)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.up.api_url)
    }

    pub(crate) fn authority(&self) -> &str {
        self.up.api_url.trim_start_matches("http://")
    }

    pub(crate) fn token(&self) -> &str {
        &self.up.token
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(self.url(path)).header(AUTHORIZATION, format!("Bearer {}", self.up.token))
    }

    /// Writes a document over HTTP.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.http.put(self.url(path)).bearer_auth(&self.up.token).json(body);
        let answer = request.send().await.with_context(|| format!("writing {path}"))?;
        answer.error_for_status().with_context(|| format!("writing {path}"))?;
        Ok(())
    }

    /// Submits a run over HTTP; gives its id.
    pub(crate) async fn submit(&self, source: &str) -> anyhow::Result<String> {
        self.submit_request(source, self.http.post(self.url("projects/default/runs"))).await
    }

    /// The same with a key: asked again, it gives the same run.
    pub(crate) async fn submit_once(&self, source: &str, key: &str) -> anyhow::Result<String> {
        let request = self.http.post(self.url("projects/default/runs")).header("Idempotency-Key", key);
        self.submit_request(source, request).await
    }

    async fn submit_request(&self, source: &str, request: reqwest::RequestBuilder) -> anyhow::Result<String> {
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.up.token));
        let answer = request.json(&json!({ "source": source })).send().await.context("submitting a run")?;
        let (status, body) = (answer.status(), answer.bytes().await.context("reading the new run")?);
        ensure!(
            matches!(status.as_u16(), 200 | 201),
            "a run was answered {status}: {}",
            String::from_utf8_lossy(&body)
        );
        let run: Value = serde_json::from_slice(&body).context("reading the new run")?;
        Ok(run["id"].as_str().context("the new run has no id")?.to_owned())
    }

    /// Submits a batch of runs over HTTP, with keys made of the numbers.
    async fn submit_batch(&self, source: &str, numbers: Range<usize>) -> anyhow::Result<()> {
        let requests =
            numbers.clone().map(|number| json!({"key": format!("b-{number}"), "body": {"source": source}}));
        let body = json!({ "requests": requests.collect::<Vec<_>>() });
        let request = self.http.post(self.url("projects/default/runs/batch"));
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.up.token));
        let answer = request.json(&body).send().await.context("submitting a batch")?;
        let answer: Value =
            answer.error_for_status()?.json().await.context("reading the answer to a batch")?;
        let items = answer["items"].as_array().context("a batch was answered without items")?;
        ensure!(items.len() == numbers.len(), "{} of {} requests were answered", items.len(), numbers.len());
        Ok(())
    }

    /// Submits runs in batches of [`BATCH`], a few of them in flight.
    pub(crate) async fn submit_batches(&self, source: &str, numbers: Range<usize>) -> anyhow::Result<()> {
        let end = numbers.end;
        let batches =
            numbers.step_by(BATCH).map(|from| self.submit_batch(source, from..end.min(from + BATCH)));
        stream::iter(batches).buffer_unordered(BATCHES_IN_FLIGHT).try_collect().await
    }

    /// Follows the events over HTTP: of one run, or all.
    pub(crate) async fn events(&self, run: Option<&str>) -> anyhow::Result<HttpEvents> {
        let path = run.map_or("events".to_owned(), |run| format!("events?run={run}"));
        let answer = self.get(&path).send().await.context("opening the event stream")?;
        Ok(HttpEvents::new(answer.error_for_status().context("opening the event stream")?))
    }

    async fn nats(&self) -> anyhow::Result<async_nats::Client> {
        let options = nats_server::options()
            .user_and_password(self.up.nats_user.clone(), self.up.nats_password.clone());
        options.connect(&self.up.nats_url).await.context("connecting to the platform's NATS")
    }

    /// Follows the events over NATS.
    pub(crate) async fn nats_events(&self) -> anyhow::Result<NatsEvents> {
        NatsEvents::open(self.nats().await?).await
    }

    /// The intake over NATS.
    pub(crate) async fn intake(&self) -> anyhow::Result<Intake> {
        Ok(Intake::new(self.nats().await?))
    }

    /// Stops it as Ctrl-C does.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.end().await
    }

    /// Reads a document over HTTP.
    pub(crate) async fn read(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.get(path).send().await.with_context(|| format!("reading {path}"))?;
        let answer = answer.error_for_status().with_context(|| format!("reading {path}"))?;
        answer.json().await.with_context(|| format!("reading {path}"))
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).context("stopping emboflow up")?;
        }
        tokio::time::timeout(STOP_WITHIN, self.process.wait())
            .await
            .context("emboflow up does not stop")??;
        Ok(())
    }
}

fn kill(pid: u32) -> anyhow::Result<()> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    kill_process(pid, Signal::KILL).context("killing a process")
}

async fn ready(process: &mut Child, data: &Path, log: &PathBuf) -> anyhow::Result<Up> {
    let until = Instant::now() + READY_WITHIN;
    loop {
        if let Ok(text) = std::fs::read(data.join("up.json"))
            && let Ok(up) = serde_json::from_slice::<Up>(&text)
        {
            return Ok(up);
        }
        let ended = process.try_wait().context("looking at emboflow up")?;
        if ended.is_some() || Instant::now() > until {
            bail!("emboflow up is not ready:\n{}", std::fs::read_to_string(log).unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
