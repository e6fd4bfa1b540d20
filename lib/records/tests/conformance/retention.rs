//! What is no longer kept.

use emboflow_model::{LogEntry, RunId, RunState, Timestamp};
use emboflow_records::{
    AppendError, Cursor, Documents, Records, Removal, RequestOutcome, RunFilter, TaskFilter, fresh_run,
    fresh_tasks, rebuild,
};

use crate::place::Place;
use crate::projection::append_and_project;
use crate::sample::{Log, Shape, project, run_id, step};

const LATER: Timestamp = Timestamp(i64::MAX - 1);

/// Runs that ended, one after the other, with a rejection between each two.
async fn ended_runs(records: &dyn Records, count: u128) -> (Log, Documents) {
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    for n in 1..=count {
        let shape = Shape { labels: vec![("team", "red")], ..Shape::default() };
        let mut entries = log.whole_run(run_id(n), &shape, RunState::Succeeded);
        entries.push(log.reject(&format!("rejected {n}")));
        append_and_project(records, &mut documents, &entries).await;
    }
    (log, documents)
}

async fn removal(records: &dyn Records, n: u128) -> Removal {
    Removal::from(&records.run(run_id(n)).await.unwrap().unwrap())
}

async fn listed(records: &dyn Records) -> Vec<u128> {
    let filter =
        RunFilter { label: Some(("team".to_owned(), "red".to_owned())), ..RunFilter::of(project("default")) };
    let rows = records.runs(filter).await.unwrap().rows;
    let mut numbers: Vec<_> =
        rows.iter().map(|row| (1..100).find(|n| run_id(*n) == row.id).unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

pub(crate) async fn a_removed_run_leaves_nothing_but_the_note_until_its_objects_are_gone(place: &Place) {
    let records = place.open().await;
    ended_runs(&*records, 3).await;
    let last = records.last_seq(0).await.unwrap();
    let gone = removal(&*records, 2).await;
    records.remove_run(0, gone.clone()).await.unwrap();

    assert_eq!(fresh_run(&*records, run_id(2)).await.unwrap(), None);
    assert_eq!(fresh_tasks(&*records, run_id(2), TaskFilter::default()).await.unwrap(), None);
    assert_eq!(records.history(run_id(2), 0, 100).await.unwrap(), []);
    let default = project("default");
    let request = records.request(&default, &format!("key of {}", run_id(2))).await.unwrap().unwrap();
    assert_eq!(request.ended_at, Some(gone.ended_at), "its key is still known");
    assert!(records.request(&default, "rejected 2").await.unwrap().is_some());
    assert_eq!(listed(&*records).await, [1, 3]);
    let counts = records.run_counts(&default).await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(RunState::Succeeded, 2)]);
    assert!(records.log_after(0, 0, 100).await.unwrap().iter().all(|entry| match entry {
        LogEntry::Transition(transition) => transition.run != run_id(2),
        LogEntry::Rejection(_) => true,
    }));
    assert_eq!(records.last_seq(0).await.unwrap(), last);
    assert_eq!(records.cursor(0, Cursor::Removed).await.unwrap(), gone.seq);

    assert_eq!(records.removal(run_id(2)).await.unwrap().as_ref(), Some(&gone));
    assert_eq!(records.removals(0, 10).await.unwrap(), [gone]);
    assert_eq!(records.removals(1, 10).await.unwrap(), []);
    assert_eq!(records.removals(0, 0).await.unwrap(), []);
    records.end_removal(run_id(2)).await.unwrap();
    records.end_removal(run_id(2)).await.unwrap();
    assert_eq!(records.removal(run_id(2)).await.unwrap(), None);
    assert_eq!(records.removals(0, 10).await.unwrap(), []);
}

pub(crate) async fn a_run_is_not_removed_while_another_one_repeats_it(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    // 2 repeats 1, 3 repeats 2, and 4 stands alone.
    for (n, repeats) in [(1, None), (2, Some(1)), (3, Some(2)), (4, None)] {
        let shape = Shape { repeats: repeats.map(run_id), ..Shape::default() };
        let entries = log.whole_run(run_id(n), &shape, RunState::Failed);
        append_and_project(&*records, &mut documents, &entries).await;
    }
    for expected in [vec![3, 4], vec![2, 4], vec![1, 4]] {
        let free = records.runs_to_remove(0, LATER, 10).await.unwrap();
        let ids: Vec<_> = free.iter().map(|run| run.id).collect();
        assert_eq!(ids, expected.iter().map(|n| run_id(*n)).collect::<Vec<_>>());
        // Blocked ones at the front do not use the page up.
        assert_eq!(records.runs_to_remove(0, LATER, 1).await.unwrap().len(), 1);
        records.remove_run(0, Removal::from(&free[0])).await.unwrap();
    }
    assert_eq!(records.runs_to_remove(0, LATER, 10).await.unwrap().len(), 1);
}

pub(crate) async fn a_run_is_not_removed_while_the_one_is_there_whose_task_it_carried_out(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    // 2 and 3 carry out tasks of 1, and 4 one of 2; 1 has not ended yet.
    append_and_project(&*records, &mut documents, &[log.accept(run_id(1), &Shape::default())]).await;
    for (n, parent) in [(2, 1), (3, 1), (4, 2)] {
        let shape = Shape { parent: Some(run_id(parent)), ..Shape::default() };
        let entries = log.whole_run(run_id(n), &shape, RunState::Succeeded);
        append_and_project(&*records, &mut documents, &entries).await;
    }
    assert_eq!(free(&*records).await, []);
    let end = log.change(run_id(1), vec![step(RunState::Queued, RunState::Cancelled)]);
    append_and_project(&*records, &mut documents, &[end]).await;
    for expected in [vec![1], vec![2, 3], vec![4]] {
        let expected: Vec<_> = expected.into_iter().map(run_id).collect();
        assert_eq!(free(&*records).await, expected);
        for run in expected {
            let ended = records.run(run).await.unwrap().unwrap();
            records.remove_run(0, Removal::from(&ended)).await.unwrap();
        }
    }
}

