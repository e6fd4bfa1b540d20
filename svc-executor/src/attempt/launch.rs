//! Creates a container and starts it, once. After an unclear answer the container itself is looked at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::{ENGINE_PAUSE, Right};
use crate::executor::Executor;
use crate::fail_point::FailPoint;
use crate::journal::Entry;
use crate::machine;
use crate::runtime::{ContainerPlan, Creation, RuntimeError, Seen};

/// How long an engine may be away before a start is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a container was not seen to start.
#[derive(Debug)]
pub(super) struct NotLaunched {
    pub(super) error: RuntimeError,
    /// The engine was told to start it and has not said what came of it: it may run.
    pub(super) unclear: bool,
}

/// Creates the container and starts it, if it never was.
pub(super) async fn launch(
    executor: Arc<Executor>,
    plan: ContainerPlan,
    right: Option<Arc<Right>>,
    launching: Arc<Mutex<()>>,
) -> Result<(), NotLaunched> {
    let _launching = launching.lock().await;
    let _starting = executor.removals.starting();
    let until = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match launch_once(&executor, &plan, right.as_deref(), &mut told).await {
            Ok(()) => return Ok(()),
            Err(error @ RuntimeError::Unreachable { .. }) if Instant::now() < until => {
                tracing::warn!(attempt = %plan.attempt, %error, "waiting for the container engine");
                tokio::time::sleep(ENGINE_PAUSE).await;
            }
            Err(error) => {
                let unclear = told && matches!(error, RuntimeError::Unreachable { .. });
                return Err(NotLaunched { error, unclear });
            }
        }
    }
}

async fn launch_once(
    executor: &Executor,
    plan: &ContainerPlan,
    right: Option<&Right>,
    told: &mut bool,
) -> Result<(), RuntimeError> {
    let (runtime, attempt) = (&executor.runtime, &plan.attempt);
    let created = runtime.create(plan).await?;
    if created == Creation::TakenOver && runtime.observe(attempt).await? != Seen::Created {
        return Ok(());
    }
    executor.fail_points.visit(FailPoint::Created);
    mark_start(executor, plan).await?;
    executor.fail_points.visit(FailPoint::Marked);
    // Nothing that takes long is between this look and the start but the engine itself.
    if right.is_some_and(Right::look) {
        let detail = "the claim of an exclusive attempt could not be renewed".to_owned();
        return Err(RuntimeError::Failed { doing: "starting a container", detail });
    }
    *told = true;
    let Err(error) = runtime.start(attempt).await else {
        executor.fail_points.visit(FailPoint::Started);
        return Ok(());
    };
    match runtime.observe(attempt).await? {
        Seen::Running { .. } | Seen::Exited(_) => Ok(()),
        Seen::Created | Seen::Absent => Err(error),
    }
}

/// A container that outlives this process is started only after the disk knows of it: if it vanishes, that is told
/// apart from one that never was.
async fn mark_start(executor: &Executor, plan: &ContainerPlan) -> Result<(), RuntimeError> {
    let entry = Entry::Starting { boot: machine::boot_id().to_owned(), uptime_ms: machine::uptime_ms() };
    if !executor.runtime.outlives_executor() {
        executor.journal.append(&plan.attempt, entry);
        return Ok(());
    }
    let marked = executor.journal.commit(&plan.attempt, entry).await;
    marked.map_err(|error| RuntimeError::DiskFull { detail: error.to_string() })
}
