//! Starts that somebody asks for: a try, a backfill, a request to a webhook. Asked by the API, answered once the
//! requests are safely taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub(crate) struct Recent(Arc<Mutex<VecDeque<Known>>>);

struct Known {
    project: ProjectName,
    key: String,
    is_taken: bool,
}

/// How far a request is that has come before.
#[derive(Debug, PartialEq, Eq)]
enum Before {
    /// Nobody knows yet whether it will be taken.
    UnderWay,
    Taken,
}

/// A request that is under way; dropped before it is taken, it has never come.
struct UnderWay<'r> {
    recent: &'r Recent,
    project: &'r ProjectName,
    key: &'r str,
}

impl Recent {
    /// Remembers a request from now on. Errors: it has come before.
    fn begin<'r>(&'r self, project: &'r ProjectName, key: &'r str) -> Result<UnderWay<'r>, Before> {
        let mut all = self.all();
        if let Some(before) = all.iter().find(|known| known.is(project, key)) {
            return Err(if before.is_taken { Before::Taken } else { Before::UnderWay });
        }
        all.push_front(Known { project: project.clone(), key: key.to_owned(), is_taken: false });
        all.truncate(MAX_RECENT);
        Ok(UnderWay { recent: self, project, key })
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is(&self, project: &ProjectName, key: &str) -> bool {
        self.project == *project && self.key == key
    }
}

impl UnderWay<'_> {
    fn taken(self) {
        if let Some(known) = self.recent.all().iter_mut().find(|known| known.is(self.project, self.key)) {
            known.is_taken = true;
        }
    }
}

impl Drop for UnderWay<'_> {
    /// The sender may send it again.
    fn drop(&mut self) {
        self.recent.all().retain(|known| known.is_taken || !known.is(self.project, self.key));
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
        let under_way = match self.recent.begin(&trigger.project, &key) {
            Ok(under_way) => under_way,
            Err(Before::Taken) => return Ok(FireAnswer::Replayed { key: key.clone() }),
            // Its sender must not take it for done: the first one may still fail.
            Err(Before::UnderWay) => {
                return Err("the same request is being taken at this moment".to_owned());
            }
        };
        let known = fresh_request(self.records.as_ref(), SHARD, &trigger.project, &key).await;
        let answer = match known {
            Ok(Some(_)) => Ok(FireAnswer::Replayed { key: key.clone() }),
            Ok(None) => {
                let cause = format!("webhook request {}", id.chars().take(80).collect::<String>());
                self.take(trigger, For { reason, cause, event, chain: Chain::default() }).await
            }
            Err(error) => Err(error.to_string()),
        };
        if matches!(answer, Ok(FireAnswer::Taken { .. })) {
            under_way.taken();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_comes_again_is_known_only_when_the_first_one_was_taken() {
        let (recent, lab) = (Recent::default(), "lab".parse::<ProjectName>().unwrap());
        let first = recent.begin(&lab, "key").ok().unwrap();
        assert_eq!(recent.begin(&lab, "key").err(), Some(Before::UnderWay));
        // It was not taken, or whoever dealt with it was broken off.
        drop(first);
        let again = recent.begin(&lab, "key").ok().unwrap();
        again.taken();
        assert_eq!(recent.begin(&lab, "key").err(), Some(Before::Taken));
        let other = "other".parse::<ProjectName>().unwrap();
        assert!(recent.begin(&other, "key").is_ok() && recent.begin(&lab, "another").is_ok());
    }
}
