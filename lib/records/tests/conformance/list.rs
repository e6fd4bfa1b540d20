//! The list of runs.

use emboflow_model::approval::Question;
use emboflow_model::workflow::OnTimeout;
use emboflow_model::{Change, RunId, RunState, TaskState, Timestamp, WorkflowName};
use emboflow_records::{Documents, Records, RecordsError, RunFilter, RunSort, RunSortKey};
use indexmap::IndexMap;

use crate::place::Place;
use crate::sample::{Log, Shape, key, project, run_id, step, task};

/// Writes runs: five at a time share each moment, and every fourth has not ended.
async fn write_runs(records: &dyn Records, count: u128, shape: impl Fn(u128) -> Shape) -> Vec<RunId> {
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    let start = log.now;
    let mut entries = Vec::new();
    for n in 0..count {
        log.now = start.plus_ms((n as u64 / 5) * 60_000);
        // Runs come in another order than their ids.
        let run = run_id((n * 7) % count);
        let whole = log.whole_run(run, &shape(n), [RunState::Succeeded, RunState::Failed][n as usize % 2]);
        let keep = if n % 4 == 3 { 2 } else { whole.len() };
        log.seq -= (whole.len() - keep) as u64;
        entries.extend_from_slice(&whole[..keep]);
    }
    records.put_derived(documents.project(0, &entries).unwrap()).await.unwrap();
    (0..count).map(run_id).collect()
}

async fn walk(records: &dyn Records, mut filter: RunFilter) -> Vec<emboflow_model::RunSummary> {
    let mut rows = Vec::new();
    loop {
        let page = records.runs(filter.clone()).await.unwrap();
        assert!(page.rows.len() <= filter.limit as usize);
        rows.extend(page.rows);
        filter.cursor = page.next;
        if filter.cursor.is_none() {
            return rows;
        }
    }
}

pub(crate) async fn pages_through_equal_values_lose_and_double_nothing(place: &Place) {
    let records = place.open().await;
    let all = write_runs(&*records, 43, |_| Shape::default()).await;
    for by in [RunSortKey::Created, RunSortKey::Finished, RunSortKey::Duration] {
        for descending in [false, true] {
            let sort = RunSort { by, descending };
            let filter = RunFilter { sort, limit: 4, ..RunFilter::of(project("default")) };
            let rows = walk(&*records, filter).await;
            let value = |run: &emboflow_model::RunSummary| match by {
                RunSortKey::Created => run.created_at.0,
                RunSortKey::Finished => run.finished_at.map_or(i64::MAX, |Timestamp(ms)| ms),
                RunSortKey::Duration => {
                    run.finished_at.map_or(i64::MAX, |Timestamp(ms)| ms - run.created_at.0)
                }
            };
            let order: Vec<_> = rows.iter().map(|run| (value(run), run.id)).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            if descending {
                sorted.reverse();
            }
            assert_eq!(order, sorted, "{sort}");
            let mut ids: Vec<_> = rows.iter().map(|run| run.id).collect();
            ids.sort_unstable();
            assert_eq!(ids, all, "{sort}");
        }
    }
}

