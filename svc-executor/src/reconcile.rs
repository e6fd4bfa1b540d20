//! Before any work is taken: what the journal says and what the engine has are brought together.

use std::collections::HashMap;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use emboflow_model::AttemptId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::discard::discard;
use crate::executor::Executor;
use crate::journal::{Entry, Marks, Replay};

const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long containers without an owner hold up new work.
const PATIENCE: Duration = Duration::from_secs(30);
/// Containers that are removed side by side.
const SIDE_BY_SIDE: usize = 4;

/// Removes containers and folders that no journaled attempt owns, and takes up those that one does.
pub(crate) async fn reconcile(executor: &Arc<Executor>, replay: Replay) {
    let Replay { open, released } = replay;
    let own = inventory(executor).await;
    let orphans: Vec<_> = own.iter().filter(|attempt| !open.contains_key(*attempt)).cloned().collect();
    let folders = folders_without_owner(executor, &open);
    executor.secrets.keep_only(&open.keys().cloned().collect());
    executor.held.remember(released);
    let (whole, broken): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, marks)| marks.start.is_some());
    for (attempt, _) in broken {
        executor.journal.append(&attempt, Entry::Released { fence: 0 });
    }
    if !whole.is_empty() {
        tracing::info!(
            attempts = whole.len(),
            containers = own.len(),
            "taking up attempts of the last start"
        );
    }
    whole.into_iter().for_each(|(_, marks)| executor.resume(marks));
    remove_orphans(executor, orphans).await;
    let _logged = tokio::task::spawn_blocking(move || folders.iter().for_each(|folder| remove(folder))).await;
}

/// Work is taken when they are gone: a command for one of them must not find its container. One that the engine cannot
/// remove must not keep the executor from working for ever, though; it is tried again until the next start.
async fn remove_orphans(executor: &Arc<Executor>, orphans: Vec<AttemptId>) {
    executor.orphans().extend(orphans.iter().cloned());
    let mut removals = JoinSet::new();
    let in_turn = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    for attempt in orphans {
        tracing::warn!(%attempt, "removing a container that no journaled attempt owns");
        let (executor, in_turn) = (executor.clone(), in_turn.clone());
        removals.spawn(async move {
            let _turn = in_turn.acquire_owned().await;
            remove_orphan(&executor, &attempt).await;
        });
    }
    let all = async { while removals.join_next().await.is_some() {} };
    if tokio::time::timeout(PATIENCE, all).await.is_err() {
        tracing::error!(left = removals.len(), "the engine does not remove old containers; going on without");
        let stop = executor.stop.clone();
        executor.tasks.spawn(async move {
            let all = async { while removals.join_next().await.is_some() {} };
            let _either = stop.run_until_cancelled(all).await;
        });
    }
}

async fn remove_orphan(executor: &Executor, attempt: &AttemptId) {
    let mut pause = PAUSE;
    // One that was taken up meanwhile is not an orphan any more.
    while !executor.held.holds(attempt)
        && let Err(error) = executor.runtime.remove(attempt).await
    {
        tracing::warn!(%attempt, %error, "it could not be removed; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    executor.orphans().remove(attempt);
}

async fn inventory(executor: &Executor) -> Vec<AttemptId> {
    loop {
        match executor.runtime.inventory().await {
            Ok(own) => return own,
            Err(error) => tracing::warn!(%error, "the containers cannot be listed yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn folders_without_owner(executor: &Executor, open: &HashMap<AttemptId, Marks>) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(executor.attempts_folder()) else { return Vec::new() };
    let is_owned = |entry: &DirEntry| {
        let owner = entry.file_name().to_str().and_then(|name| name.parse::<AttemptId>().ok());
        owner.is_some_and(|attempt| open.contains_key(&attempt))
    };
    entries.flatten().filter(|entry| !is_owned(entry)).map(|entry| entry.path()).collect()
}

fn remove(folder: &Path) {
    if let Err(error) = discard(folder) {
        tracing::warn!(%error, folder = %folder.display(), "an old folder could not be removed");
    }
}
