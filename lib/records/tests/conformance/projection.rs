//! Documents derived from the log, and reads that are never behind it.

use std::sync::Arc;

use emboflow_model::run::Run;
use emboflow_model::{LogEntry, RunId, RunState, RunSummary, Task, TaskState};
use emboflow_records::{
    Cursor, Documents, Records, RequestOutcome, RunFilter, TaskFilter, catch_up, fresh_request, fresh_run,
    fresh_task, fresh_tasks, rebuild,
};

use crate::place::Place;
use crate::sample::{Log, Shape, key, opened, project, run_id, step, task};

pub(crate) async fn append_and_project(
    records: &dyn Records,
    documents: &mut Documents,
    entries: &[Arc<LogEntry>],
) {
    records.append(0, entries.to_vec()).await.unwrap();
    records.put_derived(documents.project(0, entries).unwrap()).await.unwrap();
}

/// Everything derived of some runs.
async fn derived(records: &dyn Records, runs: &[RunId]) -> Vec<(Option<RunSummary>, Vec<Task>)> {
    let mut all = Vec::new();
    for run in runs {
        let tasks = records.tasks(*run, TaskFilter::default()).await.unwrap();
        all.push((records.run(*run).await.unwrap(), tasks));
    }
    all
}

/// What the log itself says of a run.
async fn folded(records: &dyn Records, run: RunId) -> (Option<RunSummary>, Vec<Task>) {
    let run = Run::fold(&records.history(run, 0, 10_000).await.unwrap()).unwrap().unwrap();
    (Some(run.summary), run.tasks.into_values().collect())
}

pub(crate) async fn an_older_document_never_replaces_a_newer_one(place: &Place) {
    let records = place.open().await;
    let entries = Log::new(0).whole_run(run_id(1), &Shape::default(), RunState::Succeeded);
    records.append(0, entries.clone()).await.unwrap();
    let older = Documents::default().project(0, &entries[..2]).unwrap();
    let newer = Documents::default().project(0, &entries).unwrap();
    records.put_derived(newer).await.unwrap();
    records.put_derived(older).await.unwrap();
    assert_eq!(derived(&*records, &[run_id(1)]).await, [folded(&*records, run_id(1)).await]);
    assert_eq!(records.cursor(0, Cursor::Projection).await.unwrap(), 6);
    let counts = records.run_counts(&project("default")).await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(RunState::Succeeded, 1)]);
}

pub(crate) async fn what_stood_for_a_fan_out_is_hidden_however_late_its_document_comes(place: &Place) {
    let records = place.open().await;
    let run = run_id(1);
    let mut log = Log::new(0);
    let shape = Shape { dynamic: true, ..Shape::default() };
    let matrix =
        ["a", "b"].map(|part| serde_json::Map::from_iter([("part".to_owned(), part.into())])).to_vec();
    let fans_out = emboflow_model::Change::FannedOut { spec: "train".parse().unwrap(), matrix };
    let queued = task("train[1]", TaskState::Waiting, TaskState::Queued);
    let entries = vec![log.accept(run, &shape), log.change(run, vec![fans_out, queued])];
    records.append(0, entries.clone()).await.unwrap();
    let older = Documents::default().project(0, &entries[..1]).unwrap();
    let newer = Documents::default().project(0, &entries).unwrap();

    records.put_derived(older.clone()).await.unwrap();
    assert!(records.task(run, &key("train")).await.unwrap().is_some());
    let (summary, tasks) = folded(&*records, run).await;
    let keys: Vec<String> = tasks.iter().map(|task| task.key.to_string()).collect();
    assert_eq!(keys, ["prepare", "train[0]", "train[1]"]);
    assert_eq!(fresh_run(&*records, run).await.unwrap(), summary);
    let fresh = fresh_tasks(&*records, run, TaskFilter::default()).await.unwrap().unwrap();
    assert_eq!(fresh, tasks, "the documents are behind");
    assert_eq!(fresh_task(&*records, run, &key("train[1]")).await.unwrap().as_ref(), tasks.last());
    assert_eq!(fresh_task(&*records, run, &key("train")).await.unwrap(), None);

    records.put_derived(newer).await.unwrap();
    records.put_derived(older).await.unwrap();
    assert_eq!(derived(&*records, &[run]).await, [(summary, tasks.clone())]);
    assert_eq!(records.task(run, &key("train")).await.unwrap(), None);
    let waiting = TaskFilter { states: vec![TaskState::Waiting], ..TaskFilter::default() };
    let waiting = records.tasks(run, waiting).await.unwrap();
    assert_eq!(waiting.iter().map(|task| task.key.to_string()).collect::<Vec<_>>(), ["train[0]"]);
}