pub(crate) async fn every_filter_keeps_only_what_it_names(place: &Place) {
    let records = place.open().await;
    write_runs(&*records, 24, |n| Shape {
        workflow: if n % 3 == 0 { "nightly-etl" } else { "digits" },
        labels: vec![("team", if n % 2 == 0 { "red" } else { "blue" }), ("n", "one.two")],
        project: if n < 20 { "default" } else { "other" },
        ..Shape::default()
    })
    .await;
    let everything = RunFilter { limit: 5, ..RunFilter::of(project("default")) };
    assert_eq!(walk(&*records, everything.clone()).await.len(), 20);
    assert_eq!(walk(&*records, RunFilter::of(project("other"))).await.len(), 4);
    assert_eq!(walk(&*records, RunFilter::of(project("nobody"))).await.len(), 0);

    let failed = RunFilter { states: vec![RunState::Failed, RunState::Running], ..everything.clone() };
    let rows = walk(&*records, failed).await;
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|run| matches!(run.state, RunState::Failed | RunState::Running)));

    let nightly =
        RunFilter { workflow: Some(WorkflowName::new("nightly-etl").unwrap()), ..everything.clone() };
    assert_eq!(walk(&*records, nightly.clone()).await.len(), 7);
    let red = RunFilter { label: Some(("team".to_owned(), "red".to_owned())), ..everything.clone() };
    assert_eq!(walk(&*records, red.clone()).await.len(), 10);
    let both = RunFilter { workflow: nightly.workflow, ..red };
    assert_eq!(walk(&*records, both).await.len(), 4);

    let search = |text: &str| RunFilter { search: Some(text.to_owned()), ..everything.clone() };
    assert_eq!(walk(&*records, search("LY-E")).await.len(), 7);
    assert_eq!(walk(&*records, search(&run_id(0).to_string()[10..])).await.len(), 1);
    for nothing in ["n.*y", "%", "_", "'", "\\", "(", "one.two"] {
        assert_eq!(walk(&*records, search(nothing)).await.len(), 0, "{nothing}");
    }
}

pub(crate) async fn the_runs_that_wait_for_people_are_found(place: &Place) {
    let records = place.open().await;
    let (mut log, asked, answered, quiet) = (Log::new(0), run_id(1), run_id(2), run_id(3));
    let question = Question {
        message: "Ship it?".to_owned(),
        inputs: IndexMap::new(),
        ends_at: None,
        on_timeout: OnTimeout::Fail,
    };
    let (task_asked, mut entries) = (key("train[0]"), Vec::new());
    for run in [asked, answered, quiet] {
        entries.push(log.accept(run, &Shape::default()));
        entries.push(log.change(run, vec![step(RunState::Queued, RunState::Running)]));
    }
    for run in [asked, answered] {
        let (task, question) = (task_asked.clone(), Box::new(question.clone()));
        entries.push(log.change(run, vec![Change::ApprovalAsked { task, question }]));
    }
    let ended = task("train[0]", TaskState::Waiting, TaskState::Cancelled);
    entries.push(log.change(answered, vec![ended]));
    records.put_derived(Documents::default().project(0, &entries).unwrap()).await.unwrap();
    let waiting = RunFilter { awaits_people: true, ..RunFilter::of(project("default")) };
    let found: Vec<RunId> = walk(&*records, waiting.clone()).await.iter().map(|run| run.id).collect();
    assert_eq!(found, [asked]);
    let paused = RunFilter { states: vec![RunState::Paused], ..waiting };
    assert_eq!(walk(&*records, paused).await.len(), 0);
}

pub(crate) async fn counts_follow_the_states(place: &Place) {
    let records = place.open().await;
    write_runs(&*records, 12, |_| Shape::default()).await;
    let counts = records.run_counts(&project("default")).await.unwrap();
    let expected = [(RunState::Running, 3), (RunState::Succeeded, 6), (RunState::Failed, 3)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
    assert!(records.run_counts(&project("nobody")).await.unwrap().is_empty());
}

pub(crate) async fn a_cursor_of_another_order_is_refused(place: &Place) {
    let records = place.open().await;
    write_runs(&*records, 3, |_| Shape::default()).await;
    let first = records.runs(RunFilter { limit: 1, ..RunFilter::of(project("default")) }).await.unwrap();
    let sort = RunSort { by: RunSortKey::Finished, descending: true };
    for (cursor, sort) in [(first.next, sort), (Some("garbage".to_owned()), RunSort::default())] {
        let filter = RunFilter { cursor, sort, ..RunFilter::of(project("default")) };
        let error = records.runs(filter).await.unwrap_err();
        assert!(matches!(error, RecordsError::BadCursor { .. }), "{error:?}");
    }
}
