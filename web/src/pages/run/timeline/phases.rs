//! The phases of a task's attempts as bars; pure.

use emboflow_model::{Attempt, Outcome, Task, TaskState, Timestamp};

use crate::format;

/// What a stretch of time went into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Queue,
    /// A person was asked, and had not answered.
    Asked,
    Image,
    Inputs,
    /// What carries the task out.
    Work(Carrier, Course),
    Store,
}

/// What carries a task out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Program,
    /// A run of another workflow.
    Run,
}

/// How it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Underway,
    Well,
    Badly,
    Stopped,
}

impl Phase {
    /// Class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            // What is asked waits too.
            Phase::Queue | Phase::Asked => "phase-queue",
            Phase::Image => "phase-prepare",
            Phase::Inputs => "phase-stage",
            Phase::Work(_, Course::Underway) => "phase-run",
            Phase::Work(_, Course::Well) => "phase-ok",
            Phase::Work(_, Course::Badly) => "phase-bad",
            Phase::Work(_, Course::Stopped) => "phase-stop",
            Phase::Store => "phase-finish",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::Queue => "Queue",
            Phase::Asked => "Waits for approval",
            Phase::Image => "Claim and image",
            Phase::Inputs => "Inputs and container",
            Phase::Work(Carrier::Program, Course::Underway) => "Program, running",
            Phase::Work(Carrier::Program, Course::Well) => "Program, ended well",
            Phase::Work(Carrier::Program, Course::Badly) => "Program, failed",
            Phase::Work(Carrier::Program, Course::Stopped) => "Program, stopped",
            Phase::Work(Carrier::Run, Course::Underway) => "Its run, under way",
            Phase::Work(Carrier::Run, Course::Well) => "Its run, ended well",
            Phase::Work(Carrier::Run, Course::Badly) => "Its run, failed",
            Phase::Work(Carrier::Run, Course::Stopped) => "Its run, cancelled",
            Phase::Store => "Log and outputs",
        }
    }
}

/// One stretch of time of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) phase: Phase,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Number of the attempt that it belongs to.
    pub(super) attempt: u32,
}

/// The bars of a task in order; what has not ended goes on until `now`.
pub(super) fn bars(task: &Task, now: Timestamp) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut waits_since = task.queued_at;
    for attempt in &task.attempts {
        if let Some(since) = waits_since {
            push(&mut bars, Phase::Queue, since, Some(attempt.dispatched_at), attempt.number, now);
        }
        of_attempt(&mut bars, attempt, now);
        waits_since = attempt.closed_at;
    }
    if let Some(approval) = &task.approval {
        let until = approval.decision.as_ref().map(|decision| decision.at).or(task.finished_at);
        push(&mut bars, Phase::Asked, approval.asked_at, until, 0, now);
    }
    if let Some(child) = &task.child {
        let asked_at = child.run.made_at();
        if let Some(since) = waits_since.take() {
            push(&mut bars, Phase::Queue, since, Some(asked_at), 0, now);
        }
        push(&mut bars, Phase::Work(Carrier::Run, course_of(task.state)), asked_at, task.finished_at, 0, now);
    }
    let waits = !task.state.is_terminal() && task.open_attempt().is_none();
    if let (true, Some(since)) = (waits, waits_since) {
        push(&mut bars, Phase::Queue, since, None, task.attempts.len() as u32 + 1, now);
    }
    bars
}

/// How the run goes that carries out a task in this state.
fn course_of(task: TaskState) -> Course {
    match task {
        TaskState::Succeeded | TaskState::Cached => Course::Well,
        TaskState::Cancelled => Course::Stopped,
        state if state.is_terminal() => Course::Badly,
        _ => Course::Underway,
    }
}