pub(crate) async fn open_runs_are_those_that_have_not_ended(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let entries: Vec<_> = (1..=3).map(|n| log.accept(run_id(n), &Shape::default())).collect();
    append_and_project(&*records, &mut documents, &entries).await;
    let end = log.change(run_id(2), vec![step(RunState::Queued, RunState::Cancelled)]);
    append_and_project(&*records, &mut documents, &[end]).await;
    assert_eq!(records.open_runs(0).await.unwrap(), [run_id(1), run_id(3)]);
    assert_eq!(records.open_runs(1).await.unwrap(), []);
}

pub(crate) async fn a_request_is_found_by_its_key(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let entries = [log.accept(run_id(1), &Shape::default()), log.reject("no/good"), log.reject("no/good")];
    append_and_project(&*records, &mut documents, &entries).await;
    let default = project("default");
    let accepted = records.request(&default, &format!("key of {}", run_id(1))).await.unwrap().unwrap();
    assert_eq!(accepted.outcome, RequestOutcome::Accepted(run_id(1)));
    assert_eq!((accepted.seq, accepted.body_sha256.as_str()), (1, "ab".repeat(32).as_str()));
    let rejected = records.request(&default, "no/good").await.unwrap().unwrap();
    assert!(
        matches!(&rejected.outcome, RequestOutcome::Rejected(errors) if errors.len() == 1),
        "{rejected:?}"
    );
    assert_eq!(rejected.seq, 3, "the later decision on a key counts");
    assert_eq!(records.request(&default, "never sent").await.unwrap(), None);
    assert_eq!(records.request(&project("other"), "no/good").await.unwrap(), None);
}

pub(crate) async fn a_request_is_found_in_the_log_before_it_has_a_document(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    append_and_project(&*records, &mut documents, &[log.reject("a"), log.reject("b")]).await;
    let newer: Vec<_> = (0..1_100).map(|number| log.reject(&format!("newer {number}"))).collect();
    records.append(0, newer).await.unwrap();
    records.append(0, vec![log.reject("b"), log.accept(run_id(1), &Shape::default())]).await.unwrap();
    let accepted = format!("key of {}", run_id(1));
    let expected =
        [("a", Some(1)), ("b", Some(1_103)), ("newer 7", Some(10)), (&accepted, Some(1_104)), ("c", None)];
    for (key, seq) in expected {
        let found = fresh_request(&*records, 0, &project("default"), key).await.unwrap();
        assert_eq!(found.map(|found| found.seq), seq, "{key}");
    }
    assert_eq!(fresh_request(&*records, 0, &project("other"), "a").await.unwrap(), None);
}

pub(crate) async fn many_requests_are_found_in_the_order_asked(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let entries: Vec<_> = (0..1_200).map(|number| log.reject(&format!("key {number}"))).collect();
    append_and_project(&*records, &mut documents, &entries).await;
    let asked: Vec<_> = (0..2_400)
        .rev()
        .map(|number| (project(if number % 3 == 0 { "other" } else { "default" }), format!("key {number}")))
        .chain([(project("default"), "key 7".to_owned()), (project("default"), "key 7".to_owned())])
        .collect();
    let found = records.requests(&asked).await.unwrap();
    assert_eq!(found.len(), asked.len());
    for ((asked_project, key), found) in asked.iter().zip(found) {
        let number: u64 = key.strip_prefix("key ").unwrap().parse().unwrap();
        let expected = (asked_project.as_str() == "default" && number < 1_200).then_some(number + 1);
        assert_eq!(found.map(|found| found.seq), expected, "{key}");
    }
    assert_eq!(records.requests(&[]).await.unwrap(), []);
}

