//! The spans of a run that the scheduler knows of: request, run, task, wait, attempt and its end. Told from what was
//! decided, after it is in the records; a restart tells some of them again, under the same ids.

use std::collections::HashMap;

use emboflow_model::{Attempt, AttemptId, RunId, RunState, RunSummary, Task, TaskState, Timestamp};
use emboflow_protocol::trace::{attempt_span, intake_span, phase_span, run_span, task_span};
use emboflow_service::Tracer;
use emboflow_service::trace::Span;

use super::message::Message;
use crate::planner::Input;

/// Who asked for the runs of a message, and when it was taken; nothing where nobody receives spans.
pub(super) struct Asked {
    callers: Vec<(String, u64)>,
    published_at: Timestamp,
}

impl Asked {
    pub(super) fn of(tracer: &Tracer, message: &Message, published_at: Timestamp) -> Self {
        let requests = if tracer.is_on() { message.requests() } else { &[] };
        Self {
            callers: requests.iter().map(|request| (request.key.clone(), request.caller_span)).collect(),
            published_at,
        }
    }

    /// Tells of the requests that became `inputs`.
    pub(super) fn tell(self, tracer: &Tracer, inputs: &[Input], now: Timestamp) {
        if self.callers.is_empty() {
            return;
        }
        for input in inputs {
            let (Input::Submit(submission) | Input::Recover { submission, .. }) = input else { continue };
            let key = &submission.accepted.key;
            let caller = self.callers.iter().find(|(asked, _)| asked == key).map_or(0, |(_, span)| *span);
            tracer.tell(Span {
                trace_id: submission.accepted.trace_id.clone(),
                id: intake_span(submission.run),
                parent: caller,
                name: "request",
                is_entry: true,
                from_ms: self.published_at.0,
                to_ms: now.0,
                attributes: vec![
                    ("emboflow.project", submission.project.to_string()),
                    ("emboflow.run", submission.run.to_string()),
                ],
                error: None,
            });
        }
    }
}

/// Tells what ended at `now`.
pub(super) fn tell(tracer: &Tracer, runs: &[RunSummary], tasks: &[Task], now: Timestamp) {
    if !tracer.is_on() {
        return;
    }
    for run in runs {
        if run.finished_at == Some(now) {
            tracer.tell(of_run(run, now));
        }
    }
    let traces: HashMap<RunId, &str> = runs.iter().map(|run| (run.id, run.trace_id.as_str())).collect();
    for task in tasks {
        let Some(trace_id) = traces.get(&task.run) else { continue };
        of_task(task, now).into_iter().for_each(|span| {
            tracer.tell(Span { trace_id: (*trace_id).to_owned(), ..span });
        });
    }
}

fn of_run(run: &RunSummary, now: Timestamp) -> Span {
    Span {
        trace_id: run.trace_id.clone(),
        id: run_span(run.id),
        parent: intake_span(run.id),
        name: "run",
        is_entry: false,
        from_ms: run.created_at.0,
        to_ms: now.0,
        attributes: vec![
            ("emboflow.project", run.project.to_string()),
            ("emboflow.workflow", run.workflow.to_string()),
            ("emboflow.run", run.id.to_string()),
            ("emboflow.result", run.state.word().to_owned()),
        ],
        error: (run.state != RunState::Succeeded).then(|| run.state.word().to_owned()),
    }
}

/// Its trace is filled in by the caller.
fn of_task(task: &Task, now: Timestamp) -> Vec<Span> {
    let blank = Span {
        trace_id: String::new(),
        id: 0,
        parent: task_span(task.run, &task.key),
        name: "",
        is_entry: false,
        from_ms: 0,
        to_ms: now.0,
        attributes: vec![("emboflow.run", task.run.to_string()), ("emboflow.task", task.key.to_string())],
        error: None,
    };
    let mut spans = Vec::new();
    let mut ready_at = task.queued_at;
    for attempt in &task.attempts {
        let id = AttemptId { run: task.run, task: task.key.clone(), number: attempt.number };
        if let Some(from) = ready_at.filter(|_| attempt.dispatched_at == now) {
            let wait = phase_span(&id, "queue wait");
            spans.push(Span { id: wait, name: "queue wait", from_ms: from.0, ..blank.clone() });
        }
        if attempt.closed_at == Some(now) {
            spans.extend(of_attempt(&id, attempt, &blank));
        }
        ready_at = attempt.closed_at;
    }
    if let (Some(finished_at), Some(queued_at)) = (task.finished_at, task.queued_at)
        && finished_at == now
    {
        let is_well = task.state == TaskState::Succeeded;
        spans.push(Span {
            id: blank.parent,
            parent: run_span(task.run),
            name: "task",
            from_ms: queued_at.0,
            error: (!is_well).then(|| task.message.clone().unwrap_or_else(|| task.state.word().to_owned())),
            ..blank
        });
    }
    spans
}

fn of_attempt(id: &AttemptId, attempt: &Attempt, blank: &Span) -> Vec<Span> {
    let number = ("emboflow.attempt", attempt.number.to_string());
    let executor = ("emboflow.executor", attempt.executor.to_string());
    let attributes: Vec<_> = blank.attributes.iter().cloned().chain([number, executor]).collect();
    let end = attempt.end.as_ref();
    let error = end.filter(|end| end.reason.is_some()).map(|end| {
        let reason = end.reason.map_or("", |reason| reason.word());
        end.message.as_ref().map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}"))
    });
    let whole = attempt_span(id);
    let mut spans = vec![Span {
        id: whole,
        name: "attempt",
        from_ms: attempt.dispatched_at.0,
        attributes: attributes.clone(),
        error,
        ..blank.clone()
    }];
    // The executor's clock told when all was stored, ours tells when the end was accepted.
    let stored_at = end.and_then(|end| end.times.stored_at.or(end.times.exited_at));
    if let Some(stored_at) = stored_at {
        let id = phase_span(id, "end");
        spans.push(Span {
            id,
            parent: whole,
            name: "end",
            from_ms: stored_at.0,
            attributes,
            ..blank.clone()
        });
    }
    spans
}
