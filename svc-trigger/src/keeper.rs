//! Gives each trigger a task of its own, so that one that fails or hangs neither stops nor delays another.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::{Bus, BusError};
use emboflow_model::trigger::{TRIGGER_STATES, TRIGGERS, TriggerKind};
use emboflow_model::{ProjectName, TriggerName};
use emboflow_protocol::notice::Notice;
use emboflow_records::{RecordsError, SharedRecords};
use futures::FutureExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::foreign::{self, Foreign};
use crate::journal::{Journal, Subject};
use crate::kept::{self, Trigger, Triggers, Unreadable};
use crate::objects::Storage;
use crate::requester::{Requester, failed};
use crate::schedule::Keeping;
use crate::{measure, objects, stream, subject};

/// How often the triggers are read when nobody says that one has changed.
const READ_EACH: Duration = Duration::from_secs(30);

/// What every trigger's task has at hand. Clones share it.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(crate) bus: Bus,
    pub(crate) records: SharedRecords,
    pub(crate) requester: Requester,
    pub(crate) journal: Journal,
    /// What is for which project of other systems; none = all for all.
    pub(crate) foreign: Option<Arc<[Foreign]>>,
    /// All triggers, as they were read last.
    pub(crate) triggers: Triggers,
    /// The storage; none = no trigger on objects can be followed.
    pub(crate) storage: Option<Storage>,
}

type Key = (ProjectName, TriggerName);

/// Keeps all triggers.
pub(crate) struct Keeper {
    hands: Hands,
    tasks: BTreeMap<Key, (Arc<Trigger>, CancellationToken)>,
    /// Versions of documents that cannot be read and have been told.
    unreadable: BTreeMap<Key, u64>,
    tracker: TaskTracker,
    changed: Arc<Notify>,
}

impl Keeper {
    pub(crate) fn new(hands: Hands) -> Self {
        let changed = Arc::new(Notify::new());
        let (tasks, unreadable) = (BTreeMap::new(), BTreeMap::new());
        Self { hands, tasks, unreadable, tracker: TaskTracker::new(), changed }
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
        while !stop.is_cancelled() {
            match kept::read_all(self.hands.records.as_ref()).await {
                Ok(all) => {
                    backoff.reset();
                    self.hands.triggers.replace(all.triggers);
                    self.stop_unreadable(all.unreadable);
                    self.update(&stop).await;
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = self.changed.notified() => {}
                        () = tokio::time::sleep(READ_EACH) => self.settle().await,
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
            if let Some((_, task)) = self.tasks.get(&key) {
                task.cancel();
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

    /// Starts what is new or changed, and ends what is gone.
    async fn update(&mut self, stop: &CancellationToken) {
        let all = self.hands.triggers.all();
        measure::show_triggers(all.iter().map(|one| (&one.document.spec.on, one.document.paused.is_some())));
        let now: BTreeMap<_, _> =
            all.into_iter().map(|one| ((one.project.clone(), one.name.clone()), one)).collect();
        let is_gone = |key: &&Key| !now.contains_key(*key) && !self.unreadable.contains_key(*key);
        let gone: Vec<_> = self.tasks.keys().filter(is_gone).cloned().collect();
        for key in gone {
            if let Some((trigger, task)) = self.tasks.remove(&key) {
                task.cancel();
                self.forget(&trigger).await;
            }
        }
        for (key, trigger) in now {
            let known = self.tasks.get(&key);
            if known.is_some_and(|(known, task)| known.version == trigger.version && !task.is_cancelled()) {
                continue;
            }
            let before = known.map(|(before, task)| {
                task.cancel();
                before.clone()
            });
            if let Some(before) = before {
                self.note_place(&before).await;
                self.leave_stream(&before, Some(&trigger)).await;
            }
            let task = stop.child_token();
            if trigger.document.paused.is_none() {
                self.tracker.spawn(live(self.hands.clone(), trigger.clone(), task.clone()));
            }
            self.tasks.insert(key, (trigger, task));
        }
    }

    /// Removes what is left of a trigger that is gone.
    async fn forget(&self, trigger: &Trigger) {
        self.leave_stream(trigger, None).await;
        objects::forget(&self.hands.records, trigger).await;
        let (scope, name) = (trigger.project.as_str(), trigger.name.as_str());
        let records = &self.hands.records;
        if let Ok(Some(state)) = records.kept(TRIGGER_STATES, scope, name).await {
            // Another process may have done it, or a new trigger of that name begun.
            let _done_or_changed = records.drop_kept(TRIGGER_STATES, scope, name, state.version).await;
        }
    }

    /// Writes down how far a trigger's stream is settled, before it rests or follows another one.
    async fn note_place(&self, trigger: &Trigger) {
        let Some((stream, durable)) = stream_of(trigger) else { return };
        let noted = async {
            if let Some(place) = self.hands.bus.foreign_place(&stream, &durable).await? {
                self.hands.journal.settle_stream(trigger, place).await?;
            }
            anyhow::Ok(())
        };
        if let Err(error) = noted.await {
            tracing::info!(%error, stream, durable, "the place in a stream is as it was noted last");
        }
    }

    /// Removes the consumer that a trigger had and has no more. One that cannot be removed goes by itself in time.
    async fn leave_stream(&self, before: &Trigger, after: Option<&Trigger>) {
        let Some((stream, durable)) = stream_of(before) else { return };
        if after.and_then(stream_of).as_ref() == Some(&(stream.clone(), durable.clone())) {
            return;
        }
        if let Err(error) = self.hands.bus.drop_foreign(&stream, &durable).await {
            tracing::info!(%error, stream, durable, "a consumer that is no longer needed cannot be removed now");
        }
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

/// The stream that a trigger follows, and its consumer.
fn stream_of(trigger: &Trigger) -> Option<(String, String)> {
    let TriggerKind::Nats(spec) = &trigger.document.spec.on else { return None };
    spec.stream.clone().map(|stream| (stream, stream::durable(trigger)))
}

/// The life of one trigger: whatever goes wrong in it is tried again, with growing waits.
async fn live(hands: Hands, trigger: Arc<Trigger>, stop: CancellationToken) {
    let mut backoff = Backoff::new();
    let mut told = String::new();
    loop {
        let work = AssertUnwindSafe(work(&hands, &trigger)).catch_unwind();
        let ended = tokio::select! {
            () = stop.cancelled() => return,
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
async fn work(hands: &Hands, trigger: &Trigger) -> anyhow::Result<()> {
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
                (None, Some(name)) => subject::follow(bus, requester, journal, trigger, name).await,
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