/// Several runs side by side in one log, some of them ended.
fn mixed_log() -> Vec<Arc<LogEntry>> {
    let mut log = Log::new(0);
    let mut entries = vec![log.accept(run_id(9), &Shape::default())];
    for n in 1..=4 {
        let end = if n % 2 == 0 { RunState::Failed } else { RunState::Succeeded };
        entries.extend(log.whole_run(run_id(n), &Shape { fan_out: n as u32, ..Shape::default() }, end));
        entries.push(log.reject(&format!("rejected {n}")));
    }
    entries
        .push(log.change(run_id(9), vec![step(RunState::Queued, RunState::Running), opened("prepare", 1)]));
    // A report that came after the end.
    entries.push(log.change(run_id(1), vec![task("train[0]", TaskState::Active, TaskState::Cancelled)]));
    entries
}

pub(crate) async fn a_rebuild_makes_the_same_documents(place: &Place) {
    let records = place.open().await;
    let runs: Vec<_> = [1, 2, 3, 4, 9].map(run_id).into();
    records.append(0, mixed_log()).await.unwrap();
    let through = catch_up(&*records, 0, &mut Documents::default()).await.unwrap();
    let before = derived(&*records, &runs).await;
    let counts = records.run_counts(&project("default")).await.unwrap();
    for (document, run) in before.iter().zip(&runs) {
        assert_eq!(*document, folded(&*records, *run).await);
    }

    records.clear_derived(0).await.unwrap();
    assert_eq!(records.run(run_id(1)).await.unwrap(), None);
    assert!(records.run_counts(&project("default")).await.unwrap().is_empty());
    assert_eq!(records.cursor(0, Cursor::Projection).await.unwrap(), 0);
    assert_eq!(rebuild(&*records, 0).await.unwrap(), through);
    assert_eq!(derived(&*records, &runs).await, before);
    assert_eq!(records.run_counts(&project("default")).await.unwrap(), counts);
    assert_eq!(records.cursor(0, Cursor::Projection).await.unwrap(), through);
    assert!(records.request(&project("default"), "rejected 2").await.unwrap().is_some());
}

pub(crate) async fn following_the_log_in_pieces_makes_the_same_documents(place: &Place) {
    let records = place.open().await;
    for piece in mixed_log().chunks(4) {
        records.append(0, piece.to_vec()).await.unwrap();
        // As after a restart each time: nothing is in memory.
        catch_up(&*records, 0, &mut Documents::default()).await.unwrap();
    }
    for run in [1, 2, 3, 4, 9].map(run_id) {
        assert_eq!(derived(&*records, &[run]).await, [folded(&*records, run).await]);
    }
}

