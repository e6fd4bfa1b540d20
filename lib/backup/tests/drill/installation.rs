//! Records and objects as services leave them, and a place for backups.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use emboflow_backup::{BackupKey, Manifest, Repository, Source, Target, create};
use emboflow_model::state::{AttemptState, RunState, TaskState};
use emboflow_model::transition::{Accepted, AttemptEnd, AttemptTimes, PlannedSpec};
use emboflow_model::{
    ArtifactSummary, AttemptId, Cause, Change, LogEntry, LogSeal, Outcome, ProjectName, Resources, RunId,
    Timestamp, Transition, WorkflowName, object_key,
};
use emboflow_objects::{
    Backend, BodyError, Digest, DirectoryBackend, ObjectKey, ObjectStore, Put, open_backend,
};
use emboflow_records::testing::MongoServer;
use emboflow_records::{Config, SharedRecords, open};
use futures::StreamExt;
use indexmap::IndexMap;
use tempfile::TempDir;
use tokio::sync::OnceCell;

static MONGO: OnceCell<MongoServer> = OnceCell::const_new();
const STALL: std::time::Duration = std::time::Duration::from_secs(60);

pub(crate) struct Installation {
    pub(crate) records: Config,
    pub(crate) objects: Backend,
    pub(crate) repository: Backend,
    pub(crate) dir: TempDir,
    pub(crate) key: BackupKey,
}

pub(crate) fn project() -> ProjectName {
    ProjectName::new("lab").unwrap()
}

pub(crate) fn run_id(number: u128) -> RunId {
    RunId::from_bits((7 << 100) + number)
}

impl Installation {
    pub(crate) fn on_this_machine() -> Self {
        let dir = TempDir::new().unwrap();
        let records = Config::Sqlite { path: dir.path().join("records.db") };
        let backend = |name: &str| Backend::Directory(directory(&dir.path().join(name)));
        let (objects, repository) = (backend("objects"), backend("backups"));
        let key = BackupKey::make(&dir.path().join("backup.key")).unwrap();
        Self { records, objects, repository, dir, key }
    }

    pub(crate) async fn on_servers(name: &str) -> Self {
        let server = MONGO.get_or_init(|| async { MongoServer::start().await.unwrap() }).await;
        let short: String = name.replace('_', "-").chars().take(30).collect();
        let bucket = |kind: &str| format!("{kind}-{}", short.trim_end_matches('-'));
        let objects = emboflow_objects::testing::weed::bucket(&bucket("objects")).await;
        let repository = emboflow_objects::testing::weed::bucket(&bucket("backups")).await;
        let dir = TempDir::new().unwrap();
        let key = BackupKey::make(&dir.path().join("backup.key")).unwrap();
        let (objects, repository) = (Backend::S3(objects), Backend::S3(repository));
        Self { records: server.fresh_config(), objects, repository, dir, key }
    }

    pub(crate) async fn open(&self) -> SharedRecords {
        open(&self.records).await.unwrap()
    }

    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        open_backend(&self.objects, STALL).unwrap()
    }

    pub(crate) fn repository(&self) -> Repository {
        Repository::open(&self.repository, self.key.clone()).unwrap()
    }

    /// A backup as the command takes it: beside whoever has the installation open.
    pub(crate) async fn back_up(&self) -> Manifest {
        create(&self.source().await, &self.repository()).await.unwrap()
    }

    pub(crate) async fn source(&self) -> Source {
        Source {
            records: self.open().await,
            schema: emboflow_records::schema(&self.records).await.unwrap().known,
            objects: emboflow_objects::open_for_reading(&self.objects, STALL).unwrap(),
            files: vec![self.settings()],
            base: None,
        }
    }

    /// A folder with a file of the installation.
    pub(crate) fn settings(&self) -> PathBuf {
        let folder = self.dir.path().join("settings");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("emboflow.toml");
        if !file.exists() {
            std::fs::write(file, "listen = \"127.0.0.1:0\"\n").unwrap();
        }
        folder
    }

    /// Where a restore puts that file.
    pub(crate) fn restored_settings(&self) -> PathBuf {
        let file = self.settings().join("emboflow.toml");
        self.dir.path().join("restored-files").join(file.strip_prefix("/").unwrap())
    }

    /// A place like this one in which nothing is yet; it has the same backups.
    pub(crate) async fn empty_twin(&self, name: &str) -> Self {
        let twin = match self.records {
            Config::Sqlite { .. } => Self::on_this_machine(),
            Config::Mongo { .. } => Self::on_servers(&format!("twin-{name}")).await,
        };
        Self { repository: self.repository.clone(), key: self.key.clone(), ..twin }
    }

    pub(crate) fn target(&self, replace: bool) -> Target {
        Target {
            records: self.records.clone(),
            objects: self.objects.clone(),
            files_below: Some(self.dir.path().join("restored-files")),
            replace,
        }
    }
}

fn directory(root: &Path) -> DirectoryBackend {
    DirectoryBackend { low_space_bytes: 1, ..DirectoryBackend::new(root) }
}

pub(crate) async fn put(store: &Arc<dyn ObjectStore>, key: &str, content: &[u8]) {
    let put =
        Put { key: ObjectKey::parse(key).unwrap(), size_bytes: None, sha256: None, only_if_absent: false };
    let piece = Ok::<_, BodyError>(bytes::Bytes::copy_from_slice(content));
    store.put(put, &mut futures::stream::iter([piece]).boxed()).await.unwrap();
}

