//! From a task of the workflow file to what placement and runtimes read.

use emboflow_model::runtime_spec::{Replica, StageIn, StageInSource};
use emboflow_model::state::{RunState, TaskState};
use emboflow_model::transition::PlannedSpec;
use emboflow_model::workflow::{InputReference, PlannedTask, RenderedPlacement, RenderedTask};
use emboflow_model::{PoolName, Run, RuntimeSpec, TaskKey};

use super::shape::{Apart, FanOut, Gang, Shape};
use super::uploads;

/// Bytes of log kept of an attempt when the file says nothing.
const DEFAULT_LOG_LIMIT_BYTES: u64 = 256 * 1024 * 1024;
/// The pool of tasks that name none.
const DEFAULT_POOL: &str = "default";

/// The tasks of a fan-out over what other tasks gave: the history has their matrix.
pub(super) fn fanned_out<'r>(
    run: &'r Run,
    spec: &'r PlannedSpec,
) -> impl Iterator<Item = (TaskKey, PlannedTask)> + 'r {
    spec.keys().filter_map(|key| {
        let (spec_name, index) = (spec.name.to_string(), key.index);
        let matrix = run.tasks.get(&key)?.matrix.clone();
        Some((key, PlannedTask { spec_name, index, matrix }))
    })
}

/// One state for all tasks of a spec: the worst of them.
pub(super) fn state_of_spec(run: &Run, spec: &PlannedSpec) -> TaskState {
    let severity = |state: &TaskState| match state {
        TaskState::Succeeded | TaskState::Cached => 0,
        TaskState::Skipped => 1,
        TaskState::Cancelled => 2,
        TaskState::UpstreamFailed => 3,
        TaskState::Failed => 4,
        TaskState::Waiting | TaskState::Queued | TaskState::Active => 5,
    };
    let states = spec.keys().filter_map(|key| run.tasks.get(&key).map(|task| task.state));
    states.max_by_key(severity).unwrap_or(TaskState::Succeeded)
}

/// All that a runtime reads about a task whose expressions have been evaluated. `outcome`: what the tasks before it have
/// come to, where it follows all others.
pub(super) fn runtime_spec(
    run: &Run,
    replica: Option<Replica>,
    outcome: Option<RunState>,
    mut task: RenderedTask,
) -> RuntimeSpec {
    if let Some(outcome) = outcome {
        task.env.insert("EMBOFLOW_RUN_OUTCOME".to_owned(), outcome.to_string());
    }
    RuntimeSpec {
        inputs: staged_in(run, &task.stage_in)
            .into_iter()
            .chain(uploads::staged_in(run, &task.uploads))
            .collect(),
        image: task.image,
        pull: task.pull,
        command: task.command,
        args: task.args,
        env: task.env,
        workdir: task.workdir,
        user: task.user,
        resources: task.placement.resources,
        shm_bytes: task.shm_bytes,
        pids: task.pids,
        network: task.network,
        isolation: task.isolation,
        timeouts: task.timeouts,
        stop: task.stop,
        complete_codes: task.complete_codes,
        outputs: task.stage_out,
        secrets: task.secrets,
        devices: Vec::new(),
        replica,
        class: task.placement.class,
        log_limit_bytes: task.log_limit_bytes.unwrap_or(DEFAULT_LOG_LIMIT_BYTES),
    }
}

/// What a task takes in from others, and where it lies.
pub(super) fn staged_in(run: &Run, inputs: &[InputReference]) -> Vec<StageIn> {
    let staged = inputs.iter().map(|input| StageIn {
        name: input.name.clone(),
        sources: sources(run, &input.from_task, &input.output),
    });
    staged.collect()
}

/// Where an output of all tasks of a spec lies.
fn sources(run: &Run, spec: &str, output: &str) -> Vec<StageInSource> {
    let made_by = run.summary.graph.iter().filter(|planned| planned.name.as_str() == spec);
    let tasks = made_by.flat_map(PlannedSpec::keys).filter_map(|key| run.tasks.get(&key));
    let sources = tasks.filter_map(|task| {
        let artifact = task.artifacts.iter().find(|artifact| artifact.name == output)?;
        Some(StageInSource {
            index: task.key.index,
            prefix: artifact.prefix.clone(),
            artifact: artifact.stored_name().to_owned(),
            manifest_sha256: artifact.manifest_sha256.clone(),
            directory: artifact.directory,
        })
    });
    sources.collect()
}

/// What placement looks at. `gang`: the tasks of the fan-out start together.
pub(super) fn shape(task: RenderedPlacement, of: FanOut, gang: Option<u32>) -> Shape {
    let pool = task.pool.as_deref().and_then(|pool| pool.parse().ok());
    Shape {
        pool: pool.unwrap_or_else(|| PoolName::new(DEFAULT_POOL).expect("the default pool is a name")),
        resources: task.resources,
        labels: task.labels,
        tolerations: task.tolerations,
        gpu_model: task.gpu_model.filter(|_| task.resources.gpu > 0),
        spread: task.spread,
        apart: task.anti_affinity.map(|by| Apart { by, of: of.clone() }),
        gang: gang.map(|members| Gang { of, members }),
        run_ms: task.run_ms,
        preemptible: task.preemptible,
        class: task.class,
    }
}
