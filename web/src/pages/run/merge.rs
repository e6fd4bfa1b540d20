//! Takes newer facts into older ones; what is older than what is shown changes nothing. Pure.

use emboflow_model::transition::PlannedSpec;
use emboflow_model::{RunSummary, Task};
use emboflow_protocol::event::RunRow;
use emboflow_protocol::progress::Progress;

/// A whole summary, as the API answers it.
pub(super) fn summary(known: &mut Option<RunSummary>, newer: RunSummary) {
    match known {
        Some(known) if known.version >= newer.version => untold(known, &newer),
        _ => *known = Some(newer),
    }
}

/// What events do not tell: the graph, which changes when a task fans out, and what the run gives in the end. Both become
/// only more, so that what is read is never older.
fn untold(known: &mut RunSummary, newer: &RunSummary) {
    if known.outputs.is_none() {
        known.outputs.clone_from(&newer.outputs);
    }
    let is_new =
        |(known, newer): (&PlannedSpec, &PlannedSpec)| known.fan_out.is_none() && newer.fan_out.is_some();
    if known.graph.iter().zip(newer.graph.iter()).any(is_new) {
        known.graph = newer.graph.clone();
    }
}

/// Takes away what stood for fan-outs whose tasks are there.
pub(super) fn drop_replaced(tasks: &mut Vec<Task>, graph: &[PlannedSpec]) {
    let fans_out =
        |task: &Task| graph.iter().any(|spec| spec.name == task.key.name && spec.fan_out.is_some());
    tasks.retain(|task| task.key.index.is_some() || !fans_out(task));
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
    known.approvals = newer.approvals.clone();
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

/// Tasks as an event has them, which knows nothing of pulls.
pub(super) fn tasks_of_event(known: &mut Vec<Task>, mut newer: Vec<Task>) {
    for task in &mut newer {
        if let Ok(place) = known.binary_search_by_key(&task.position, |known| known.position) {
            task.keep_pull_of(&known[place]);
        }
    }
    tasks(known, newer);
}

/// How far an attempt is: the place of its task and what that becomes, when it shows something else then.
pub(super) fn progress(known: &[Task], progress: &Progress) -> Option<(usize, Task)> {
    let place = known.iter().position(|task| task.key == progress.attempt.task)?;
    let mut task = known[place].clone();
    task.show_pull(progress.attempt.number, progress.pull.clone()).then_some((place, task))
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{AttemptId, ImagePull, ProjectName, RunId, TaskState};

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

    #[test]
    fn the_tasks_of_a_fan_out_take_the_place_of_what_stood_for_it() {
        let run = |version: u64, fan_out: Option<u32>| -> RunSummary {
            serde_json::from_value(serde_json::json!({
                "id": RunId::from_bits(1), "project": "default", "workflow": "w", "digest": "sha256:0",
                "state": "running", "key": "k", "trace_id": "0",
                "graph": [{"name": "t", "dynamic": true, "fan_out": fan_out}],
                "tasks": {"total": 1, "by_state": {}}, "created_at": "2026-11-21T13:00:00.000Z",
                "version": version, "seq": version,
            }))
            .unwrap()
        };
        let mut known = Some(run(4, None));
        summary(&mut known, run(3, Some(2)));
        let graph = known.as_ref().unwrap().graph.clone();
        assert_eq!((known.unwrap().version, graph[0].fan_out), (4, Some(2)));
        let mut stands = task(0, 1, TaskState::Waiting);
        stands.key = "t".parse().unwrap();
        let mut shown = vec![stands.clone()];
        tasks(&mut shown, vec![task(0, 3, TaskState::Queued), task(1, 3, TaskState::Queued)]);
        let keys: Vec<String> = shown.iter().map(|task| task.key.to_string()).collect();
        assert_eq!(keys, ["t[0]", "t[1]"]);
        let mut shown = vec![stands];
        drop_replaced(&mut shown, &graph);
        assert!(shown.is_empty(), "it fanned out over nothing");
    }

    #[test]
    fn a_pull_is_shown_over_events_until_the_image_is_there() {
        let attempt = serde_json::json!({"number": 1, "state": "preparing", "fence": 1, "executor": "e1",
            "pool": "default", "journal": "j", "resources": {}, "dispatched_at": "2026-11-21T13:00:00.000Z"});
        let preparing = |version| {
            let mut task = task(0, version, TaskState::Active);
            task.attempts.push(serde_json::from_value(attempt.clone()).unwrap());
            task
        };
        let mut known = vec![preparing(2)];
        let pull = Some(ImagePull::of("debian:12"));
        let id = AttemptId { run: RunId::from_bits(1), task: "t[0]".parse().unwrap(), number: 1 };
        let mut news = Progress {
            project: ProjectName::new("default").unwrap(),
            attempt: id,
            executor: "e1".parse().unwrap(),
            pull: pull.clone(),
        };
        let (place, newer) = progress(&known, &news).unwrap();
        known[place] = newer;
        assert_eq!(progress(&known, &news), None, "nothing else is shown");
        tasks_of_event(&mut known, vec![preparing(3)]);
        assert_eq!((known[0].version, &known[0].attempts[0].pull), (3, &pull));
        tasks(&mut known, vec![preparing(3)]);
        assert_eq!(known[0].attempts[0].pull, None, "the API knows of pulls: its answer is taken as it is");
        known[0].attempts[0].pull = pull;
        news.pull = None;
        assert_eq!(progress(&known, &news).unwrap().1.attempts[0].pull, None);
    }
}
