//! Results that are found by what decided them.

use std::sync::Arc;

use emboflow_model::{Change, LogEntry, RunId, RunState, TaskState, Timestamp};
use emboflow_records::{Documents, Records, Removal, rebuild};

use crate::place::Place;
use crate::projection::append_and_project;
use crate::sample::{Log, Shape, closed, key, opened, project, run_id, step, task};

const LATER: Timestamp = Timestamp(i64::MAX - 1);

/// A run whose first task comes to `end` under a key, a second after each entry.
fn keyed(log: &mut Log, run: RunId, shape: &Shape, content: &str, end: TaskState) -> Vec<Arc<LogEntry>> {
    let accepted = log.accept(run, shape);
    let keyed = Change::TaskKeyed { task: key("prepare"), key: content.to_owned() };
    let active = task("prepare", TaskState::Queued, TaskState::Active);
    let began =
        log.change(run, vec![keyed, step(RunState::Queued, RunState::Running), active, opened("prepare", 1)]);
    let over = vec![closed("prepare", 1), task("prepare", TaskState::Active, end)];
    vec![accepted, began, log.change(run, over)]
}

fn ends(log: &mut Log, run: RunId) -> Arc<LogEntry> {
    log.change(run, vec![step(RunState::Running, RunState::Succeeded)])
}

/// Which run made the result that another one finds.
async fn made_by(records: &dyn Records, project_name: &str, content: &str, before: u128) -> Option<RunId> {
    let found = records.result(&project(project_name), content, run_id(before)).await.unwrap();
    found.map(|task| {
        assert_eq!((task.result_key(), task.artifacts.len()), (Some(content), 1));
        task.run
    })
}

pub(crate) async fn the_newest_result_of_an_earlier_run_is_found_by_its_key(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let other = Shape { project: "other", ..Shape::default() };
    let shape = Shape::default();
    let mut entries = Vec::new();
    entries.extend(keyed(&mut log, run_id(1), &shape, "one", TaskState::Succeeded));
    entries.extend(keyed(&mut log, run_id(3), &shape, "one", TaskState::Succeeded));
    // Younger, and of a run that came before.
    entries.extend(keyed(&mut log, run_id(2), &shape, "one", TaskState::Succeeded));
    entries.extend(keyed(&mut log, run_id(4), &shape, "one", TaskState::Failed));
    entries.extend(keyed(&mut log, run_id(5), &shape, "two", TaskState::Succeeded));
    entries.extend(keyed(&mut log, run_id(6), &other, "three", TaskState::Succeeded));
    append_and_project(&*records, &mut documents, &entries).await;
    for again in [false, true] {
        if again {
            rebuild(&*records, 0).await.unwrap();
        }
        assert_eq!(made_by(&*records, "default", "one", 9).await, Some(run_id(2)), "the newest");
        assert_eq!(made_by(&*records, "default", "one", 2).await, Some(run_id(1)));
        assert_eq!(made_by(&*records, "default", "one", 1).await, None, "no run gives itself anything");
        assert_eq!(made_by(&*records, "default", "two", 9).await, Some(run_id(5)));
        assert_eq!(made_by(&*records, "default", "three", 9).await, None, "of another project");
        assert_eq!(made_by(&*records, "other", "three", 9).await, Some(run_id(6)));
    }
}

pub(crate) async fn a_result_goes_with_its_run_which_stays_while_another_one_uses_it(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let shape = Shape::default();
    let mut entries = keyed(&mut log, run_id(1), &shape, "one", TaskState::Succeeded);
    entries.push(ends(&mut log, run_id(1)));
    entries.push(log.accept(run_id(2), &shape));
    let taken = Change::TaskTakenOver {
        task: key("prepare"),
        from_run: run_id(1),
        artifacts: Vec::new(),
        values: serde_json::Map::new(),
        log: None,
        from_task: Some(key("prepare")),
        key: Some("one".to_owned()),
    };
    let cached = task("prepare", TaskState::Queued, TaskState::Cached);
    entries.push(log.change(run_id(2), vec![step(RunState::Queued, RunState::Running), taken, cached]));
    entries.push(ends(&mut log, run_id(2)));
    append_and_project(&*records, &mut documents, &entries).await;
    assert_eq!(made_by(&*records, "default", "one", 9).await, Some(run_id(1)), "not who took it over");
    for expected in [2, 1] {
        let free = records.runs_to_remove(0, LATER, 10).await.unwrap();
        assert_eq!(free.iter().map(|run| run.id).collect::<Vec<_>>(), [run_id(expected)]);
        records.remove_run(0, Removal::from(&free[0])).await.unwrap();
    }
    assert_eq!(made_by(&*records, "default", "one", 9).await, None);
}
