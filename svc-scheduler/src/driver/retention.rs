//! Removes what is no longer kept, in small pieces beside the decisions: requests whose time is over, and runs with all
//! that belongs to them.
//!
//! A run's records go first, and a note stays until its objects are gone too; those the API removes, which has the key
//! to the storage. A crash at any moment leaves a note, or nothing done.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use emboflow_model::hold::Hold;
use emboflow_model::{RunId, RunSummary, Timestamp};
use emboflow_protocol::call::RemoveObjects;
use emboflow_records::{Cursor, Removal, RequestOutcome, RequestRecord, SharedRecords};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::feeds::Signal;
use super::world::World;
use super::{SHARD, Surroundings};
use crate::config::Retention;
use crate::measure;

/// What is kept is counted in days, so it is looked through this often.
const LOOK_EACH: Duration = Duration::from_secs(60 * 60);
/// When something that is over has not been told to everybody yet, as after a start.
const LOOK_SOON: Duration = Duration::from_secs(5);
/// After trouble, such as an API that is away.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Requests looked at, and runs removed, before the next pause.
const REQUESTS: u32 = 200;
/// Holds looked at; each is of one backup.
const HOLDS: u32 = 100;
const RUNS: u32 = 50;
/// Between two pieces, so that decisions come first.
const PAUSE: Duration = Duration::from_millis(100);
/// Runs whose objects are not gone yet, at most; with as many, something is wrong with the storage or the API.
const NOTES: u32 = 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Looks now and then until `stop`, or until nobody owns the planner any more.
pub(super) async fn keep<W: World>(
    surroundings: Arc<Surroundings<W>>,
    signals: mpsc::Sender<Signal<W::Letter>>,
    written: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let mut keeper = Keeper {
        records: surroundings.records.clone(),
        world: surroundings.world.clone(),
        retention: surroundings.config.retention.clone(),
        clock: Clock::start(surroundings.world.clone(), Timestamp(0)),
        signals,
        written,
        is_ahead: false,
    };
    loop {
        let look = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            look = keeper.look() => look,
        };
        let pause = match look {
            Ok(()) if keeper.is_ahead => LOOK_SOON,
            Ok(()) => LOOK_EACH,
            Err(error) => {
                tracing::warn!("what is no longer kept cannot be removed yet: {error:#}");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = surroundings.world.pause(pause) => {}
        }
    }
}

struct Keeper<W: World> {
    records: SharedRecords,
    world: W,
    retention: Retention,
    clock: Clock<W>,
    signals: mpsc::Sender<Signal<W::Letter>>,
    written: watch::Receiver<u64>,
    /// Something is over and not settled yet.
    is_ahead: bool,
}

impl<W: World> Keeper<W> {
    /// Removes all whose time is over.
    async fn look(&mut self) -> anyhow::Result<()> {
        self.is_ahead = false;
        if self.is_held_back().await? {
            return Ok(());
        }
        let requests = self.remove_requests(self.days_ago(self.retention.requests_days)).await?;
        let mut runs = 0;
        self.finish_removals().await?;
        if let Some(days) = self.retention.finished_runs_days {
            runs = self.remove_runs(self.days_ago(days)).await?;
        }
        if requests + runs > 0 {
            tracing::info!(requests, runs, "removed what is no longer kept");
        }
        Ok(())
    }

    /// A backup is being taken: it must find the objects of every run that its records speak of.
    async fn is_held_back(&self) -> anyhow::Result<bool> {
        let holds = self.records.kept_page(Hold::KIND, Some(""), None, HOLDS).await?;
        Ok(Hold::is_any_in_force(holds.iter().map(|hold| &*hold.body), self.clock.now()))
    }

    fn days_ago(&self, days: u32) -> Timestamp {
        let ms = u64::from(days) * DAY_MS;
        Timestamp(self.clock.now().0.saturating_sub_unsigned(ms))
    }

    /// The place up to which everything is told and in the documents: what is removed is needed by no restart.
    async fn settled(&self) -> anyhow::Result<u64> {
        let told = self.records.cursor(SHARD, Cursor::Effects).await?;
        let written = self.records.cursor(SHARD, Cursor::Projection).await?;
        Ok(told.min(written))
    }

    /// What an earlier look, or an earlier life, has begun.
    async fn finish_removals(&self) -> anyhow::Result<()> {
        let removals = self.records.removals(SHARD, NOTES).await?;
        let runs: Vec<RunId> = removals.iter().map(|removal| removal.run).collect();
        for removal in removals {
            self.records.remove_run(SHARD, removal).await?;
        }
        self.tell(Signal::Removed(runs.clone())).await?;
        self.remove_objects(&runs).await
    }

