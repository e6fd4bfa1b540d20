//! A trigger with a time table: waits for the next time, starts its run, and moves the watermark.

use std::time::Duration;

use emboflow_model::trigger::{
    Chain, Event, Reason, Schedule, Start, StartResult, TriggerState, idempotency_key,
};
use emboflow_model::workflow::triggers::{Overlap, ScheduleSpec};
use emboflow_model::{RunId, Timestamp};
use emboflow_records::{SharedRecords, fresh_run};

use crate::journal::Journal;
use crate::kept::{Trigger, now};
use crate::measure;
use crate::requester::{For, NotTaken, Requester, refused};

/// The longest sleep: somebody may set the clock.
const LONGEST_SLEEP_MS: u64 = 10_000;
/// A request that is not decided after so long is published again.
const DECIDED_WITHIN_MS: u64 = 60_000;

/// What is needed to keep a time table.
pub(crate) struct Keeping<'a> {
    pub(crate) requester: &'a Requester,
    pub(crate) journal: &'a Journal,
    pub(crate) records: &'a SharedRecords,
    pub(crate) trigger: &'a Trigger,
}

/// What the policy for overlaps says about a time.
enum Turn {
    Start,
    Skip(String),
    Replace(RunId),
}

impl Keeping<'_> {
    /// Keeps the table, until it has no more times. Errors: the records or NATS are away; nothing that was due is lost.
    pub(crate) async fn keep(&self, spec: &ScheduleSpec) -> anyhow::Result<()> {
        let table = Schedule::new(spec)?;
        let document = &self.trigger.document;
        loop {
            let state = self.journal.state(self.trigger).await?;
            let watermark =
                state.watermark.map_or(document.counts_from, |known| known.max(document.counts_from));
            let now = now();
            let due = table.due(&document.id, watermark, now);
            let missed = due.missed.map(|missed| {
                measure::count_missed(missed.count);
                let cause = format!("{} times from {} to {}", missed.count, missed.first, missed.last);
                let message = Some("nothing could be started then".to_owned());
                (
                    missed.last,
                    Start {
                        at: now,
                        cause,
                        result: StartResult::Missed,
                        key: None,
                        run: None,
                        code: None,
                        message,
                    },
                )
            });
            if let Some((last, start)) = missed {
                self.journal.advance(self.trigger, last, Some(start)).await?;
            }
            for time in &due.start {
                self.start(&table, *time).await?;
            }
            let Some(wake_at) = due.wake_at else { return Ok(()) };
            let sleep = wake_at.ms_since(crate::kept::now()).min(LONGEST_SLEEP_MS);
            tokio::time::sleep(Duration::from_millis(sleep)).await;
        }
    }

    async fn start(&self, table: &Schedule, time: Timestamp) -> anyhow::Result<()> {
        let cause = time.to_string();
        let key = idempotency_key(&self.trigger.document.id, &Reason::Time(time));
        let state = self.journal.state(self.trigger).await?;
        let start = match self.turn(table, &state, &key).await? {
            Turn::Skip(why) => {
                let message = Some(why);
                Start {
                    at: now(),
                    cause,
                    result: StartResult::Skipped,
                    key: None,
                    run: None,
                    code: None,
                    message,
                }
            }
            Turn::Replace(run) => {
                self.requester.replace(self.trigger, run, &key).await?;
                self.request(table, time, cause).await?
            }
            Turn::Start => self.request(table, time, cause).await?,
        };
        self.journal.advance(self.trigger, time, Some(start)).await?;
        Ok(())
    }

    async fn request(&self, table: &Schedule, time: Timestamp, cause: String) -> anyhow::Result<Start> {
        let event = Event::time(time, &table.local_text(time)).into_value();
        let what = For { reason: Reason::Time(time), cause: cause.clone(), event, chain: Chain::default() };
        match self.requester.request(self.trigger, what).await {
            Ok(start) => {
                measure::observe_lag(now().ms_since(table.due_at(&self.trigger.document.id, time)));
                Ok(start)
            }
            Err(NotTaken::Never(code, why)) => Ok(refused(code, cause, why)),
            Err(later) => Err(later.into()),
        }
    }

    /// Publishes a request again that nobody has decided for long: NATS may have lost it. It has the same key, so that it
    /// is the same request wherever it was not lost.
    async fn ask_again(&self, table: &Schedule, before: &Start) -> anyhow::Result<()> {
        let is_old = now().ms_since(before.at) > DECIDED_WITHIN_MS;
        if let (true, Ok(time)) = (is_old, before.cause.parse()) {
            self.request(table, time, before.cause.clone()).await?;
        }
        Ok(())
    }

    /// Whether it is this time's turn, with the run that was started before.
    async fn turn(&self, table: &Schedule, state: &TriggerState, key: &str) -> anyhow::Result<Turn> {
        let before = state.newest_request().filter(|before| before.key.as_deref() != Some(key));
        let (Some(before), false) = (before, table.overlap == Overlap::Allow) else { return Ok(Turn::Start) };
        let run = match before.run {
            Some(run) => Some(run),
            None => match self.journal.decided(self.trigger, before).await? {
                Some(decided) if decided.run.is_none() => return Ok(Turn::Start),
                Some(decided) => decided.run,
                None => None,
            },
        };
        let Some(run) = run else {
            self.ask_again(table, before).await?;
            // The scheduler has not decided: its run may begin any moment.
            anyhow::ensure!(table.overlap == Overlap::Skip, "the request before is not decided yet");
            return Ok(Turn::Skip("the request before is not decided yet".to_owned()));
        };
        let is_open =
            fresh_run(self.records.as_ref(), run).await?.is_some_and(|run| !run.state.is_terminal());
        Ok(match table.overlap {
            _ if !is_open => Turn::Start,
            Overlap::Skip => Turn::Skip(format!("run {run} still goes on")),
            Overlap::Replace => Turn::Replace(run),
            Overlap::Allow => Turn::Start,
        })
    }
}
