//! Gives each trigger a task of its own, so that one that fails or hangs neither stops nor delays another.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::BusError;
use emboflow_model::trigger::{TRIGGERS, TriggerKind};
use emboflow_model::{ProjectName, TriggerName};
use emboflow_protocol::notice::Notice;
use emboflow_records::RecordsError;
use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::foreign;
use crate::hands::Hands;
use crate::journal::Subject;
use crate::kept::{self, Trigger, Unreadable};
use crate::requester::failed;
use crate::schedule::Keeping;
use crate::{measure, objects, stream, subject};

/// How often the triggers are read when nobody says that one has changed.
const READ_EACH: Duration = Duration::from_secs(30);
/// How often the records are asked what became of requests.
const SETTLE_EACH: Duration = Duration::from_secs(30);
/// How long a message in hand is still tried when its trigger rests or has changed: nobody else has it.
const IN_HAND: Duration = Duration::from_secs(5);

type Key = (ProjectName, TriggerName);

/// The task of a trigger.
struct Task {
    trigger: Arc<Trigger>,
    stop: CancellationToken,
    work: JoinHandle<()>,
}

/// Keeps all triggers.
pub(crate) struct Keeper {
    hands: Hands,
    tasks: BTreeMap<Key, Task>,
    /// What triggers that are gone leave is being removed.
    leaving: BTreeMap<Key, JoinHandle<()>>,
    /// Versions of documents that cannot be read and have been told.
    unreadable: BTreeMap<Key, u64>,
    tracker: TaskTracker,
    changed: Arc<Notify>,
}

impl Keeper {
    pub(crate) fn new(hands: Hands) -> Self {
        let changed = Arc::new(Notify::new());
        let (tasks, leaving, unreadable) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { hands, tasks, leaving, unreadable, tracker: TaskTracker::new(), changed }
    }

    /// Hears of changed triggers, for ever.
    pub(crate) fn hear_notices(&self) -> impl Future<Output = ()> + use<> {
        let (bus, changed) = (self.hands.bus.clone(), self.changed.clone());
        async move {
            let mut backoff = Backoff::new();
            loop {
                match bus.subscribe(Notice::filter(Some(TRIGGERS))).await {
                    Ok(mut frames) => {
                        while frames.next().await.is_some() {
                            changed.notify_one();
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "notices cannot be heard; the triggers are read now and then")
                    }
                }
                backoff.wait().await;
            }
        }
    }

    /// Keeps them until `stop`.
    pub(crate) async fn keep(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new();
        let mut settle = tokio::time::interval(SETTLE_EACH);
        settle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            match kept::read_all(self.hands.records.as_ref()).await {
                Ok(all) => {
                    backoff.reset();
                    self.hands.triggers.replace(all.triggers);
                    self.stop_unreadable(all.unreadable);
                    self.update(&stop);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        // Its time comes, however often triggers change.
                        _ = settle.tick() => self.settle().await,
                        () = self.changed.notified() => {}
                        () = tokio::time::sleep(READ_EACH) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the triggers cannot be read; those that are known go on");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = backoff.wait() => {}
                    }
                }
            }
        }
        self.tracker.close();
        self.tracker.wait().await;
        self.hands.journal.flush().await;
    }

    /// Stops the triggers whose documents cannot be read, and says so once of each version. What is known of them
    /// stays: they may be a newer service's.
    fn stop_unreadable(&mut self, all: Vec<Unreadable>) {
        let mut now = BTreeMap::new();
        for one in all {
            let key = (one.project.clone(), one.name.clone());
            if let Some(task) = self.tasks.get(&key) {
                task.stop.cancel();
            }
            if self.unreadable.get(&key) != Some(&one.version) {
                measure::count_failure("unreadable");
                tracing::error!(project = %one.project, trigger = %one.name, why = one.why, "a trigger cannot be read; it is stopped");
                if let Some(subject) = Subject::of_unreadable(&one) {
                    let why = format!("this version of the trigger service cannot read it: {}", one.why);
                    self.hands.journal.note_of(&subject, failed("reading the trigger".to_owned(), why));
                }
            }
            now.insert(key, one.version);
        }
        self.unreadable = now;
    }

    /// Starts what is new or changed, and ends what is gone. Waits for nothing: what has to come in turn is done by the
    /// task of the trigger, after the one before.
    fn update(&mut self, stop: &CancellationToken) {
        let all = self.hands.triggers.all();
        measure::show_triggers(all.iter().map(|one| (&one.document.spec.on, one.document.paused.is_some())));
        let now: BTreeMap<_, _> =
            all.into_iter().map(|one| ((one.project.clone(), one.name.clone()), one)).collect();
        self.leaving.retain(|_, work| !work.is_finished());
        let is_gone = |key: &&Key| !now.contains_key(*key) && !self.unreadable.contains_key(*key);
        let gone: Vec<_> = self.tasks.keys().filter(is_gone).cloned().collect();
        for key in gone {
            if let Some(before) = self.tasks.remove(&key) {
                self.leaving.insert(key, self.leave(before));
            }
        }
        for (key, trigger) in now {
            let is_same =
                |known: &Task| known.trigger.version == trigger.version && !known.stop.is_cancelled();
            if !self.tasks.get(&key).is_some_and(is_same) {
                let task = self.begin(&key, trigger, stop.child_token());
                self.tasks.insert(key, task);
            }
        }
    }

    /// Removes what is left of a trigger that is gone.
    fn leave(&self, before: Task) -> JoinHandle<()> {
        before.stop.cancel();
        let hands = self.hands.clone();
        self.tracker.spawn(async move {
            let _ended_or_panicked = before.work.await;
            hands.forget(&before.trigger).await;
        })
    }

    /// Starts a trigger where the one of its name before it has ended.
    fn begin(&mut self, key: &Key, trigger: Arc<Trigger>, stop: CancellationToken) -> Task {
        let (before, left) = (self.tasks.remove(key), self.leaving.remove(key));
        if let Some(before) = &before {
            before.stop.cancel();
        }
        let (hands, own, stopped) = (self.hands.clone(), trigger.clone(), stop.clone());
        let work = self.tracker.spawn(async move {
            if let Some(left) = left {
                let _removed = left.await;
            }
            if let Some(Task { trigger: before, work, .. }) = before {
                let _ended_or_panicked = work.await;
                hands.note_place(&before).await;
                hands.leave_stream(&before, Some(&own)).await;
            }
            if own.document.paused.is_none() {
                live(hands, own, stopped).await;
            }
        });
        Task { trigger, stop, work }
    }

    async fn settle(&self) {
        for trigger in self.hands.triggers.all() {
            if let Err(error) = self.hands.journal.settle(&trigger).await {
                tracing::warn!(%error, "the records cannot be asked what became of requests; later");
                return;
            }
        }
    }
}