    async fn remove_requests(&self, before: Timestamp) -> anyhow::Result<u64> {
        let (mut after, mut removed) = (0, 0);
        loop {
            let settled = self.settled().await?;
            let page = self.records.requests_after(SHARD, after, REQUESTS).await?;
            let is_old = |request: &&RequestRecord| request.at < before && request.seq <= settled;
            let mut over = Vec::new();
            for request in page.iter().take_while(is_old) {
                if self.is_over(request, before).await? {
                    over.push(request.clone());
                }
            }
            removed += over.len() as u64;
            if !over.is_empty() {
                self.records.remove_requests(SHARD, over).await?;
            }
            match page.last().filter(is_old) {
                Some(last) => after = last.seq,
                None => return Ok(removed),
            }
            self.world.pause(PAUSE).await;
        }
    }

    /// Whether what became of a request ended before the moment.
    async fn is_over(&self, request: &RequestRecord, before: Timestamp) -> anyhow::Result<bool> {
        let RequestOutcome::Accepted(run) = request.outcome else { return Ok(true) };
        let ended_at = match self.records.run(run).await? {
            Some(summary) => summary.finished_at,
            None => Some(request.ended_at.unwrap_or(request.at)),
        };
        Ok(ended_at.is_some_and(|at| at < before))
    }

    async fn remove_runs(&mut self, before: Timestamp) -> anyhow::Result<u64> {
        let mut removed = 0;
        loop {
            let runs = if self.is_held_back().await? { Vec::new() } else { self.free_runs(before).await? };
            if runs.is_empty() {
                return Ok(removed);
            }
            for run in &runs {
                self.records.remove_run(SHARD, Removal::from(run)).await?;
                removed += 1;
                measure::RUNS_REMOVED.inc();
            }
            self.tell(Signal::Removed(ids(&runs))).await?;
            self.remove_objects(&ids(&runs)).await?;
            self.world.pause(PAUSE).await;
        }
    }

    /// Runs that ended before the moment, that no other run repeats, and that none can repeat any more.
    async fn free_runs(&mut self, before: Timestamp) -> anyhow::Result<Vec<RunSummary>> {
        let found = ids(&self.ended_runs(before).await?);
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let decided = self.begin(found.clone()).await?;
        // A repetition that was decided on before shows in the documents now.
        self.written.wait_for(|written| *written >= decided).await?;
        let newest = self.records.last_seq(SHARD).await?;
        anyhow::ensure!(
            self.begin(Vec::new()).await? >= newest,
            "another scheduler has written entry {newest} of the log"
        );
        let mut free = self.ended_runs(before).await?;
        free.retain(|run| found.contains(&run.id));
        let kept = found.into_iter().filter(|id| free.iter().all(|run| run.id != *id)).collect();
        self.tell(Signal::Removed(kept)).await?;
        Ok(free)
    }

    /// Has nothing made of these runs any more; gives the place up to which something may have been.
    async fn begin(&self, runs: Vec<RunId>) -> anyhow::Result<u64> {
        let (answer, answered) = oneshot::channel();
        self.tell(Signal::Removing(runs, answer)).await?;
        Ok(answered.await?)
    }

    async fn tell(&self, signal: Signal<W::Letter>) -> anyhow::Result<()> {
        self.signals.send(signal).await.map_err(|_| anyhow::anyhow!("the scheduler is starting over"))
    }

    async fn ended_runs(&mut self, before: Timestamp) -> anyhow::Result<Vec<RunSummary>> {
        let settled = self.settled().await?;
        let runs = self.records.runs_to_remove(SHARD, before, RUNS).await?;
        let (settled, ahead): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.seq <= settled);
        self.is_ahead |= !ahead.is_empty();
        Ok(settled)
    }

    /// The last step: afterwards nothing is known of the runs. One whose objects stay harms no other. Errors: none could
    /// be cleared.
    async fn remove_objects(&self, runs: &[RunId]) -> anyhow::Result<()> {
        let (mut cleared, mut failure) = (0, None);
        for run in runs {
            match self.remove_objects_of(*run).await {
                Ok(()) => cleared += 1,
                Err(error) => {
                    tracing::warn!(%run, "objects of a removed run cannot be removed yet: {error:#}");
                    failure = Some(error);
                }
            }
        }
        failure.filter(|_| cleared == 0).map_or(Ok(()), Err)
    }

    async fn remove_objects_of(&self, run: RunId) -> anyhow::Result<()> {
        let call = RemoveObjects { run };
        loop {
            let answer = self.world.remove_objects(&call).await;
            if answer.context("asking the API to remove them")?.done {
                break;
            }
        }
        Ok(self.records.end_removal(run).await?)
    }
}

fn ids(runs: &[RunSummary]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}

#[cfg(test)]
mod tests;
