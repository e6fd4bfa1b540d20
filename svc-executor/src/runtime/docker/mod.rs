//! Docker (or what speaks its API on a local socket).

mod container;
mod image;
mod layers;
mod lines;
mod pulls;
mod refusal;

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerState, ContainerStateStatusEnum, MountPoint};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    ListContainersOptionsBuilder, ListImagesOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions, WaitContainerOptionsBuilder,
};
use bytes::Bytes;
use emboflow_model::{AttemptId, ImagePull, RuntimeSpec, Timestamp};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use tokio::sync::OnceCell;

use super::{
    Answer, ContainerPlan, Creation, Engine, Exit, Owner, Place, Runtime, RuntimeError, Seen, container_name,
};
use container::{create_body, user_of};
use refusal::{create_error, engine_error, start_error};

/// Where Docker listens unless told otherwise.
pub const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

const CALL: Duration = Duration::from_secs(120);
// For answers that end when a container does; the life of an attempt has its own limits.
const ENDLESS: Duration = Duration::from_secs(400 * 24 * 60 * 60);
// Log lines that are ready together travel together.
const READY_LINES: usize = 512;

/// One connection pool, with the two patiences that it is used with.
#[derive(Clone)]
struct Clients {
    calls: Docker,
    streams: Docker,
}

/// Containers of one Docker engine that belong to one executor.
pub struct DockerRuntime {
    clients: OnceLock<Clients>,
    owner: Owner,
    host: String,
    silence: Duration,
    engine: OnceCell<Engine>,
    pulls: pulls::Pulls,
}

impl DockerRuntime {
    /// Takes the address `unix://…`; nothing is asked yet.
    ///
    /// # Errors
    /// An address that is not a local socket.
    pub fn new(host: Option<&str>, owner: Owner) -> Result<Self, RuntimeError> {
        let host = host.unwrap_or(DEFAULT_HOST);
        if !host.starts_with("unix://") {
            let detail = format!("'{host}' is not the address of a local engine such as {DEFAULT_HOST}");
            return Err(RuntimeError::Unreachable { detail });
        }
        let (clients, engine) = (OnceLock::new(), OnceCell::new());
        Ok(Self {
            clients,
            owner,
            host: host.to_owned(),
            silence: image::SILENCE,
            engine,
            pulls: Default::default(),
        })
    }

    /// The clients, which can only be made once the engine's socket is there.
    fn clients(&self) -> Result<&Clients, RuntimeError> {
        if let Some(clients) = self.clients.get() {
            return Ok(clients);
        }
        let unreachable =
            |error: Error| RuntimeError::Unreachable { detail: format!("at {}: {error}", self.host) };
        let calls = Docker::connect_with_host(&self.host).map_err(unreachable)?.with_timeout(CALL);
        let streams = calls.clone().with_timeout(ENDLESS);
        Ok(self.clients.get_or_init(|| Clients { calls, streams }))
    }

