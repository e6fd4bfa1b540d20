//! Before any work is taken: what the journal says and what the engine has are brought together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use emboflow_model::AttemptId;

use crate::executor::Executor;
use crate::journal::{Entry, Marks, Replay};

const PAUSE: Duration = Duration::from_secs(2);

/// Removes containers and folders that no journaled attempt owns, and takes up those that one does.
pub(crate) async fn reconcile(executor: &Arc<Executor>, replay: Replay) {
    let Replay { open, released } = replay;
    let own = inventory(executor).await;
    for attempt in own.iter().filter(|attempt| !open.contains_key(*attempt)) {
        tracing::warn!(%attempt, "removing a container that no journaled attempt owns");
        while let Err(error) = executor.runtime.remove(attempt).await {
            tracing::warn!(%attempt, %error, "it could not be removed; trying again");
            tokio::time::sleep(PAUSE).await;
        }
    }
    remove_folders(executor, &open);
    executor.held.remember(released);
    let (whole, broken): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, marks)| marks.start.is_some());
    for (attempt, _) in broken {
        executor.journal.append(&attempt, Entry::Released);
    }
    if !whole.is_empty() {
        tracing::info!(
            attempts = whole.len(),
            containers = own.len(),
            "taking up attempts of the last start"
        );
    }
    whole.into_iter().for_each(|(_, marks)| executor.resume(marks));
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

fn remove_folders(executor: &Executor, open: &HashMap<AttemptId, Marks>) {
    let folder = executor.attempts_folder();
    let Ok(entries) = std::fs::read_dir(&folder) else { return };
    for entry in entries.flatten() {
        let owner = entry.file_name().to_str().and_then(|name| name.parse::<AttemptId>().ok());
        if owner.is_some_and(|attempt| open.contains_key(&attempt)) {
            continue;
        }
        if let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(%error, folder = %entry.path().display(), "an old folder could not be removed");
        }
    }
}
