//! What became of each trigger: watermarks, written at once, and the history, written soon. Several processes may write
//! the same document: each change is made to what is there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emboflow_model::trigger::{
    MAX_HISTORY, ObjectPlace, Start, StartResult, StreamPlace, TRIGGER_STATES, TriggerState,
};
use emboflow_model::{ProjectName, Timestamp, TriggerName};
use emboflow_records::{RecordsError, RequestOutcome, SharedRecords, fresh_request};
use tokio::sync::Notify;

use crate::kept::{Trigger, Unreadable, now};
use crate::measure;

/// How long a note waits for others, so that a thousand messages are not a thousand writes.
const GATHER: Duration = Duration::from_millis(200);
/// How long an answer is waited for before the records are asked.
const ANSWER_WAIT_MS: u64 = 5_000;
/// Tries to change a document that others change too.
const MAX_TRIES: usize = 20;

/// The trigger that a note is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    project: ProjectName,
    name: TriggerName,
    id: String,
    kind: &'static str,
}

impl Subject {
    pub(crate) fn of(trigger: &Trigger) -> Self {
        Self {
            project: trigger.project.clone(),
            name: trigger.name.clone(),
            id: trigger.document.id.clone(),
            kind: trigger.kind(),
        }
    }

    /// That of a trigger which cannot be read now. None when nothing tells whose history it is.
    pub(crate) fn of_unreadable(unreadable: &Unreadable) -> Option<Self> {
        let Unreadable { project, name, id, .. } = unreadable.clone();
        Some(Self { project, name, id: id?, kind: "unreadable" })
    }
}

/// The journal. Clones share it.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Shared>);

struct Shared {
    records: SharedRecords,
    notes: Mutex<HashMap<Subject, Vec<Start>>>,
    noted: Notify,
}

impl Journal {
    pub(crate) fn new(records: SharedRecords) -> Self {
        Self(Arc::new(Shared { records, notes: Mutex::default(), noted: Notify::new() }))
    }

    /// What is known of the trigger, notes that are not written yet included.
    pub(crate) async fn state(&self, trigger: &Trigger) -> Result<TriggerState, RecordsError> {
        let subject = Subject::of(trigger);
        let (_, mut state) = self.read(&subject).await?;
        for start in self.notes().get(&subject).into_iter().flatten() {
            state.note(start.clone());
        }
        Ok(state)
    }

    /// Notes a start soon.
    pub(crate) fn note(&self, trigger: &Trigger, start: Start) {
        self.note_of(&Subject::of(trigger), start);
    }

    pub(crate) fn note_of(&self, subject: &Subject, start: Start) {
        measure::count_start(subject.kind, start.result);
        self.notes().entry(subject.clone()).or_default().push(start);
        self.0.noted.notify_one();
    }

    /// Notes starts and that everything up to a moment is dealt with; durable when it returns.
    pub(crate) async fn advance(
        &self,
        trigger: &Trigger,
        to: Timestamp,
        start: Option<Start>,
    ) -> Result<(), RecordsError> {
        let subject = Subject::of(trigger);
        if let Some(start) = &start {
            measure::count_start(subject.kind, start.result);
        }
        self.change(&subject, |state| {
            if let Some(start) = &start {
                state.note(start.clone());
            }
            state.advance(to);
        })
        .await
    }

    /// Notes how far a stream is settled; durable when it returns. The server may forget it.
    pub(crate) async fn settle_stream(
        &self,
        trigger: &Trigger,
        place: StreamPlace,
    ) -> Result<(), RecordsError> {
        self.change(&Subject::of(trigger), |state| state.settle(place.clone())).await
    }

    /// Notes how far a trigger has looked through the storage; durable when it returns.
    pub(crate) async fn looked(&self, trigger: &Trigger, place: &ObjectPlace) -> Result<(), RecordsError> {
        self.change(&Subject::of(trigger), |state| state.look(place.clone())).await
    }

    /// Writes the notes, for ever.
    pub(crate) async fn write_notes(self) {
        loop {
            self.0.noted.notified().await;
            tokio::time::sleep(GATHER).await;
            self.flush().await;
        }
    }

