//! Containers that exist only in this process: for load, and for tests of everything around a container.

mod script;

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use emboflow_model::{AttemptId, DeviceId, ImagePull, RuntimeSpec, Timestamp};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;

use super::{
    Answer, ContainerPlan, Creation, Engine, Exit, Owner, Place, Runtime, RuntimeError, Seen, container_name,
};
pub use script::{Script, VARIABLE};

// The exit codes of a first process that a signal ended.
const TERMINATED: i64 = 143;
const KILLED: i64 = 137;
// A simulated pull brings a MiB in each of them.
const PULL_STEPS: u32 = 40;

/// An engine of simulated containers. Clones share it, as executors of one machine share a real one.
#[derive(Clone, Default)]
pub struct Simulated {
    containers: Arc<Mutex<HashMap<AttemptId, Arc<Container>>>>,
}

/// A simulated engine as one executor sees it.
pub struct SimulatedRuntime {
    engine: Simulated,
    owner: Owner,
}

struct Container {
    plan: ContainerPlan,
    owner: Owner,
    script: Script,
    life: watch::Sender<Life>,
}

#[derive(Clone, Default)]
struct Life {
    log: Vec<u8>,
    started_at: Option<Timestamp>,
    ended: Option<Exit>,
}

impl Simulated {
    /// The engine as the executor of `owner` sees it.
    pub fn for_owner(&self, owner: Owner) -> SimulatedRuntime {
        SimulatedRuntime { engine: self.clone(), owner }
    }

    fn containers(&self) -> MutexGuard<'_, HashMap<AttemptId, Arc<Container>>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, attempt: &AttemptId) -> Option<Arc<Container>> {
        self.containers().get(attempt).cloned()
    }
}

impl SimulatedRuntime {
    fn make(&self, plan: &ContainerPlan) -> Result<Creation, RuntimeError> {
        let script = Script::of(&plan.spec).map_err(|detail| RuntimeError::BadSpec { detail })?;
        let mut containers = self.engine.containers();
        match containers.get(&plan.attempt) {
            Some(found) if found.plan.fence == plan.fence && found.owner.executor == self.owner.executor => {
                Ok(Creation::TakenOver)
            }
            Some(_) => Err(RuntimeError::NameTaken { name: container_name(&plan.attempt) }),
            None => {
                let (plan, owner, life) = (plan.clone(), self.owner.clone(), watch::Sender::default());
                let container = Container { plan, owner, script, life };
                containers.insert(container.plan.attempt.clone(), Arc::new(container));
                Ok(Creation::New)
            }
        }
    }

    fn begin(&self, attempt: &AttemptId) -> Result<(), RuntimeError> {
        let container = self.engine.find(attempt).ok_or_else(|| RuntimeError::Failed {
            doing: "starting a container",
            detail: format!("no container {}", container_name(attempt)),
        })?;
        if container.script.bad_command {
            return Err(RuntimeError::BadCommand {
                detail: "no such program in the simulated image".to_owned(),
            });
        }
        if !container.life.send_if_modified(Life::begin) {
            return Ok(());
        }
        container.say(&container.script.head);
        container.say_secrets();
        container.say_devices();
        if container.script.duration.is_zero() {
            container.say_lines(0..container.script.lines);
            container.finish();
        } else {
            tokio::spawn(async move { container.run().await });
        }
        Ok(())
    }
}

impl Life {
    fn begin(&mut self) -> bool {
        let fresh = self.started_at.is_none();
        if fresh {
            self.started_at = Some(now());
        }
        fresh
    }
}

impl Container {
    async fn run(&self) {
        let mut life = self.life.subscribe();
        let (lines, whole) = (self.script.lines, self.script.duration);
        let pause = whole / u32::try_from(lines.max(1)).unwrap_or(u32::MAX);
        for number in 0..lines.max(1) {
            let ended = tokio::time::timeout(pause, life.wait_for(|life| life.ended.is_some())).await;
            if ended.is_ok() {
                return;
            }
            self.say_lines(number..(number + 1).min(lines));
        }
        self.finish();
    }

    fn say(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.life.send_modify(|life| life.log.extend_from_slice(bytes));
        }
    }

    fn say_secrets(&self) {
        for name in &self.script.says {
            let secrets = &self.plan.secrets;
            let in_file = || {
                let (folder, _) = secrets.files.as_ref()?;
                std::fs::read_to_string(folder.join(name)).ok()
            };
            let variable = secrets.env.iter().find(|(variable, _)| variable == name);
            let value = variable.map(|(_, value)| value.reveal().to_owned()).or_else(in_file);
            self.say(format!("{}\n", value.unwrap_or_else(|| format!("no secret {name}"))).as_bytes());
        }
    }

    fn say_devices(&self) {
        if self.script.says_devices {
            let ids: Vec<&str> = self.plan.spec.devices.iter().map(DeviceId::as_str).collect();
            self.say(format!("{}\n", ids.join(",")).as_bytes());
        }
    }

    fn say_lines(&self, numbers: std::ops::Range<u64>) {
        self.say(numbers.map(|number| format!("line {number}\n")).collect::<String>().as_bytes());
    }

    fn finish(&self) {
        for (path, text) in &self.script.writes {
            if let Err(error) = write(&self.plan.workspace, path, text) {
                self.say(format!("{path}: {error}\n").as_bytes());
                return self.end(1, false);
            }
        }
        if self.script.oom { self.end(KILLED, true) } else { self.end(self.script.exit, false) }
    }

    fn end(&self, code: i64, oom_killed: bool) {
        self.life.send_if_modified(|life| {
            let runs = life.started_at.is_some() && life.ended.is_none();
            if runs {
                let started_at = life.started_at;
                life.ended = Some(Exit { code, oom_killed, error: None, started_at, exited_at: Some(now()) });
            }
            runs
        });
    }

    fn seen(&self) -> Seen {
        let life = self.life.borrow();
        match (&life.ended, life.started_at) {
            (Some(exit), _) => {
                let since_ms = exit.exited_at.map_or(u64::MAX, |at| now().ms_since(at));
                let oom_killed = exit.oom_killed && since_ms >= self.script.oom_told_after_ms;
                Seen::Exited(Exit { oom_killed, ..exit.clone() })
            }
            (None, Some(at)) => Seen::Running { started_at: Some(at) },
            (None, None) => Seen::Created,
        }
    }
}