/// The life of one trigger: whatever goes wrong in it is tried again, with growing waits.
async fn live(hands: Hands, trigger: Arc<Trigger>, stop: CancellationToken) {
    let mut backoff = Backoff::new();
    let mut told = String::new();
    loop {
        let work = AssertUnwindSafe(work(&hands, &trigger, &stop)).catch_unwind();
        let ended = tokio::select! {
            () = is_over(&trigger, &stop) => return,
            ended = work => ended,
        };
        let (why, shown) = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => (format!("{error:#}"), shown(&error)),
            Err(_) => {
                let why = "a defect of the platform: it panicked".to_owned();
                (why.clone(), why)
            }
        };
        measure::count_failure(trigger.kind());
        tracing::warn!(project = %trigger.project, trigger = %trigger.name, why, "a trigger cannot go on; trying again");
        let kinds = &trigger.document.spec.on;
        if told != shown && matches!(kinds, TriggerKind::Nats(_) | TriggerKind::ObjectCreated(_)) {
            // What it listens to may be missing: people look for that in its history.
            hands.journal.note(&trigger, failed("listening".to_owned(), shown.clone()));
            told = shown;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = backoff.wait() => {}
        }
    }
}

/// Waits until a trigger is to do nothing more. One that listens to a subject ends by itself, with the message in hand.
async fn is_over(trigger: &Trigger, stop: &CancellationToken) {
    stop.cancelled().await;
    if matches!(&trigger.document.spec.on, TriggerKind::Nats(spec) if spec.stream.is_none()) {
        tokio::time::sleep(IN_HAND).await;
    }
}

/// What a trigger's history says of an error: every viewer of the project reads it, and where NATS and the records are is
/// nobody's business there.
fn shown(error: &anyhow::Error) -> String {
    match error.downcast_ref::<BusError>() {
        Some(BusError::Disconnected { .. } | BusError::Timeout { .. }) => "NATS does not answer".to_owned(),
        None if error.is::<RecordsError>() => "the records do not answer".to_owned(),
        _ => format!("{error:#}"),
    }
}

/// Ends when there is nothing more to do. Webhooks and ended runs come from elsewhere.
async fn work(hands: &Hands, trigger: &Trigger, stop: &CancellationToken) -> anyhow::Result<()> {
    let Hands { bus, records, requester, journal, foreign, .. } = hands;
    match &trigger.document.spec.on {
        TriggerKind::Schedule(spec) => Keeping { requester, journal, records, trigger }.keep(spec).await,
        TriggerKind::Nats(spec) => {
            // What is kept may be older than the checks of the file.
            foreign::check(foreign.as_deref(), &trigger.project, spec).map_err(anyhow::Error::msg)?;
            match (&spec.stream, &spec.subject) {
                (Some(name), filter) => {
                    stream::follow(bus, requester, journal, trigger, name, filter.as_deref()).await
                }
                (None, Some(name)) => subject::follow(bus, requester, journal, trigger, name, stop).await,
                (None, None) => Ok(()),
            }
        }
        TriggerKind::ObjectCreated(spec) => objects::watch(hands, trigger, spec).await,
        TriggerKind::Webhook(_) | TriggerKind::RunFinished(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_does_not_say_where_nats_is() {
        let away = anyhow::Error::from(BusError::Disconnected { url: "nats://10.0.0.7:4222".to_owned() });
        assert_eq!(shown(&away.context("following ORDERS")), "NATS does not answer");
        assert_eq!(shown(&anyhow::anyhow!("no stream")), "no stream");
    }
}
