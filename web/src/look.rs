//! How a state looks: a word, an icon and a colour, always together.

use emboflow_model::{AttemptState, Outcome, RunState, TaskState};

use crate::icon::Icon;

/// What a colour stands for; the style sheet has one for each theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Ok,
    Run,
    Bad,
    Warn,
    Idle,
    Stop,
}

impl Tone {
    /// Class of the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Tone::Ok => "tone-ok",
            Tone::Run => "tone-run",
            Tone::Bad => "tone-bad",
            Tone::Warn => "tone-warn",
            Tone::Idle => "tone-idle",
            Tone::Stop => "tone-stop",
        }
    }
}

/// Word, icon and colour of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) word: &'static str,
    pub(crate) icon: Icon,
    pub(crate) tone: Tone,
}

const fn look(word: &'static str, icon: Icon, tone: Tone) -> Look {
    Look { word, icon, tone }
}

/// The look of a run's state.
pub(crate) fn of_run(state: RunState) -> Look {
    match state {
        RunState::Queued => look("Queued", Icon::Clock, Tone::Idle),
        RunState::Running => look("Running", Icon::Spinner, Tone::Run),
        RunState::Paused => look("Paused", Icon::Pause, Tone::Warn),
        RunState::Cancelling => look("Cancelling", Icon::Spinner, Tone::Stop),
        RunState::Succeeded => look("Succeeded", Icon::Check, Tone::Ok),
        RunState::Failed => look("Failed", Icon::Cross, Tone::Bad),
        RunState::TimedOut => look("Timed out", Icon::Alarm, Tone::Bad),
        RunState::Cancelled => look("Cancelled", Icon::Stop, Tone::Stop),
    }
}

/// The look of what waits for a person.
pub(crate) const ASKS: Look = look("Waits for approval", Icon::Person, Tone::Warn);

/// The look of a task's state.
pub(crate) fn of_task(state: TaskState) -> Look {
    match state {
        TaskState::Waiting => look("Waiting", Icon::Dots, Tone::Idle),
        TaskState::Queued => look("Queued", Icon::Clock, Tone::Idle),
        TaskState::Active => look("Active", Icon::Spinner, Tone::Run),
        TaskState::Succeeded => look("Succeeded", Icon::Check, Tone::Ok),
        TaskState::Cached => look("Cached", Icon::Reuse, Tone::Ok),
        TaskState::Skipped => look("Skipped", Icon::Skip, Tone::Idle),
        TaskState::Failed => look("Failed", Icon::Cross, Tone::Bad),
        TaskState::UpstreamFailed => look("Upstream failed", Icon::Broken, Tone::Warn),
        TaskState::Cancelled => look("Cancelled", Icon::Stop, Tone::Stop),
    }
}

/// The look of an attempt that is under way, or of its outcome.
pub(crate) fn of_attempt(state: AttemptState, outcome: Option<Outcome>) -> Look {
    match outcome {
        None => match state {
            AttemptState::Dispatched => look("Dispatched", Icon::Clock, Tone::Idle),
            AttemptState::Preparing => look("Preparing", Icon::Spinner, Tone::Run),
            AttemptState::Running => look("Running", Icon::Spinner, Tone::Run),
            AttemptState::Finishing => look("Finishing", Icon::Spinner, Tone::Run),
            AttemptState::Closed => look("Closed", Icon::Dots, Tone::Idle),
        },
        Some(Outcome::Succeeded) => look("Succeeded", Icon::Check, Tone::Ok),
        Some(Outcome::Failed) => look("Failed", Icon::Cross, Tone::Bad),
        Some(Outcome::TimedOut) => look("Timed out", Icon::Alarm, Tone::Bad),
        Some(Outcome::Cancelled) => look("Cancelled", Icon::Stop, Tone::Stop),
        Some(Outcome::Preempted) => look("Preempted", Icon::Skip, Tone::Warn),
        Some(Outcome::Lost) => look("Lost", Icon::Broken, Tone::Bad),
        Some(Outcome::Rejected) => look("Rejected", Icon::Cross, Tone::Bad),
    }
}

/// The order in which the parts of a whole are drawn: what needs attention first.
pub(crate) const TASK_STATES: [TaskState; 9] = [
    TaskState::Failed,
    TaskState::UpstreamFailed,
    TaskState::Cancelled,
    TaskState::Succeeded,
    TaskState::Cached,
    TaskState::Active,
    TaskState::Queued,
    TaskState::Waiting,
    TaskState::Skipped,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_one_colour_differ_in_icon_or_word() {
        let looks: Vec<Look> = RunState::ALL.iter().map(|state| of_run(*state)).collect();
        for (place, one) in looks.iter().enumerate() {
            assert!(looks.iter().skip(place + 1).all(|other| other.word != one.word));
        }
    }

    #[test]
    fn every_task_state_has_a_place_in_the_order() {
        assert!(TaskState::ALL.iter().all(|state| TASK_STATES.contains(state)));
    }
}
