//! Starts that somebody asks for: a try, a backfill, a request to a webhook. Asked by the API, answered once the
//! requests are safely taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use emboflow_model::trigger::{Chain, Event, Reason, Schedule, TriggerKind, idempotency_key};
use emboflow_model::{ProjectName, Timestamp};
use emboflow_protocol::trigger::{Fire, FireAnswer, FireCause, MAX_BACKFILL};
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{SharedRecords, fresh_request};
use serde_json::Value;

use crate::backfills::Backfills;
use crate::journal::Journal;
use crate::kept::{self, Trigger, now};
use crate::requester::{self, For, NotTaken, Requester};

/// Requests to webhooks remembered here; the records know all of them a moment later.
const MAX_RECENT: usize = 10_000;

/// Answers such questions. Clones share it.
#[derive(Clone)]
pub(crate) struct Firing {
    pub(crate) records: SharedRecords,
    pub(crate) requester: Requester,
    pub(crate) journal: Journal,
    pub(crate) recent: Recent,
    pub(crate) backfills: Backfills,
}

/// Keys of requests to webhooks that are not in the records yet.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<VecDeque<(ProjectName, String)>>>);

impl Recent {
    /// Remembers a key; whether it is new.
    fn insert(&self, project: &ProjectName, key: &str) -> bool {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.iter().any(|(known, other)| known == project && other == key) {
            return false;
        }
        keys.push_front((project.clone(), key.to_owned()));
        keys.truncate(MAX_RECENT);
        true
    }

    fn forget(&self, project: &ProjectName, key: &str) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|(known, other)| known != project || other != key);
    }
}

impl Firing {
    /// Carries it out. Errors: what is away, in words; the caller may ask again.
    pub(crate) async fn answer(self, fire: Fire) -> Result<FireAnswer, String> {
        let found = kept::read(self.records.as_ref(), &fire.project, &fire.trigger).await?;
        let Some(trigger) = found else {
            let message = format!("project '{}' has no trigger '{}'", fire.project, fire.trigger);
            return Ok(refused(ErrorCode::TriggerNotFound, message));
        };
        match fire.cause {
            FireCause::Test { token, data } => self.test(&trigger, &token, data).await,
            FireCause::Backfill { from, to } => self.backfill(&trigger, from, to).await,
            FireCause::Hook { id, event } => self.hook(&trigger, &id, event).await,
        }
    }

    async fn test(&self, trigger: &Trigger, token: &str, data: Value) -> Result<FireAnswer, String> {
        let event = match &trigger.document.spec.on {
            TriggerKind::Schedule(spec) => {
                let table = Schedule::new(spec).map_err(|error| error.to_string())?;
                Event::time(now(), &table.local_text(now())).with("data", data)
            }
            _ => Event::plain("test", now(), data),
        };
        let what = For {
            reason: Reason::Fired(token),
            cause: "fired by hand".to_owned(),
            event: event.into_value(),
            chain: Chain::default(),
        };
        self.take(trigger, what).await
    }

    async fn hook(&self, trigger: &Trigger, id: &str, event: Value) -> Result<FireAnswer, String> {
        const SHARD: u32 = 0;
        if trigger.document.paused.is_some() {
            return Ok(refused(ErrorCode::TriggerPaused, format!("trigger '{}' is paused", trigger.name)));
        }
        let reason = Reason::Named(id);
        let key = idempotency_key(&trigger.document.id, &reason);
        if !self.recent.insert(&trigger.project, &key) {
            return Ok(FireAnswer::Replayed { key });
        }
        let known = fresh_request(self.records.as_ref(), SHARD, &trigger.project, &key).await;
        let answer = match known {
            Ok(Some(_)) => return Ok(FireAnswer::Replayed { key }),
            Ok(None) => {
                let cause = format!("webhook request {}", id.chars().take(80).collect::<String>());
                self.take(trigger, For { reason, cause, event, chain: Chain::default() }).await
            }
            Err(error) => Err(error.to_string()),
        };
        if !matches!(answer, Ok(FireAnswer::Taken { .. })) {
            // Nothing was taken: the sender may send it again.
            self.recent.forget(&trigger.project, &key);
        }
        answer
    }

    async fn backfill(
        &self,
        trigger: &Trigger,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<FireAnswer, String> {
        let TriggerKind::Schedule(spec) = &trigger.document.spec.on else {
            let message = format!("trigger '{}' has no time table", trigger.name);
            return Ok(refused(ErrorCode::TriggerKind, message));
        };
        let _under_way = match self.backfills.begin(&trigger.project) {
            Ok(under_way) => under_way,
            Err(why) => return Ok(refused(ErrorCode::RequestRateLimited, why)),
        };
        let table = Schedule::new(spec).map_err(|error| error.to_string())?;
        let mut times = table.between(from, to.min(now()), MAX_BACKFILL + 1);
        let is_more = times.len() > MAX_BACKFILL;
        times.truncate(MAX_BACKFILL);
        let mut keys = Vec::with_capacity(times.len());
        for time in &times {
            let event = Event::time(*time, &table.local_text(*time)).into_value();
            let cause = format!("{time}, made up for");
            match self
                .take(trigger, For { reason: Reason::Time(*time), cause, event, chain: Chain::default() })
                .await?
            {
                FireAnswer::Taken { keys: taken, .. } => keys.extend(taken),
                other => return Ok(other),
            }
        }
        Ok(FireAnswer::Taken { keys, more_after: times.last().copied().filter(|_| is_more) })
    }

    async fn take(&self, trigger: &Trigger, what: For<'_>) -> Result<FireAnswer, String> {
        let cause = what.cause.clone();
        match self.requester.request(trigger, what).await {
            Ok(start) => {
                let keys = start.key.clone().into_iter().collect();
                self.journal.note(trigger, start);
                Ok(FireAnswer::Taken { keys, more_after: None })
            }
            Err(NotTaken::Never(code, why)) => {
                self.journal.note(trigger, requester::refused(code, cause, why.clone()));
                Ok(refused(code, why))
            }
            Err(NotTaken::Later(error)) => Err(error.to_string()),
        }
    }
}

fn refused(code: ErrorCode, message: String) -> FireAnswer {
    FireAnswer::Refused { errors: vec![FieldError::new(code, message)] }
}