fn of_attempt(bars: &mut Vec<Bar>, attempt: &Attempt, now: Timestamp) {
    let times = attempt.times;
    let closed = attempt.closed_at;
    let outcome = attempt.end.as_ref().map(|end| end.outcome);
    let course = match outcome {
        // Before the end is known, a program that has exited is not running any more.
        None if times.exited_at.is_some() => Course::Well,
        None => Course::Underway,
        Some(Outcome::Succeeded) => Course::Well,
        Some(Outcome::Cancelled | Outcome::Preempted) => Course::Stopped,
        Some(Outcome::Failed | Outcome::TimedOut | Outcome::Lost | Outcome::Rejected) => Course::Badly,
    };
    let ran = Phase::Work(Carrier::Program, course);
    let number = attempt.number;
    let image_until = times.pulled_at.or(times.started_at).or(closed);
    // Where nobody has said when its image was there, most of the time went into what came after.
    let unsplit = times.pulled_at.is_none() && times.started_at.is_some();
    let first = if unsplit { Phase::Inputs } else { Phase::Image };
    push(bars, first, attempt.dispatched_at, image_until, number, now);
    if let Some(pulled) = times.pulled_at {
        push(bars, Phase::Inputs, pulled, times.started_at.or(closed), number, now);
    }
    if let Some(started) = times.started_at {
        push(bars, ran, started, times.exited_at.or(closed), number, now);
    }
    if let Some(exited) = times.exited_at {
        push(bars, Phase::Store, exited, times.stored_at.or(closed), number, now);
    }
    // An attempt that never ran shows its end in the colour of its outcome.
    if times.started_at.is_none()
        && outcome.is_some_and(|outcome| outcome != Outcome::Succeeded)
        && let Some(last) = bars.last_mut().filter(|bar| bar.attempt == number)
    {
        last.phase = ran;
    }
}

/// Times come from the clocks of two machines: a bar never ends before it begins, nor begins before the one before ends.
fn push(
    bars: &mut Vec<Bar>,
    phase: Phase,
    from: Timestamp,
    to: Option<Timestamp>,
    attempt: u32,
    now: Timestamp,
) {
    let from = bars.last().map_or(from, |last| last.to.max(from));
    let to = to.unwrap_or(now).max(from);
    bars.push(Bar { phase, from, to, attempt });
}

/// What the program or the run came to, or else the last phase there was: the one colour of a task too short for several.
pub(super) fn leading(bars: &[Bar]) -> Option<Phase> {
    bars.iter()
        .rev()
        .map(|bar| bar.phase)
        .find(|phase| matches!(phase, Phase::Work(..)))
        .or(bars.last().map(|bar| bar.phase))
}

/// How long attempts or a child run were under way, in milliseconds: waiting is no work.
pub(super) fn work_ms(bars: &[Bar]) -> u64 {
    bars.iter()
        .filter(|bar| !matches!(bar.phase, Phase::Queue | Phase::Asked))
        .map(|bar| bar.to.ms_since(bar.from))
        .sum()
}