    /// Writes what is noted; what cannot be written now is kept for later.
    pub(crate) async fn flush(&self) {
        let subjects: Vec<Subject> = self.notes().keys().cloned().collect();
        for subject in subjects {
            if let Err(error) = self.write(&subject).await {
                tracing::warn!(%error, trigger = %subject.name, "the history of a trigger cannot be written; later");
                self.0.noted.notify_one();
            }
        }
    }

    /// Writes what is noted of one trigger; durable when it returns. Errors: it is kept for later.
    pub(crate) async fn write(&self, subject: &Subject) -> Result<(), RecordsError> {
        let Some(mut starts) = self.notes().remove(subject) else { return Ok(()) };
        let written =
            self.change(subject, |state| starts.iter().cloned().for_each(|start| state.note(start)));
        let written = written.await;
        if written.is_err() {
            let mut notes = self.notes();
            // What was noted meanwhile is newer.
            starts.extend(notes.remove(subject).unwrap_or_default());
            let surplus = starts.len().saturating_sub(MAX_HISTORY * 2);
            starts.drain(..surplus);
            notes.insert(subject.clone(), starts);
        }
        written
    }

    /// Asks the records about the requests of a trigger whose answers did not come.
    pub(crate) async fn settle(&self, trigger: &Trigger) -> Result<(), RecordsError> {
        let state = self.state(trigger).await?;
        let is_open = |start: &&Start| {
            start.result == StartResult::Requested && now().ms_since(start.at) > ANSWER_WAIT_MS
        };
        for start in state.history.iter().filter(is_open) {
            if let Some(decided) = self.decided(trigger, start).await? {
                self.note(trigger, decided);
            }
        }
        Ok(())
    }

    /// The start as the records know it now; none when the scheduler has not decided yet.
    pub(crate) async fn decided(
        &self,
        trigger: &Trigger,
        start: &Start,
    ) -> Result<Option<Start>, RecordsError> {
        const SHARD: u32 = 0;
        let Some(key) = &start.key else { return Ok(None) };
        let found = fresh_request(self.0.records.as_ref(), SHARD, &trigger.project, key).await?;
        Ok(found.map(|found| match found.outcome {
            RequestOutcome::Accepted(run) => {
                Start { result: StartResult::Started, run: Some(run), ..start.clone() }
            }
            RequestOutcome::Rejected(errors) => {
                let text =
                    |field| errors.first().and_then(|error| error.get(field)?.as_str().map(str::to_owned));
                let (code, message) = (text("code"), text("message"));
                Start { result: StartResult::Rejected, code, message, ..start.clone() }
            }
        }))
    }

    async fn change(
        &self,
        subject: &Subject,
        change: impl Fn(&mut TriggerState),
    ) -> Result<(), RecordsError> {
        let records = self.0.records.as_ref();
        for _ in 0..MAX_TRIES {
            let (version, mut state) = self.read(subject).await?;
            let before = state.clone();
            change(&mut state);
            if state == before && version.is_some() {
                return Ok(());
            }
            let body = serde_json::to_string(&state).expect("a state is plain data");
            let (scope, name) = (subject.project.as_str(), subject.name.as_str());
            if records.keep(TRIGGER_STATES, scope, name, version, body).await?.is_some() {
                return Ok(());
            }
        }
        tracing::warn!(trigger = %subject.name, "the state of a trigger changes too fast; the next note tries again");
        Ok(())
    }

    /// The state and its version. That of an earlier trigger of the same name counts for nothing.
    async fn read(&self, subject: &Subject) -> Result<(Option<u64>, TriggerState), RecordsError> {
        let (scope, name) = (subject.project.as_str(), subject.name.as_str());
        let kept = self.0.records.kept(TRIGGER_STATES, scope, name).await?;
        let version = kept.as_ref().map(|kept| kept.version);
        let state = kept.and_then(|kept| serde_json::from_str::<TriggerState>(&kept.body).ok());
        let own = state.filter(|state| state.id == subject.id);
        Ok((version, own.unwrap_or_else(|| TriggerState::new(&subject.id))))
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, HashMap<Subject, Vec<Start>>> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
