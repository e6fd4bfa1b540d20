//! A trigger as the API shows it.

use emboflow_model::trigger::{Schedule, TriggerKind, TriggerState};
use emboflow_model::workflow::triggers::ScheduleSpec;
use emboflow_model::{ProjectName, Timestamp};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::{TriggerTime, TriggerTimes, TriggerView};
use emboflow_protocol::trigger::MAX_BACKFILL;

use super::KeptTrigger;
use crate::app::now;
use crate::problem::{Failure, Outcome};

/// With the text of its file, and without what changes by itself: its `ETag` is that of its document.
pub(crate) fn full(project: &ProjectName, trigger: &KeptTrigger) -> TriggerView {
    let document = &trigger.document;
    let spec = &document.spec;
    let hook =
        matches!(spec.on, TriggerKind::Webhook(_)).then(|| format!("/hooks/{project}/{}", trigger.name));
    TriggerView {
        name: trigger.name.clone(),
        workflow: spec.workflow.clone(),
        kind: spec.on.word().to_owned(),
        summary: summary(&spec.on),
        spec: spec.clone(),
        declared_by: document.declared_by.clone(),
        source: document.source.clone(),
        paused: document.paused.clone(),
        next: None,
        last: None,
        hook,
        created_at: document.created_at,
        changed_at: document.changed_at,
    }
}

/// Without the text, but with its next time and newest start.
pub(crate) fn row(project: &ProjectName, trigger: &KeptTrigger, state: &TriggerState) -> TriggerView {
    let document = &trigger.document;
    let next = match &document.spec.on {
        _ if document.paused.is_some() => None,
        TriggerKind::Schedule(table) => next_time(table, &document.id, state),
        TriggerKind::ObjectCreated(_) => next_look(state),
        _ => None,
    };
    TriggerView { source: None, next, last: state.history.front().cloned(), ..full(project, trigger) }
}

/// The next times of a table. Errors: the table is one that this version cannot read.
pub(crate) fn times(spec: &ScheduleSpec, id: &str, count: usize) -> Outcome<TriggerTimes> {
    let table = table(spec)?;
    let times = table.next(now(), count).into_iter().map(|at| time(&table, id, at)).collect();
    let (sentence, timezone) = (table.sentence(), table.zone().to_owned());
    Ok(TriggerTimes { sentence, timezone, times, in_range: None, more_after: None })
}

/// What a backfill of this range would start; its first `count` times are named. Errors: as above.
pub(crate) fn times_between(
    spec: &ScheduleSpec,
    id: &str,
    (from, to): (Timestamp, Timestamp),
    count: usize,
) -> Outcome<TriggerTimes> {
    let table = table(spec)?;
    let mut all = table.between(from, to, MAX_BACKFILL + 1);
    let is_more = all.len() > MAX_BACKFILL;
    all.truncate(MAX_BACKFILL);
    Ok(TriggerTimes {
        sentence: table.sentence(),
        timezone: table.zone().to_owned(),
        times: all.iter().take(count).map(|at| time(&table, id, *at)).collect(),
        in_range: Some(all.len() as u32),
        more_after: all.last().copied().filter(|_| is_more),
    })
}

fn table(spec: &ScheduleSpec) -> Outcome<Schedule> {
    Schedule::new(spec).map_err(|error| Failure::new(ErrorCode::WorkflowInvalid, error.to_string()))
}

/// The first time that is neither past nor dealt with.
fn next_time(spec: &ScheduleSpec, id: &str, state: &TriggerState) -> Option<TriggerTime> {
    let table = Schedule::new(spec).ok()?;
    let after = state.watermark.map_or_else(now, |known| known.max(now()));
    Some(time(&table, id, table.after(after)?))
}

/// When it looks through the storage next, whatever it hears before.
fn next_look(state: &TriggerState) -> Option<TriggerTime> {
    let at = state.objects.as_ref()?.next_at?;
    Some(TriggerTime { at, local: format!("{at}[UTC]"), due_at: at, clock_change: None })
}

fn time(table: &Schedule, id: &str, at: Timestamp) -> TriggerTime {
    TriggerTime {
        at,
        local: table.local_text(at),
        due_at: table.due_at(id, at),
        clock_change: table.clock_change(at),
    }
}

fn summary(on: &TriggerKind) -> String {
    match on {
        TriggerKind::Schedule(spec) => {
            Schedule::new(spec).map_or_else(|error| error.to_string(), |table| table.sentence())
        }
        TriggerKind::Nats(spec) => match (&spec.stream, &spec.subject) {
            (Some(stream), Some(filter)) => format!("Each message of stream {stream} on {filter}"),
            (Some(stream), None) => format!("Each message of stream {stream}"),
            (None, subject) => format!("Each message on {}", subject.as_deref().unwrap_or("nothing")),
        },
        TriggerKind::Webhook(spec) => format!("Each request signed with the secret {}", spec.secret),
        TriggerKind::RunFinished(spec) => {
            let states: Vec<_> = spec.states.iter().map(|state| state.word()).collect();
            format!("Each run of {} that ends as {}", spec.workflow, states.join(" or "))
        }
        TriggerKind::ObjectCreated(spec) => {
            format!("Each new object {}{}", spec.prefix, spec.pattern.as_deref().unwrap_or("…"))
        }
    }
}
