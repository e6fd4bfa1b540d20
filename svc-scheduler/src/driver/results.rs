//! Finds out whether the results of tasks are there already, beside the ticks. An answer that is lost with this life of
//! the driver is asked for again by the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use emboflow_model::clearing::Clearing;
use emboflow_model::content_key::SecretVersion;
use emboflow_model::secret::{KIND, KeptSecret};
use emboflow_model::{ProjectName, RuntimeSpec, SecretName, Task, WorkflowName};
use emboflow_records::{Records, RecordsError, fresh_run};
use futures::{StreamExt, stream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::feeds::Signal;
use super::world::World;
use crate::planner::{Input, LookUp, LookedUp};

/// Questions that the records are asked at the same time.
const SIDE_BY_SIDE: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What one tick asks.
pub(super) struct Asked {
    pub(super) look_ups: Vec<LookUp>,
    /// The place of the last entry that had been decided by then.
    pub(super) through_seq: u64,
}

/// Answers until the channel is closed or `stop`.
pub(super) async fn answer<W: World>(
    surroundings: Arc<Surroundings<W>>,
    mut asked: mpsc::UnboundedReceiver<Asked>,
    mut written: watch::Receiver<u64>,
    signals: mpsc::Sender<Signal<W::Letter>>,
    stop: CancellationToken,
) {
    let answers = async {
        while let Some(Asked { look_ups, through_seq }) = asked.recv().await {
            // What had been made by then shows in the documents: who saw a run succeed finds its results.
            if written.wait_for(|written| *written >= through_seq).await.is_err() {
                return;
            }
            let found = stream::iter(look_ups).map(|look_up| find(&surroundings, look_up));
            let mut found = std::pin::pin!(found.buffered(SIDE_BY_SIDE));
            while let Some(answer) = found.next().await {
                if signals.send(Signal::Input(Box::new(Input::LookedUp(Box::new(answer))))).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = answers => {}
    }
}

/// Asks until the records answer: meanwhile the task waits.
async fn find<W: World>(surroundings: &Surroundings<W>, look_up: LookUp) -> LookedUp {
    let mut pause = FIRST_PAUSE;
    loop {
        match find_once(&*surroundings.records, &look_up).await {
            Ok(found) => return found,
            Err(error) => {
                let LookUp { run, task, .. } = &look_up;
                tracing::warn!(%run, %task, %error, "whether a result is there already cannot be seen yet");
            }
        }
        surroundings.world.pause(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn find_once(records: &dyn Records, look_up: &LookUp) -> Result<LookedUp, RecordsError> {
    let LookUp { run, task, project, spec, extra, anew } = look_up;
    let versions = secret_versions(records, project, spec).await?;
    let key = spec.content_key(&versions, extra.as_deref());
    let found = match anew {
        true => None,
        false => records.result(project, &key, *run).await?,
    };
    let found = match found {
        Some(made) if is_cleared(records, &made).await? => None,
        found => found,
    };
    Ok(LookedUp { run: *run, task: task.clone(), key, found })
}

/// Whether somebody has cleared this result, with all of its project or with what its run's workflow made.
async fn is_cleared(records: &dyn Records, made: &Task) -> Result<bool, RecordsError> {
    if is_covered(records, made, None).await? {
        return Ok(true);
    }
    match fresh_run(records, made.run).await? {
        Some(run) => is_covered(records, made, Some(&run.workflow)).await,
        // It is being removed.
        None => Ok(true),
    }
}

async fn is_covered(
    records: &dyn Records,
    made: &Task,
    workflow: Option<&WorkflowName>,
) -> Result<bool, RecordsError> {
    let name = Clearing::name_for(workflow);
    let kept = records.kept(Clearing::KIND, made.project.as_str(), &name).await?;
    Ok(kept.is_some_and(|kept| Clearing::read(&kept.body).covers(made)))
}

async fn secret_versions(
    records: &dyn Records,
    project: &ProjectName,
    spec: &RuntimeSpec,
) -> Result<BTreeMap<SecretName, SecretVersion>, RecordsError> {
    let mut versions = BTreeMap::new();
    for used in &spec.secrets {
        let kept = records.kept(KIND, project.as_str(), used.secret.as_str()).await?;
        // One that cannot be read fails the attempt, which needs it.
        let secret = kept.and_then(|kept| serde_json::from_str::<KeptSecret>(&kept.body).ok());
        if let Some(KeptSecret { version, created_at, .. }) = secret {
            versions.insert(used.secret.clone(), SecretVersion { created_at, version });
        }
    }
    Ok(versions)
}