    /// Gives a registry up that says nothing for this long (default 35 s: three tries end within two minutes).
    #[must_use]
    pub fn with_registry_silence(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    async fn ask_engine(&self) -> Result<Engine, RuntimeError> {
        let unreachable =
            |error: Error| RuntimeError::Unreachable { detail: format!("at {}: {error}", self.host) };
        self.clients()?.calls.clone().negotiate_version().await.map_err(unreachable)?;
        let info = self.clients()?.calls.info().await.map_err(unreachable)?;
        let version = info.server_version.unwrap_or_default();
        Ok(Engine {
            version: format!("docker {}", version.split('+').next().unwrap_or_default()),
            cpu_millis: u64::try_from(info.ncpu.unwrap_or(1)).unwrap_or(1) * 1_000,
            memory_bytes: u64::try_from(info.mem_total.unwrap_or(0)).unwrap_or(0),
        })
    }

    async fn make(&self, plan: &ContainerPlan) -> Result<Creation, RuntimeError> {
        let engine = self.engine.get_or_try_init(|| self.ask_engine()).await?;
        let body = create_body(plan, &self.owner, engine.cpu_millis)?;
        make_folders(plan)?;
        let name = container_name(&plan.attempt);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        match self.clients()?.calls.create_container(Some(options), body).await {
            Ok(_) => Ok(Creation::New),
            Err(Error::DockerResponseServerError { status_code: 409, .. }) => {
                self.take_over(plan, name).await
            }
            Err(error) => Err(create_error(&plan.spec.image, error)),
        }
    }

    async fn take_over(&self, plan: &ContainerPlan, name: String) -> Result<Creation, RuntimeError> {
        let found = self.clients()?.calls.inspect_container(&name, None::<InspectContainerOptions>).await;
        let found = found.map_err(|error| engine_error("looking at a container of the same name", error))?;
        let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
        if container::is_of(&labels, plan, &self.owner) {
            Ok(Creation::TakenOver)
        } else {
            Err(RuntimeError::NameTaken { name })
        }
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Seen, RuntimeError> {
        let name = container_name(attempt);
        match self.clients()?.calls.inspect_container(&name, None::<InspectContainerOptions>).await {
            Ok(found) => Ok(seen(found.state.unwrap_or_default())),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(Seen::Absent),
            Err(error) => Err(engine_error("looking at a container", error)),
        }
    }

    async fn volumes_of(&self, attempt: &AttemptId) -> Result<Vec<Place>, RuntimeError> {
        let name = container_name(attempt);
        let found = self.clients()?.calls.inspect_container(&name, None::<InspectContainerOptions>).await;
        let found = found.map_err(|error| engine_error("looking for a container's volumes", error))?;
        let is_volume = |mount: &MountPoint| mount.typ.as_deref() == Some("volume");
        let place =
            |mount: MountPoint| Some(Place { target: mount.destination?, folder: mount.source?.into() });
        Ok(found.mounts.unwrap_or_default().into_iter().filter(is_volume).filter_map(place).collect())
    }

    async fn own(&self) -> Result<Vec<AttemptId>, RuntimeError> {
        let label = |key: &str, value: &str| format!("{key}={value}");
        let labels = vec![
            label(container::MANAGED, "true"),
            label(container::INSTANCE, &self.owner.instance),
            label(container::EXECUTOR, self.owner.executor.as_str()),
        ];
        let filters = std::collections::HashMap::from([("label".to_owned(), labels)]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self.clients()?.calls.list_containers(Some(options)).await;
        let found = found.map_err(|error| engine_error("listing its containers", error))?;
        Ok(found
            .into_iter()
            .filter_map(|one| container::attempt_of(&one.labels.unwrap_or_default()))
            .collect())
    }
}

impl Runtime for DockerRuntime {
    fn probe(&self) -> Answer<'_, Engine> {
        self.ask_engine().boxed()
    }

    fn prepare_image<'a>(
        &'a self,
        spec: &'a RuntimeSpec,
        progress: &'a (dyn Fn(&ImagePull) + Send + Sync),
    ) -> Answer<'a, Option<String>> {
        async move {
            let Clients { calls, streams } = self.clients()?.clone();
            image::Puller { calls, streams, silence: self.silence }.prepare(spec, &self.pulls, progress).await
        }
        .boxed()
    }

    fn create<'a>(&'a self, plan: &'a ContainerPlan) -> Answer<'a, Creation> {
        self.make(plan).boxed()
    }

    fn start<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()> {
        async move {
            let name = container_name(attempt);
            let started = self.clients()?.calls.start_container(&name, None::<StartContainerOptions>).await;
            started.map_err(start_error)
        }
        .boxed()
    }

    fn observe<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, Seen> {
        self.look(attempt).boxed()
    }

    fn wait<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()> {
        async move {
            // The container is kept after its end, so a wait that is asked after the start misses nothing.
            let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
            let mut ends =
                self.clients()?.streams.wait_container(&container_name(attempt), Some(options)).boxed();
            match ends.next().await {
                // Every exit code but 0 arrives as an error.
                None | Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => Ok(()),
                Some(Err(Error::DockerResponseServerError { status_code: 404, .. })) => Ok(()),
                Some(Err(error)) => Err(engine_error("waiting for a container", error)),
            }
        }
        .boxed()
    }

