//! What the tasks of triggers work with, and what is to be done where one ends.

use std::sync::Arc;

use emboflow_bus::Bus;
use emboflow_model::trigger::{TRIGGER_STATES, TriggerKind, TriggerState};
use emboflow_records::SharedRecords;

use crate::foreign::Foreign;
use crate::journal::Journal;
use crate::kept::{Trigger, Triggers};
use crate::objects::{self, Storage};
use crate::requester::Requester;
use crate::stream;

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

impl Hands {
    /// Removes what a trigger that is gone has left.
    pub(crate) async fn forget(&self, trigger: &Trigger) {
        self.leave_stream(trigger, None).await;
        objects::forget(&self.records, trigger).await;
        let (scope, name) = (trigger.project.as_str(), trigger.name.as_str());
        if let Ok(Some(kept)) = self.records.kept(TRIGGER_STATES, scope, name).await {
            let state = serde_json::from_str::<TriggerState>(&kept.body);
            // A new trigger of that name has a state of its own.
            if state.is_ok_and(|state| state.id != trigger.document.id) {
                return;
            }
            // Another process may have done it.
            let _done_or_changed = self.records.drop_kept(TRIGGER_STATES, scope, name, kept.version).await;
        }
    }

    /// Writes down how far a trigger's stream is settled, before it rests or follows another one.
    pub(crate) async fn note_place(&self, trigger: &Trigger) {
        let Some((stream, durable)) = stream_of(trigger) else { return };
        let noted = async {
            if let Some(place) = self.bus.foreign_place(&stream, &durable).await? {
                self.journal.settle_stream(trigger, place).await?;
            }
            anyhow::Ok(())
        };
        if let Err(error) = noted.await {
            tracing::info!(%error, stream, durable, "the place in a stream is as it was noted last");
        }
    }

    /// Removes the consumer that a trigger had and has no more. One that cannot be removed goes by itself in time.
    pub(crate) async fn leave_stream(&self, before: &Trigger, after: Option<&Trigger>) {
        let Some((stream, durable)) = stream_of(before) else { return };
        if after.and_then(stream_of).as_ref() == Some(&(stream.clone(), durable.clone())) {
            return;
        }
        if let Err(error) = self.bus.drop_foreign(&stream, &durable).await {
            tracing::info!(%error, stream, durable, "a consumer that is no longer needed cannot be removed now");
        }
    }
}

/// The stream that a trigger follows, and its consumer.
fn stream_of(trigger: &Trigger) -> Option<(String, String)> {
    let TriggerKind::Nats(spec) = &trigger.document.spec.on else { return None };
    spec.stream.clone().map(|stream| (stream, stream::durable(trigger)))
}