/// Keys and contents of all objects.
pub(crate) async fn contents(store: &Arc<dyn ObjectStore>) -> Vec<(String, String)> {
    let query = emboflow_objects::ListQuery {
        prefix: emboflow_objects::KeyPrefix::default(),
        after: String::new(),
        limit: 1000,
    };
    let mut found = Vec::new();
    for entry in store.list(query).await.unwrap().items {
        let opened = store.get(&ObjectKey::parse(entry.key.clone()).unwrap(), None).await.unwrap();
        let pieces: Vec<_> = opened.content.map(Result::unwrap).collect().await;
        found.push((entry.key, Digest::of(&pieces.concat()).to_string()));
    }
    found
}

/// Writes runs of one task as a scheduler and an executor do.
pub(crate) struct Scribe {
    pub(crate) records: SharedRecords,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) seq: u64,
}

impl Scribe {
    pub(crate) async fn of(installation: &Installation) -> Self {
        let records = installation.open().await;
        let seq = records.last_seq(0).await.unwrap();
        Self { records, objects: installation.store(), seq }
    }

    async fn write(&mut self, run: u128, number: u64, changes: Vec<Change>) {
        self.seq += 1;
        let transition = Transition {
            shard: 0,
            seq: self.seq,
            run: run_id(run),
            project: project(),
            number,
            at: Timestamp(1_795_266_000_000 + i64::try_from(self.seq % 1_000_000).unwrap()),
            changes,
        };
        let entry = Arc::new(LogEntry::Transition(transition));
        self.records.append(0, vec![entry]).await.unwrap();
    }

    /// A run whose one attempt is open.
    pub(crate) async fn open_run(&mut self, run: u128) -> AttemptId {
        let accepted = Accepted {
            workflow: WorkflowName::new("story").unwrap(),
            digest: "sha256:00".to_owned(),
            source: "version: 1\nname: story\ntasks: { a: { image: busybox } }\n".into(),
            inputs: serde_json::Map::new(),
            labels: IndexMap::new(),
            key: format!("key-{run}"),
            body_sha256: "00".repeat(32),
            trace_id: "0".repeat(32),
            recovered_from: None,
            parent: None,
            workflows: Default::default(),
            queue: emboflow_model::QueueName::default(),
            fairness_key: None,
            uploads: emboflow_model::upload::Pins::new(),
            anew: emboflow_model::Anew::default(),
            tasks: vec![PlannedSpec {
                name: "a".parse().unwrap(),
                fan_out: None,
                dynamic: false,
                needs: Vec::new(),
                finally: None,
            }],
        };
        self.write(
            run,
            1,
            vec![Change::Accepted(Box::new(accepted)), task(TaskState::Waiting, TaskState::Queued)],
        )
        .await;
        let fence = (self.seq + 1) << emboflow_model::epoch::FENCE_BITS;
        let opened = Change::AttemptOpened {
            task: "a".parse().unwrap(),
            number: 1,
            fence,
            executor: "worker-1".parse().unwrap(),
            pool: "default".parse().unwrap(),
            journal: "j1".to_owned(),
            resources: Resources::default(),
            devices: Vec::new(),
        };
        let started = Change::Run { from: RunState::Queued, to: RunState::Running, reason: None };
        self.write(run, 2, vec![started, task(TaskState::Queued, TaskState::Active), opened]).await;
        AttemptId { run: run_id(run), task: "a".parse().unwrap(), number: 1 }
    }

    /// A run that succeeded, with a log of two chunks and an artifact.
    pub(crate) async fn finished_run(&mut self, run: u128) {
        let attempt = self.open_run(run).await;
        let prefix = object_key::attempt_prefix(&project(), &attempt);
        let (first, second) = (format!("line one of {run}\n"), "the same last line everywhere\n");
        put(&self.objects, &object_key::log_chunk(&prefix, 0), first.as_bytes()).await;
        put(&self.objects, &object_key::log_chunk(&prefix, first.len() as u64), second.as_bytes()).await;
        let whole = format!("{first}{second}");
        let manifest = format!("{{\"files\":[{run}]}}");
        put(
            &self.objects,
            &format!("{}model.bin", object_key::artifact_prefix(&prefix, "model")),
            &[7; 3000],
        )
        .await;
        put(&self.objects, &object_key::artifact_manifest(&prefix, "model"), manifest.as_bytes()).await;
        let artifact = ArtifactSummary {
            name: "model".to_owned(),
            stored_as: None,
            prefix: prefix.clone(),
            files: 1,
            size_bytes: 3000,
            manifest_sha256: Digest::of(manifest.as_bytes()).to_string(),
            directory: false,
            preview: false,
        };
        let log = LogSeal {
            prefix,
            size_bytes: whole.len() as u64,
            lines: 2,
            sha256: Digest::of(whole.as_bytes()).to_string(),
            truncated: None,
        };
        let end = AttemptEnd {
            outcome: Outcome::Succeeded,
            cause: Cause::User,
            reason: None,
            message: None,
            exit_code: Some(0),
            times: AttemptTimes::default(),
            log: Some(log),
            artifacts: vec![artifact],
            values: serde_json::Map::new(),
            image_digest: None,
            unseen: false,
        };
        let moved = Change::AttemptMoved {
            task: "a".parse().unwrap(),
            number: 1,
            to: AttemptState::Running,
            at: Timestamp(5),
            pulled_at: None,
        };
        let closed = Change::AttemptClosed { task: "a".parse().unwrap(), number: 1, end: Box::new(end) };
        let ended = Change::Run { from: RunState::Running, to: RunState::Succeeded, reason: None };
        self.write(run, 3, vec![moved, closed, task(TaskState::Active, TaskState::Succeeded), ended]).await;
    }

    /// Brings the documents up to the log.
    pub(crate) async fn project(&self) {
        emboflow_records::catch_up(&*self.records, 0, &mut Default::default()).await.unwrap();
    }
}

fn task(from: TaskState, to: TaskState) -> Change {
    Change::Task { task: "a".parse().unwrap(), from, to, reason: None, message: None, retry_at: None }
}
