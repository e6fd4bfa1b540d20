//! The decision log.

use std::collections::HashMap;
use std::sync::Arc;

use emboflow_model::{LogEntry, RunState, Transition};
use emboflow_records::{AppendError, Cursor, Records};

use crate::place::Place;
use crate::sample::{Log, Shape, run_id, step};

fn owned(entries: &[Arc<LogEntry>]) -> Vec<LogEntry> {
    entries.iter().map(|entry| entry.as_ref().clone()).collect()
}

fn transitions(entries: &[Arc<LogEntry>]) -> Vec<Transition> {
    let transition = |entry: &Arc<LogEntry>| match entry.as_ref() {
        LogEntry::Transition(transition) => Some(transition.clone()),
        LogEntry::Rejection(_) => None,
    };
    entries.iter().filter_map(transition).collect()
}

async fn seqs(records: &dyn Records, shard: u32) -> Vec<u64> {
    records.log_after(shard, 0, 10_000).await.unwrap().iter().map(LogEntry::seq).collect()
}

pub(crate) async fn entries_are_read_back_unchanged_and_in_order(place: &Place) {
    let records = place.open().await;
    assert_eq!(records.last_seq(0).await.unwrap(), 0);
    records.append(0, Vec::new()).await.unwrap();
    let mut log = Log::new(0);
    let mut entries = log.whole_run(run_id(1), &Shape::default(), RunState::Succeeded);
    entries.push(log.reject("bad one"));
    let other = log.whole_run(run_id(2), &Shape::default(), RunState::Failed);
    records.append(0, entries.clone()).await.unwrap();
    records.append(0, other.clone()).await.unwrap();

    let all: Vec<_> = entries.iter().chain(&other).cloned().collect();
    assert_eq!(records.last_seq(0).await.unwrap(), all.len() as u64);
    assert_eq!(records.log_after(0, 0, 100).await.unwrap(), owned(&all));
    assert_eq!(records.log_after(0, 3, 2).await.unwrap(), owned(&all[3..5]));
    assert_eq!(records.log_after(0, 0, 0).await.unwrap(), []);
    assert_eq!(records.log_after(0, all.len() as u64, 10).await.unwrap(), []);

    assert_eq!(records.history(run_id(1), 0, 100).await.unwrap(), transitions(&entries));
    assert_eq!(records.history(run_id(1), 1, 2).await.unwrap(), transitions(&entries[1..3]));
    assert_eq!(records.history(run_id(3), 0, 100).await.unwrap(), []);
    let histories = records.histories(vec![run_id(2), run_id(3), run_id(1)]).await.unwrap();
    assert_eq!(histories, [transitions(&other), Vec::new(), transitions(&entries)]);
}

pub(crate) async fn logs_of_shards_are_apart(place: &Place) {
    let records = place.open().await;
    for shard in [0, 1, 12] {
        let entries = Log::new(shard).whole_run(run_id(shard.into()), &Shape::default(), RunState::Failed);
        records.append(shard, entries[..=shard.min(3) as usize].to_vec()).await.unwrap();
    }
    assert_eq!(seqs(&*records, 0).await, [1]);
    assert_eq!(seqs(&*records, 1).await, [1, 2]);
    assert_eq!(records.last_seq(12).await.unwrap(), 4);
    assert_eq!(records.last_seq(2).await.unwrap(), 0);
}

pub(crate) async fn a_taken_place_is_a_conflict_that_names_it(place: &Place) {
    let records = place.open().await;
    let mut log = Log::new(0);
    let mine = log.whole_run(run_id(1), &Shape::default(), RunState::Succeeded);
    let theirs = Log::new(0).whole_run(run_id(2), &Shape::default(), RunState::Succeeded);
    records.append(0, mine.clone()).await.unwrap();

    let error = records.append(0, theirs).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { seq: 1 }), "{error:?}");
    // The very same entries again are a conflict too: only the caller can know that they were its own.
    let error = records.append(0, mine[2..].to_vec()).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { seq: 3 }), "{error:?}");
    assert_eq!(records.log_after(0, 0, 100).await.unwrap(), owned(&mine));
    assert_eq!(records.history(run_id(2), 0, 100).await.unwrap(), []);
}

pub(crate) async fn a_taken_number_of_a_run_is_a_conflict(place: &Place) {
    let records = place.open().await;
    let mut log = Log::new(0);
    records.append(0, vec![log.accept(run_id(1), &Shape::default())]).await.unwrap();
    // The same run begins again at a later place.
    let again = log.accept(run_id(1), &Shape::default());
    let after = log.reject("after it");
    let error = records.append(0, vec![again, after]).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { seq: 2 }), "{error:?}");
    assert_eq!(seqs(&*records, 0).await, [1]);
}