pub(crate) async fn a_run_of_a_thousand_tasks_is_read_in_pages(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let shape = Shape { fan_out: 999, ..Shape::default() };
    let failed = vec![task("train[7]", TaskState::Waiting, TaskState::Failed)];
    let entries = [log.accept(run_id(1), &shape), log.change(run_id(1), failed)];
    append_and_project(&*records, &mut documents, &entries).await;

    let mut filter = TaskFilter { limit: 300, ..TaskFilter::default() };
    let mut positions = Vec::new();
    loop {
        let page = records.tasks(run_id(1), filter.clone()).await.unwrap();
        positions.extend(page.iter().map(|task| task.position));
        filter.after_position = page.last().map(|task| task.position);
        if page.len() < 300 {
            break;
        }
    }
    assert_eq!(positions, (0..1000).collect::<Vec<_>>());

    let failed = TaskFilter { states: vec![TaskState::Failed], ..TaskFilter::default() };
    let found = records.tasks(run_id(1), failed).await.unwrap();
    assert_eq!(found.iter().map(|task| task.key.to_string()).collect::<Vec<_>>(), ["train[7]"]);
    let prepare = TaskFilter { name: Some("prepare".to_owned()), ..TaskFilter::default() };
    assert_eq!(records.tasks(run_id(1), prepare).await.unwrap().len(), 1);
    let last = records.task(run_id(1), &key("train[998]")).await.unwrap().unwrap();
    assert_eq!((last.position, last.state), (999, TaskState::Waiting));
    assert_eq!(records.task(run_id(1), &key("train[999]")).await.unwrap(), None);
    let summary = records.run(run_id(1)).await.unwrap().unwrap();
    assert_eq!(summary.tasks.total, 1000);
    assert!(serde_json::to_string(&summary).unwrap().len() < 2_000);
}

pub(crate) async fn a_run_is_found_before_it_is_projected(place: &Place) {
    let records = place.open().await;
    let entries = Log::new(0).whole_run(run_id(1), &Shape::default(), RunState::Succeeded);
    records.append(0, entries[..3].to_vec()).await.unwrap();
    assert_eq!(records.run(run_id(1)).await.unwrap(), None);
    let expected = folded(&*records, run_id(1)).await;
    assert_eq!(fresh_run(&*records, run_id(1)).await.unwrap(), expected.0);
    assert_eq!(
        fresh_tasks(&*records, run_id(1), TaskFilter::default()).await.unwrap(),
        Some(expected.1.clone())
    );
    assert_eq!(fresh_task(&*records, run_id(1), &key("train[1]")).await.unwrap().as_ref(), expected.1.last());
    assert_eq!(fresh_task(&*records, run_id(1), &key("train[2]")).await.unwrap(), None);
    assert_eq!(fresh_run(&*records, run_id(2)).await.unwrap(), None);
    assert_eq!(fresh_tasks(&*records, run_id(2), TaskFilter::default()).await.unwrap(), None);
    assert_eq!(fresh_task(&*records, run_id(2), &key("train[1]")).await.unwrap(), None);
}

pub(crate) async fn newer_transitions_are_folded_on_top_of_documents(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let shape = Shape { fan_out: 5, ..Shape::default() };
    append_and_project(&*records, &mut documents, &[log.accept(run_id(1), &shape)]).await;
    let (waiting, queued) = (TaskState::Waiting, TaskState::Queued);
    let moved = vec![task("train[1]", waiting, queued), task("train[3]", waiting, queued)];
    records.append(0, vec![log.change(run_id(1), moved)]).await.unwrap();

    let expected = folded(&*records, run_id(1)).await;
    assert_eq!(fresh_run(&*records, run_id(1)).await.unwrap(), expected.0);
    assert_eq!(
        fresh_tasks(&*records, run_id(1), TaskFilter::default()).await.unwrap(),
        Some(expected.1.clone())
    );
    assert_eq!(fresh_task(&*records, run_id(1), &key("train[3]")).await.unwrap().unwrap().state, queued);
    // Pages of tasks in a state, where the documents still say otherwise.
    for (state, keys) in
        [(queued, ["prepare", "train[1]", "train[3]"]), (waiting, ["train[0]", "train[2]", "train[4]"])]
    {
        let mut filter = TaskFilter { states: vec![state], limit: 2, ..TaskFilter::default() };
        let mut found = Vec::new();
        loop {
            let page = fresh_tasks(&*records, run_id(1), filter.clone()).await.unwrap().unwrap();
            found.extend(page.iter().map(|task| task.key.to_string()));
            filter.after_position = page.last().map(|task| task.position);
            if page.len() < 2 {
                break;
            }
        }
        assert_eq!(found, keys);
    }
    let listed = records.runs(RunFilter::of(project("default"))).await.unwrap();
    assert_eq!(listed.rows.len(), 1);
}