/// The bars for a screen reader.
pub(super) fn in_words(bars: &[Bar]) -> String {
    let words: Vec<String> = bars
        .iter()
        .map(|bar| format!("{} {}", bar.phase.name(), format::duration(bar.to.ms_since(bar.from))))
        .collect();
    if words.is_empty() { "nothing yet".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::child::{self, Child};
    use emboflow_model::transition::{AttemptEnd, AttemptTimes};
    use emboflow_model::{
        AttemptState, Cause, ExecutorId, PoolName, ProjectName, Resources, RunId, TaskState,
    };

    const RUNNING: Phase = Phase::Work(Carrier::Program, Course::Underway);

    fn task() -> Task {
        let mut task =
            Task::new(RunId::from_bits(1), ProjectName::new("default").unwrap(), "train".parse().unwrap(), 0);
        task.queued_at = Some(Timestamp(100));
        task
    }

    fn attempt(times: AttemptTimes, outcome: Option<Outcome>) -> Attempt {
        let end = outcome.map(|outcome| AttemptEnd {
            outcome,
            cause: Cause::User,
            reason: None,
            message: None,
            exit_code: None,
            times,
            log: None,
            artifacts: Vec::new(),
            values: serde_json::Map::new(),
            image_digest: None,
            unseen: false,
        });
        Attempt {
            devices: Vec::new(),
            number: 1,
            state: if end.is_some() { AttemptState::Closed } else { AttemptState::Running },
            fence: 1,
            executor: ExecutorId::new("local").unwrap(),
            pool: PoolName::new("default").unwrap(),
            journal: "journal".to_owned(),
            resources: Resources::default(),
            dispatched_at: Timestamp(200),
            times,
            pull: None,
            stopping: None,
            closed_at: end.is_some().then_some(Timestamp(900)),
            end,
            gone_at: None,
        }
    }

    fn phases(task: &Task, now: i64) -> Vec<(Phase, i64, i64)> {
        bars(task, Timestamp(now)).iter().map(|bar| (bar.phase, bar.from.0, bar.to.0)).collect()
    }

    #[test]
    fn every_phase_of_a_good_attempt_is_a_bar() {
        let times = AttemptTimes {
            claimed_at: Some(Timestamp(210)),
            pulled_at: Some(Timestamp(300)),
            started_at: Some(Timestamp(400)),
            exited_at: Some(Timestamp(800)),
            stored_at: Some(Timestamp(850)),
        };
        let mut task = task();
        task.state = TaskState::Succeeded;
        task.attempts = vec![attempt(times, Some(Outcome::Succeeded))];
        assert_eq!(work_ms(&bars(&task, Timestamp(5_000))), 650, "waiting is no work");
        assert_eq!(
            phases(&task, 5_000),
            [
                (Phase::Queue, 100, 200),
                (Phase::Image, 200, 300),
                (Phase::Inputs, 300, 400),
                (Phase::Work(Carrier::Program, Course::Well), 400, 800),
                (Phase::Store, 800, 850)
            ]
        );
    }

    #[test]
    fn what_has_not_ended_grows_with_the_clock() {
        let times = AttemptTimes {
            pulled_at: Some(Timestamp(300)),
            started_at: Some(Timestamp(400)),
            ..Default::default()
        };
        let mut task = task();
        task.state = TaskState::Active;
        task.attempts = vec![attempt(times, None)];
        assert_eq!(phases(&task, 1_000).last(), Some(&(RUNNING, 400, 1_000)));
        assert_eq!(phases(&task, 2_000).last(), Some(&(RUNNING, 400, 2_000)));
    }

    #[test]
    fn a_run_that_carries_a_task_out_is_a_bar_from_its_making_to_the_end_of_the_task() {
        let mut task = task();
        task.state = TaskState::Active;
        let workflow = emboflow_model::WorkflowName::new("part").unwrap();
        let run = child::run_id(task.run, &task.key, Timestamp(300));
        task.child = Some(Box::new(Child { run, workflow, version: None, inputs: serde_json::Map::new() }));
        let under_way = Phase::Work(Carrier::Run, Course::Underway);
        assert_eq!(phases(&task, 1_000), [(Phase::Queue, 100, 300), (under_way, 300, 1_000)]);
        assert_eq!(work_ms(&bars(&task, Timestamp(1_000))), 700);
        (task.state, task.finished_at) = (TaskState::Failed, Some(Timestamp(800)));
        let failed = Phase::Work(Carrier::Run, Course::Badly);
        assert_eq!(phases(&task, 5_000), [(Phase::Queue, 100, 300), (failed, 300, 800)]);
        assert_eq!(leading(&bars(&task, Timestamp(5_000))), Some(failed));
    }

    #[test]
    fn clocks_that_disagree_never_draw_backwards() {
        let times = AttemptTimes {
            pulled_at: Some(Timestamp(150)),
            started_at: Some(Timestamp(160)),
            exited_at: Some(Timestamp(170)),
            ..Default::default()
        };
        let mut task = task();
        task.attempts = vec![attempt(times, None)];
        assert!(bars(&task, Timestamp(50)).iter().all(|bar| bar.from <= bar.to));
    }

    #[test]
    fn an_attempt_that_never_ran_is_drawn_as_failed() {
        let mut task = task();
        task.state = TaskState::Failed;
        task.attempts = vec![attempt(AttemptTimes::default(), Some(Outcome::Rejected))];
        assert_eq!(
            phases(&task, 5_000).last(),
            Some(&(Phase::Work(Carrier::Program, Course::Badly), 200, 900))
        );
    }
}