    fn signal<'a>(&'a self, attempt: &'a AttemptId, signal: &'a str) -> Answer<'a, ()> {
        async move {
            let options = KillContainerOptionsBuilder::new().signal(signal).build();
            match self.clients()?.calls.kill_container(&container_name(attempt), Some(options)).await {
                Ok(()) => Ok(()),
                // 404: gone, 409: it does not run.
                Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
                Err(error) => Err(engine_error("sending a signal", error)),
            }
        }
        .boxed()
    }

    fn logs<'a>(
        &'a self,
        attempt: &'a AttemptId,
        follow: bool,
    ) -> BoxStream<'a, Result<Bytes, RuntimeError>> {
        let options = LogsOptionsBuilder::new().follow(follow).stdout(true).stderr(true).build();
        let clients = match self.clients() {
            Ok(clients) => clients,
            Err(error) => return futures::stream::once(async { Err(error) }).boxed(),
        };
        let lines = clients.streams.logs(&container_name(attempt), Some(options));
        let mut long_lines = lines::LongLines::default();
        let lines = lines.map(move |line| line.map(|piece| long_lines.restore(piece)));
        lines.ready_chunks(READY_LINES).flat_map(joined).boxed()
    }

    fn volumes<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, Vec<Place>> {
        self.volumes_of(attempt).boxed()
    }

    fn images(&self) -> Answer<'_, Vec<String>> {
        async move {
            let there = self.clients()?.calls.list_images(None::<ListImagesOptions>).await;
            let there = there.map_err(|error| engine_error("listing its images", error))?;
            let references =
                there.into_iter().flat_map(|image| image.repo_tags.into_iter().chain(image.repo_digests));
            // What the engine says of an image that has lost its tag.
            Ok(references.filter(|reference| !reference.contains("<none>")).collect())
        }
        .boxed()
    }

    fn inventory(&self) -> Answer<'_, Vec<AttemptId>> {
        self.own().boxed()
    }

    fn remove<'a>(&'a self, attempt: &'a AttemptId) -> Answer<'a, ()> {
        async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            match self.clients()?.calls.remove_container(&container_name(attempt), Some(options)).await {
                Ok(()) => Ok(()),
                // 404: gone, 409: its removal is under way.
                Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
                Err(error) => Err(engine_error("removing a container", error)),
            }
        }
        .boxed()
    }

    fn outlives_executor(&self) -> bool {
        true
    }
}

/// Bytes that were ready together, as one piece, and behind them the error that ended the stream.
fn joined(lines: Vec<Result<Bytes, Error>>) -> impl futures::Stream<Item = Result<Bytes, RuntimeError>> {
    let mut pieces = Vec::new();
    let mut together = Vec::new();
    for line in lines {
        match line {
            Ok(bytes) => together.extend_from_slice(&bytes),
            Err(error) => {
                if !together.is_empty() {
                    pieces.push(Ok(Bytes::from(std::mem::take(&mut together))));
                }
                pieces.push(Err(engine_error("reading a log", error)));
            }
        }
    }
    if !together.is_empty() {
        pieces.push(Ok(Bytes::from(together)));
    }
    futures::stream::iter(pieces)
}

/// Makes the workspace so that the task's user can write into it, and sees that every input has a folder.
fn make_folders(plan: &ContainerPlan) -> Result<(), RuntimeError> {
    let (uid, gid) = user_of(&plan.spec)?;
    for input in &plan.spec.inputs {
        make_folder(&plan.inputs.join(&input.name))?;
    }
    make_folder(&plan.workspace)?;
    if chown(&plan.workspace, Some(uid), Some(gid)).is_err() {
        // Not root: the folder is opened for everybody; its parents are closed to all but the executor.
        let open = std::fs::set_permissions(&plan.workspace, std::fs::Permissions::from_mode(0o777));
        open.map_err(|error| folder_error(&plan.workspace, &error))?;
    }
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), RuntimeError> {
    std::fs::create_dir_all(path).map_err(|error| folder_error(path, &error))
}

fn folder_error(path: &Path, error: &std::io::Error) -> RuntimeError {
    let detail = format!("making {}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull => RuntimeError::DiskFull { detail },
        _ => RuntimeError::Failed { doing: "making the workspace", detail },
    }
}

fn seen(state: ContainerState) -> Seen {
    let moment =
        |text: Option<String>| text.and_then(|text| text.parse::<Timestamp>().ok()).filter(|at| at.0 > 0);
    let (started_at, exited_at) = (moment(state.started_at), moment(state.finished_at));
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) if started_at.is_none() => Seen::Created,
        _ if state.running == Some(true) => Seen::Running { started_at },
        // Somebody removes it: what ended it was the removal, and its log goes with it.
        Some(ContainerStateStatusEnum::REMOVING) => Seen::Absent,
        _ => Seen::Exited(Exit {
            code: state.exit_code.unwrap_or(-1),
            oom_killed: state.oom_killed == Some(true),
            error: state.error.filter(|error| !error.is_empty()),
            // The engine notes the start after the fact: a container of a few milliseconds can have ended before.
            started_at: started_at.map(|at| exited_at.map_or(at, |exited_at| at.min(exited_at))),
            exited_at,
        }),
    }
}
