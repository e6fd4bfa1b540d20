//! Answers what comes next, beside the driver: that only gives a copy of the plan, and decides on. One forecast is made at
//! a time, and is good for all who ask within a few seconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use emboflow_bus::{Bus, Delivery};
use emboflow_model::RunId;
use emboflow_protocol::forecast::{AskForecast, AskWhatIf, RunForecast, WhatIf};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::feeds::{Signal, ask};
use crate::forecast::{Bounds, Changes, Outlook, Snapshot, look_ahead, tell_run, tell_what_if};
use crate::measure;

/// A forecast takes no longer than this, but for its first walk, which is given up after as long again.
const TIME: Duration = Duration::from_millis(1_500);
/// A forecast is good for this long, and for longer when its snapshot has kept the driver busy.
const GOOD_FOR: Duration = Duration::from_secs(3);
/// Who asks what would be waits so long at most until others have their answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// The driver spends one part of so many at most on snapshots.
const SNAPSHOT_SHARE: u32 = 100;

/// A forecast, and what it was made from.
struct Foreseen {
    snapshot: Snapshot,
    outlook: Outlook,
    made: Instant,
    good_for: Duration,
}

/// Who answers.
#[derive(Clone)]
pub(super) struct Foresight {
    signals: mpsc::Sender<Signal<Delivery>>,
    newest: Arc<Mutex<Option<Arc<Foreseen>>>>,
    /// Whose question what would be is looked at.
    turn: Arc<Mutex<()>>,
    stop: CancellationToken,
}

impl Foresight {
    pub(super) fn new(signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) -> Self {
        Self { signals, newest: Arc::default(), turn: Arc::default(), stop }
    }

    /// Answers until it is stopped.
    pub(super) async fn serve(self, bus: Bus) {
        let (stop, runs, ifs) = (self.stop.clone(), self.clone(), self);
        let forecasts = bus.serve(AskForecast::filter(), stop.clone(), move |question: AskForecast| {
            let foresight = runs.clone();
            async move { foresight.of_run(question.run).await }
        });
        let what_ifs = bus.serve(AskWhatIf::filter(), stop.clone(), move |question: AskWhatIf| {
            let foresight = ifs.clone();
            async move { foresight.what_if(question).await }
        });
        for served in <[_; 2]>::from(tokio::join!(forecasts, what_ifs)) {
            if let Err(error) = served {
                tracing::error!(%error, "nobody is told any more what comes next");
            }
        }
    }

    async fn of_run(&self, run: RunId) -> Result<RunForecast, String> {
        let foreseen = self.foreseen(|known| known.planner.run(run).is_some()).await?;
        Ok(tell_run(&foreseen.snapshot, &foreseen.outlook, run))
    }

    async fn what_if(&self, question: AskWhatIf) -> Result<WhatIf, String> {
        question.check()?;
        let turn = tokio::time::timeout(PATIENCE, self.turn.lock()).await;
        let _turn = turn.map_err(|_| "others ask already what would be: ask again".to_owned())?;
        let foreseen = self.foreseen(|_| true).await?;
        let stop = self.stop.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let Foreseen { snapshot, outlook, .. } = &*foreseen;
            let changes = Changes::of(snapshot, &question.add, &question.remove);
            let outlook_if = timed(snapshot, &changes, &stop);
            tell_what_if(snapshot, outlook, &outlook_if, &question)
        });
        looked.await.map_err(|_| "the forecast has failed".to_owned())
    }

    /// The newest forecast, or a new one when that is too old or `suits` says that it does not do.
    async fn foreseen(&self, suits: impl Fn(&Snapshot) -> bool) -> Result<Arc<Foreseen>, String> {
        let mut newest = self.newest.lock().await;
        if let Some(known) = newest.as_ref() {
            let age = known.made.elapsed();
            // What came since is worth a new one only if the driver has had its rest.
            let is_fresh = age < known.good_for;
            let is_rested = age >= known.good_for.saturating_sub(GOOD_FOR);
            if is_fresh && (suits(&known.snapshot) || !is_rested) {
                return Ok(Arc::clone(known));
            }
        }
        let made = Arc::new(self.look().await?);
        *newest = Some(Arc::clone(&made));
        tokio::spawn(forget(self.newest.clone(), made.clone(), self.stop.clone()));
        Ok(made)
    }

    async fn look(&self) -> Result<Foreseen, String> {
        let (snapshot, took) = ask(&self.signals, Signal::Snapshot).await?;
        let stop = self.stop.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let outlook = timed(&snapshot, &Changes::default(), &stop);
            let good_for = GOOD_FOR + took * SNAPSHOT_SHARE;
            Foreseen { snapshot, outlook, made: Instant::now(), good_for }
        });
        looked.await.map_err(|_| "the forecast has failed".to_owned())
    }
}

/// Lets a forecast go when it is too old: as long as it is kept, each run that changes is copied.
async fn forget(newest: Arc<Mutex<Option<Arc<Foreseen>>>>, old: Arc<Foreseen>, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(old.good_for) => {}
    }
    let mut newest = newest.lock().await;
    if newest.as_ref().is_some_and(|known| Arc::ptr_eq(known, &old)) {
        *newest = None;
    }
}

/// Looks ahead for as long as there is time.
fn timed(snapshot: &Snapshot, changes: &Changes, stop: &CancellationToken) -> Outlook {
    let timing = measure::FORECAST.start_timer();
    let began = Instant::now();
    let outlook = look_ahead(snapshot, changes, Bounds::default(), &|walks| {
        !stop.is_cancelled() && began.elapsed() < if walks == 0 { 2 * TIME } else { TIME }
    });
    timing.observe_duration();
    outlook
}