pub(crate) async fn a_batch_that_conflicts_half_way_leaves_a_prefix(place: &Place) {
    let records = place.open().await;
    let mut log = Log::new(0);
    records.append(0, vec![log.accept(run_id(1), &Shape::default())]).await.unwrap();
    let running = log.change(run_id(1), vec![step(RunState::Queued, RunState::Running)]);
    let duplicate = Log::new(0).accept(run_id(1), &Shape::default());
    let LogEntry::Transition(mut duplicate) = duplicate.as_ref().clone() else { unreachable!() };
    duplicate.seq = 3;
    log.seq = 3;
    let last = log.reject("last");
    let batch = vec![running.clone(), Arc::new(LogEntry::Transition(duplicate)), last];

    let error = records.append(0, batch).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { seq: 3 }), "{error:?}");
    let left = seqs(&*records, 0).await;
    assert!(left == [1] || left == [1, 2], "{left:?}");
}

pub(crate) async fn a_disordered_batch_is_refused_whole(place: &Place) {
    let records = place.open().await;
    let mut log = Log::new(0);
    let entries: Vec<_> = (0..3).map(|n| log.reject(&format!("key {n}"))).collect();
    let gap = vec![entries[0].clone(), entries[2].clone()];
    let backwards = vec![entries[1].clone(), entries[0].clone()];
    for batch in [gap, backwards] {
        let error = records.append(0, batch).await.unwrap_err();
        assert!(matches!(error, AppendError::Disordered { shard: 0, .. }), "{error:?}");
    }
    let other_shard = records.append(1, entries).await.unwrap_err();
    assert!(matches!(other_shard, AppendError::Disordered { shard: 1, .. }), "{other_shard:?}");
    assert_eq!(seqs(&*records, 0).await, [] as [u64; 0]);
}

pub(crate) async fn of_two_racing_writers_one_gets_each_place(place: &Place) {
    const PLACES: u64 = 60;
    let mut writers = Vec::new();
    for writer in 0..2 {
        let records = place.open().await;
        writers.push(tokio::spawn(async move {
            let mut won = HashMap::new();
            let mut next = 1;
            while next <= PLACES {
                let mut log = Log::new(0);
                log.seq = next - 1;
                let batch: Vec<_> = (0..3).map(|n| log.reject(&format!("{writer}, {next} + {n}"))).collect();
                match records.append(0, batch.clone()).await {
                    Ok(()) => won.extend(batch.iter().map(|entry| (entry.seq(), entry.as_ref().clone()))),
                    Err(AppendError::Conflict { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
                next = records.last_seq(0).await.unwrap() + 1;
            }
            won
        }));
    }
    let (first, second) = (writers.remove(0).await.unwrap(), writers.remove(0).await.unwrap());
    assert!(first.keys().all(|seq| !second.contains_key(seq)));
    let records = place.open().await;
    let stored = records.log_after(0, 0, 10_000).await.unwrap();
    assert_eq!(
        stored.iter().map(LogEntry::seq).collect::<Vec<_>>(),
        (1..=stored.len() as u64).collect::<Vec<_>>()
    );
    for entry in stored {
        let acknowledged = first.get(&entry.seq()).or_else(|| second.get(&entry.seq()));
        assert!(acknowledged.is_none_or(|acknowledged| *acknowledged == entry), "{entry:?}");
    }
}

pub(crate) async fn a_conflict_harms_no_other_batch(place: &Place) {
    let records = place.open().await;
    records.append(0, vec![Log::new(0).reject("first")]).await.unwrap();
    let appends = (0..40).map(|n| {
        let records = Arc::clone(&records);
        tokio::spawn(async move {
            // Every second one comes for a place that is taken.
            let shard = if n % 2 == 0 { 0 } else { n };
            records.append(shard, vec![Log::new(shard).reject("mine")]).await.is_ok()
        })
    });
    let outcomes = futures::future::join_all(appends).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome.unwrap(), n % 2 == 1, "{n}");
    }
    for shard in (1..40).step_by(2) {
        assert_eq!(seqs(&*records, shard).await, [1]);
    }
}

pub(crate) async fn a_cursor_only_moves_forward(place: &Place) {
    let records = place.open().await;
    for (put, expected) in [(5, 5), (3, 5), (5, 5), (9, 9)] {
        records.put_cursor(0, Cursor::Effects, put).await.unwrap();
        assert_eq!(records.cursor(0, Cursor::Effects).await.unwrap(), expected);
    }
    assert_eq!(records.cursor(0, Cursor::Projection).await.unwrap(), 0);
    assert_eq!(records.cursor(1, Cursor::Effects).await.unwrap(), 0);
    records.ping().await.unwrap();
}

pub(crate) async fn what_was_written_is_there_after_reopening(place: &Place) {
    let entries = Log::new(0).whole_run(run_id(1), &Shape::default(), RunState::Succeeded);
    let records = place.open().await;
    records.append(0, entries.clone()).await.unwrap();
    records.put_cursor(0, Cursor::Effects, 4).await.unwrap();
    drop(records);
    let records = place.open().await;
    assert_eq!(records.log_after(0, 0, 100).await.unwrap(), owned(&entries));
    assert_eq!(records.cursor(0, Cursor::Effects).await.unwrap(), 4);
}

pub(crate) async fn several_may_open_the_same_new_records_at_once(place: &Place) {
    let opened = futures::future::join_all((0..6).map(|_| place.open())).await;
    opened[0].append(0, vec![Log::new(0).reject("first")]).await.unwrap();
    assert_eq!(opened[5].last_seq(0).await.unwrap(), 1);
}