/// Pulls an image of four layers in steps.
async fn pull(image: &str, duration: Duration, progress: &(dyn Fn(&ImagePull) + Send + Sync)) {
    for step in 0..PULL_STEPS {
        progress(&ImagePull {
            image: image.to_owned(),
            layers_done: step * 4 / PULL_STEPS,
            layers_total: 4,
            bytes_done: u64::from(step) << 20,
            bytes_total: Some(u64::from(PULL_STEPS) << 20),
        });
        tokio::time::sleep(duration / PULL_STEPS).await;
    }
}

fn write(workspace: &Path, path: &str, text: &str) -> std::io::Result<()> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "a path inside the workspace is needed",
        ));
    }
    let path = workspace.join(path);
    std::fs::create_dir_all(path.parent().unwrap_or(workspace))?;
    std::fs::write(path, text)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Runtime for SimulatedRuntime {
    fn probe(&self) -> Answer<'_, Engine> {
        let version = format!("simulated {}", env!("CARGO_PKG_VERSION"));
        ready(Ok(Engine { version, cpu_millis: 1_000_000, memory_bytes: 1 << 40 })).boxed()
    }

    fn prepare_image<'a>(
        &'a self,
        spec: &'a RuntimeSpec,
        progress: &'a (dyn Fn(&ImagePull) + Send + Sync),
    ) -> Answer<'a, Option<String>> {
        let (image, detail) = (spec.image.clone(), "the simulated registry says so".to_owned());
        async move {
            match spec.image.as_str() {
                "simulated/missing" => return Err(RuntimeError::ImageNotFound { image, detail }),
                "simulated/denied" => return Err(RuntimeError::ImageDenied { image, detail }),
                "simulated/unavailable" => return Err(RuntimeError::ImageUnavailable { image, detail }),
                _ => {}
            }
            // Words that nobody knows are refused when the container is created.
            let duration = Script::of(spec).map_or(Duration::ZERO, |script| script.pull);
            if !duration.is_zero() {
                pull(&image, duration, progress).await;
            }
            Ok(None)
        }
        .boxed()
    }

    fn create<'a>(&'a self, plan: &'a ContainerPlan) -> Answer<'a, Creation> {
        ready(self.make(plan)).boxed()
    }

    fn start<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()> {
        ready(self.begin(attempt)).boxed()
    }

    fn observe<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, Seen> {
        ready(Ok(self.engine.find(attempt).map_or(Seen::Absent, |container| container.seen()))).boxed()
    }

    fn wait<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()> {
        async move {
            if let Some(container) = self.engine.find(attempt) {
                let mut life = container.life.subscribe();
                // The sender lives as long as `container`: it cannot close.
                let _ended = life.wait_for(|life| life.ended.is_some()).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn signal<'a>(&'a self, attempt: &'a AttemptId, signal: &'a str) -> Answer<'a, ()> {
        if let Some(container) = self.engine.find(attempt) {
            match signal {
                "KILL" | "SIGKILL" => container.end(KILLED, false),
                _ if container.script.ignores_term => {}
                _ => container.end(TERMINATED, false),
            }
        }
        ready(Ok(())).boxed()
    }

    fn logs<'a>(
        &'a self,
        attempt: &'a AttemptId,
        follow: bool,
    ) -> BoxStream<'a, Result<Bytes, RuntimeError>> {
        let Some(container) = self.engine.find(attempt) else { return futures::stream::empty().boxed() };
        let life = container.life.subscribe();
        futures::stream::unfold((container, life, 0usize), move |(container, mut life, offset)| async move {
            let more = |life: &Life| life.log.len() > offset || life.ended.is_some();
            if follow && life.wait_for(more).await.is_err() {
                return None;
            }
            let piece = Bytes::copy_from_slice(life.borrow().log.get(offset..).unwrap_or_default());
            let next = offset + piece.len();
            (!piece.is_empty()).then_some((Ok(piece), (container, life, next)))
        })
        .boxed()
    }

    fn volumes<'a>(&'a self, _attempt: &'a AttemptId) -> Answer<'a, Vec<Place>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn images(&self) -> Answer<'_, Vec<String>> {
        let containers = self.engine.containers();
        let images: BTreeSet<String> =
            containers.values().map(|container| container.plan.spec.image.clone()).collect();
        ready(Ok(images.into_iter().collect())).boxed()
    }

    fn inventory(&self) -> Answer<'_, Vec<AttemptId>> {
        let containers = self.engine.containers();
        let own = containers.values().filter(|container| container.owner.executor == self.owner.executor);
        ready(Ok(own.map(|container| container.plan.attempt.clone()).collect())).boxed()
    }

    fn remove<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()> {
        if let Some(container) = self.engine.containers().remove(attempt) {
            container.end(KILLED, false);
        }
        ready(Ok(())).boxed()
    }

    fn outlives_executor(&self) -> bool {
        false
    }
}