async fn free(records: &dyn Records) -> Vec<RunId> {
    let free = records.runs_to_remove(0, LATER, 10).await.unwrap();
    free.iter().map(|run| run.id).collect()
}

pub(crate) async fn runs_to_remove_are_those_that_ended_long_ago(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = ended_runs(&*records, 4).await;
    append_and_project(&*records, &mut documents, &[log.accept(run_id(5), &Shape::default())]).await;
    let third = records.run(run_id(3)).await.unwrap().unwrap().finished_at.unwrap();
    let ids = |runs: Vec<emboflow_model::RunSummary>| runs.iter().map(|run| run.id).collect::<Vec<_>>();
    let ended = records.runs_to_remove(0, third, 10).await.unwrap();
    assert_eq!(ids(ended), [run_id(1), run_id(2)]);
    assert_eq!(ids(records.runs_to_remove(0, LATER, 3).await.unwrap()), [1, 2, 3].map(run_id));
    assert_eq!(ids(records.runs_to_remove(0, LATER, 10).await.unwrap()), [1, 2, 3, 4].map(run_id));
    assert_eq!(ids(records.runs_to_remove(1, LATER, 10).await.unwrap()), []);
    assert_eq!(ids(records.runs_to_remove(0, LATER, 0).await.unwrap()), []);
}

pub(crate) async fn a_half_removed_run_can_be_removed_again_and_harms_no_rebuild(place: &Place) {
    let records = place.open().await;
    ended_runs(&*records, 3).await;
    let (first, second) = (removal(&*records, 1).await, removal(&*records, 2).await);
    for _ in 0..2 {
        records.remove_run(0, first.clone()).await.unwrap();
    }
    place.break_off_removal(&second).await;
    rebuild(&*records, 0).await.unwrap();
    assert_eq!(listed(&*records).await, [3]);
    assert_eq!(records.removals(0, 10).await.unwrap(), [first, second]);
    assert_eq!(fresh_run(&*records, run_id(2)).await.unwrap(), None);
    assert_eq!(records.open_runs(0).await.unwrap(), []);
    let key = format!("key of {}", run_id(1));
    let request = records.request(&project("default"), &key).await.unwrap().unwrap();
    assert!(request.ended_at.is_some(), "what derives from nothing any more is not cleared");
}

pub(crate) async fn old_requests_are_forgotten_with_the_entries_of_rejected_ones(place: &Place) {
    let records = place.open().await;
    ended_runs(&*records, 3).await;
    let all = records.requests_after(0, 0, 100).await.unwrap();
    assert_eq!(all.iter().map(|request| request.seq).collect::<Vec<_>>(), [1, 7, 8, 14, 15, 21]);
    let page = records.requests_after(0, 7, 2).await.unwrap();
    assert_eq!(page, all[2..4]);
    assert_eq!(records.requests_after(1, 0, 100).await.unwrap(), []);
    assert_eq!(records.requests_after(0, 0, 0).await.unwrap(), []);

    records.remove_requests(0, Vec::new()).await.unwrap();
    assert_eq!(records.cursor(0, Cursor::Removed).await.unwrap(), 0);
    for _ in 0..2 {
        records.remove_requests(0, all[..3].to_vec()).await.unwrap();
    }
    assert_eq!(records.requests_after(0, 0, 100).await.unwrap(), all[3..]);
    assert_eq!(records.cursor(0, Cursor::Removed).await.unwrap(), 7);
    let seqs: Vec<_> = records.log_after(0, 0, 100).await.unwrap().iter().map(LogEntry::seq).collect();
    assert_eq!(seqs, (1..=21).filter(|seq| *seq != 7).collect::<Vec<_>>());
    // The runs of forgotten requests stay.
    assert_eq!(listed(&*records).await, [1, 2, 3]);
}

pub(crate) async fn a_removed_place_stays_taken(place: &Place) {
    let records = place.open().await;
    let (mut log, _) = ended_runs(&*records, 1).await;
    let rejected = records.requests_after(0, 6, 1).await.unwrap();
    records.remove_requests(0, rejected).await.unwrap();
    assert_eq!(records.last_seq(0).await.unwrap(), 7, "although the newest entry is gone");

    // A scheduler that was away for longer than anything is kept goes on where it was.
    let mut stale = Log::new(0);
    stale.seq = 6;
    let zombie = vec![stale.reject("zombie"), stale.reject("zombie too")];
    let error = records.append(0, zombie).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { seq: 7 }), "{error:?}");
    let entries = records.log_after(0, 0, 100).await.unwrap();
    assert_eq!(entries.iter().map(LogEntry::seq).max(), Some(6), "nothing of it stays");
    records.append(0, vec![log.reject("next")]).await.unwrap();
    assert_eq!(records.last_seq(0).await.unwrap(), 8);
}

pub(crate) async fn a_removed_request_of_a_newer_decision_stays(place: &Place) {
    let records = place.open().await;
    let (mut log, mut documents) = (Log::new(0), Documents::default());
    append_and_project(&*records, &mut documents, &[log.reject("again")]).await;
    let old = records.requests_after(0, 0, 10).await.unwrap();
    append_and_project(&*records, &mut documents, &[log.reject("again")]).await;
    records.remove_requests(0, old).await.unwrap();
    let kept = records.request(&project("default"), "again").await.unwrap().unwrap();
    assert_eq!(kept.seq, 2);
    assert!(matches!(kept.outcome, RequestOutcome::Rejected(_)));
}
