//! The phases of a task's attempts as bars; pure.

use emboflow_model::{Attempt, Outcome, Task, Timestamp};

use crate::format;

/// What a stretch of time went into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Queue,
    /// A person was asked, and had not answered.
    Asked,
    Image,
    Inputs,
    /// The program, which still runs.
    Running,
    /// The program, which ended well.
    Ended,
    /// The program, which ended badly.
    Failed,
    /// The program, which was stopped.
    Stopped,
    Store,
}

impl Phase {
    /// Class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            // What is asked waits too.
            Phase::Queue | Phase::Asked => "phase-queue",
            Phase::Image => "phase-prepare",
            Phase::Inputs => "phase-stage",
            Phase::Running => "phase-run",
            Phase::Ended => "phase-ok",
            Phase::Failed => "phase-bad",
            Phase::Stopped => "phase-stop",
            Phase::Store => "phase-finish",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::Queue => "Queue",
            Phase::Asked => "Waits for approval",
            Phase::Image => "Claim and image",
            Phase::Inputs => "Inputs and container",
            Phase::Running => "Program, running",
            Phase::Ended => "Program, ended well",
            Phase::Failed => "Program, failed",
            Phase::Stopped => "Program, stopped",
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
    let waits = !task.state.is_terminal() && task.open_attempt().is_none();
    if let (true, Some(since)) = (waits, waits_since) {
        push(&mut bars, Phase::Queue, since, None, task.attempts.len() as u32 + 1, now);
    }
    bars
}

fn of_attempt(bars: &mut Vec<Bar>, attempt: &Attempt, now: Timestamp) {
    let times = attempt.times;
    let closed = attempt.closed_at;
    let outcome = attempt.end.as_ref().map(|end| end.outcome);
    let ran = match outcome {
        None => Phase::Running,
        Some(Outcome::Succeeded) => Phase::Ended,
        Some(Outcome::Cancelled | Outcome::Preempted) => Phase::Stopped,
        Some(Outcome::Failed | Outcome::TimedOut | Outcome::Lost | Outcome::Rejected) => Phase::Failed,
    };
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
        // Before the end is known, a program that has exited is not running any more.
        let phase = if outcome.is_none() && times.exited_at.is_some() { Phase::Ended } else { ran };
        push(bars, phase, started, times.exited_at.or(closed), number, now);
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

/// What the program came to, or else the last phase there was: the one colour of a task too short for several.
pub(super) fn leading(bars: &[Bar]) -> Option<Phase> {
    let program = [Phase::Running, Phase::Ended, Phase::Failed, Phase::Stopped];
    bars.iter()
        .rev()
        .map(|bar| bar.phase)
        .find(|phase| program.contains(phase))
        .or(bars.last().map(|bar| bar.phase))
}

/// How long attempts were under way, in milliseconds: waiting is no work.
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
    use emboflow_model::transition::{AttemptEnd, AttemptTimes};
    use emboflow_model::{
        AttemptState, Cause, ExecutorId, PoolName, ProjectName, Resources, RunId, TaskState,
    };

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
                (Phase::Ended, 400, 800),
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
        assert_eq!(phases(&task, 1_000).last(), Some(&(Phase::Running, 400, 1_000)));
        assert_eq!(phases(&task, 2_000).last(), Some(&(Phase::Running, 400, 2_000)));
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
        assert_eq!(phases(&task, 5_000).last(), Some(&(Phase::Failed, 200, 900)));
    }
}
