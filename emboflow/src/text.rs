//! Durations, sizes, moments and states as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

use emboflow_model::approval::Approval;
use emboflow_model::{RunId, RunState, TaskKey, TaskState, Timestamp};

use crate::output::Colour;

/// The moment, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// `420 ms`, `3.2 s`, `4 min 5 s`, `2 h 3 min`, `5 d 2 h`.
pub(crate) fn duration(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// `3 min ago`: only the largest unit.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let ms = now.ms_since(at);
    match ms {
        0..1_000 => "now".to_owned(),
        1_000..60_000 => format!("{} s ago", ms / 1_000),
        60_000..3_600_000 => format!("{} min ago", ms / 60_000),
        3_600_000..86_400_000 => format!("{} h ago", ms / 3_600_000),
        _ => format!("{} d ago", ms / 86_400_000),
    }
}

/// `512 B`, `1.5 KiB`, `20 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10 / 1_024;
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths /= 1_024;
        unit += 1;
    }
    match tenths {
        0..100 => format!("{}.{} {}", tenths / 10, tenths % 10, units[unit]),
        _ => format!("{} {}", tenths / 10, units[unit]),
    }
}

/// `2`, `0.5`: cores of thousandths of them.
pub(crate) fn cores(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Shape and colour of a run's state.
pub(crate) fn run_mark(state: RunState) -> (&'static str, Colour) {
    match state {
        RunState::Queued => ("○", Colour::Grey),
        RunState::Running => ("●", Colour::Blue),
        RunState::Paused => ("⏸", Colour::Yellow),
        RunState::Cancelling => ("◌", Colour::Yellow),
        RunState::Succeeded => ("✓", Colour::Green),
        RunState::Failed => ("✗", Colour::Red),
        RunState::TimedOut => ("⧖", Colour::Red),
        RunState::Cancelled => ("⊘", Colour::Yellow),
    }
}

/// Shape and colour of a task's state.
pub(crate) fn task_mark(state: TaskState) -> (&'static str, Colour) {
    match state {
        TaskState::Waiting | TaskState::Queued => ("○", Colour::Grey),
        TaskState::Active => ("●", Colour::Blue),
        TaskState::Succeeded | TaskState::Cached => ("✓", Colour::Green),
        TaskState::Skipped => ("–", Colour::Grey),
        TaskState::Failed => ("✗", Colour::Red),
        TaskState::UpstreamFailed => ("↯", Colour::Red),
        TaskState::Cancelled => ("⊘", Colour::Yellow),
    }
}

/// An exit code in words, where a number alone says little.
pub(crate) fn exit_code(code: i32) -> String {
    let meaning = match code {
        126 => "the command is not executable",
        127 => "the command was not found",
        130 => "interrupted",
        137 => "killed",
        139 => "crashed: it touched memory that is not its own",
        143 => "terminated",
        _ => return format!("exit code {code}"),
    };
    format!("exit code {code}: {meaning}")
}

/// How an approval is answered on the command line, with a value for each input that has no other.
pub(crate) fn how_to_answer(run: RunId, task: &TaskKey, approval: &Approval) -> String {
    let required = approval.question.inputs.iter().filter(|(_, input)| input.is_required());
    let inputs: String = required.map(|(name, _)| format!(" --input {name}=…")).collect();
    format!("emboflow run approve {run} {task}{inputs}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_ages_read_like_a_person_says_them() {
        let read = [0, 999, 3_250, 59_999, 245_000, 7_380_000, 439_200_000].map(duration);
        assert_eq!(read, ["0 ms", "999 ms", "3.2 s", "59.9 s", "4 min 5 s", "2 h 3 min", "5 d 2 h"]);
        let age = |ms: i64| ago(Timestamp(0), Timestamp(ms));
        assert_eq!([age(5), age(61_000), age(-5)], ["now", "1 min ago", "now"]);
    }

    #[test]
    fn sizes_keep_two_digits() {
        let read = [0, 1_023, 1_536, 20 << 20, 3 << 40, u64::MAX].map(size);
        assert_eq!(read, ["0 B", "1023 B", "1.5 KiB", "20 MiB", "3.0 TiB", "15 EiB"]);
        assert_eq!([2_000, 500, 1_250].map(cores), ["2", "0.5", "1.25"]);
    }
}
