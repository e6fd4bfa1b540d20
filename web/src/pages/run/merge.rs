//! Takes newer facts into older ones; what is older than what is shown changes nothing. Pure.

use emboflow_model::{RunSummary, Task};
use emboflow_protocol::event::RunRow;

/// A whole summary, as the API answers it.
pub(super) fn summary(known: &mut Option<RunSummary>, newer: RunSummary) {
    match known {
        Some(known) if known.version >= newer.version => {}
        _ => *known = Some(newer),
    }
}

/// What an event says of a run.
pub(super) fn row(known: &mut RunSummary, newer: &RunRow, seq: u64) {
    if known.version >= newer.version {
        return;
    }
    known.state = newer.state;
    known.reason.clone_from(&newer.reason);
    known.ending = newer.ending;
    known.tasks = newer.tasks.clone();
    known.started_at = newer.started_at;
    known.finished_at = newer.finished_at;
    known.version = newer.version;
    known.seq = seq;
}

/// Tasks, each at its position.
pub(super) fn tasks(known: &mut Vec<Task>, newer: Vec<Task>) {
    for task in newer {
        match known.binary_search_by_key(&task.position, |known| known.position) {
            Ok(place) if known[place].version > task.version => {}
            Ok(place) => known[place] = task,
            Err(place) => known.insert(place, task),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{ProjectName, RunId, TaskState};

    fn task(position: u32, version: u64, state: TaskState) -> Task {
        let project = ProjectName::new("default").unwrap();
        let mut task =
            Task::new(RunId::from_bits(1), project, format!("t[{position}]").parse().unwrap(), position);
        (task.version, task.state) = (version, state);
        task
    }

    #[test]
    fn tasks_stay_in_order_and_never_go_back() {
        let mut known = vec![task(0, 5, TaskState::Succeeded)];
        tasks(
            &mut known,
            vec![
                task(2, 1, TaskState::Waiting),
                task(1, 1, TaskState::Waiting),
                task(0, 4, TaskState::Active),
            ],
        );
        let positions: Vec<u32> = known.iter().map(|task| task.position).collect();
        assert_eq!(positions, [0, 1, 2]);
        assert_eq!(known[0].state, TaskState::Succeeded);
    }
}
