//! The drill, case by case.

use std::time::Duration;

use emboflow_backup::{Depth, Keep, Listed, prune, restore, verify};
use emboflow_model::hold::Hold;
use emboflow_model::{LogEntry, Timestamp, epoch};
use emboflow_records::{Cursor, Former, RunFilter, SharedRecords};

use crate::installation::{Installation, Scribe, contents, project, put, run_id};

async fn log(records: &SharedRecords) -> Vec<LogEntry> {
    records.log_after(0, 0, 10_000).await.unwrap()
}

async fn runs(records: &SharedRecords) -> Vec<emboflow_model::RunSummary> {
    let mut rows = records.runs(RunFilter { limit: 100, ..RunFilter::of(project()) }).await.unwrap().rows;
    rows.sort_by_key(|run| run.id);
    rows
}

/// Three finished runs, an open one, a kept document.
async fn fill(installation: &Installation) {
    let mut scribe = Scribe::of(installation).await;
    for run in 1..=3 {
        scribe.finished_run(run).await;
    }
    scribe.open_run(4).await;
    scribe.project().await;
    scribe.records.keep("user", "", "anna", None, "{}".to_owned()).await.unwrap().unwrap();
}

pub(crate) async fn what_was_lost_comes_back_equal_and_decisions_go_on_in_a_new_epoch(before: Installation) {
    fill(&before).await;
    let records = before.open().await;
    let (entries, known, stored) =
        (log(&records).await, runs(&records).await, contents(&before.store()).await);
    let manifest = before.back_up().await;
    assert_eq!((manifest.runs, manifest.objects.count), (4, 12));
    assert_eq!(manifest.damaged, Vec::<String>::new());
    let last = records.last_seq(0).await.unwrap();

    let after = before.empty_twin("lost").await;
    let repository = after.repository();
    let found = repository.find("latest").await.unwrap();
    assert_eq!(found, manifest);
    let deep = verify(&repository, &found, Depth::Deep).await.unwrap();
    assert_eq!((deep.runs, deep.objects, deep.entries), (4, 12, entries.len() as u64));
    let restored = restore(&repository, &found, &after.target(false)).await.unwrap();
    assert_eq!((restored.objects_written, &restored.former), (12, &Former::Nothing));

    let records = after.open().await;
    assert_eq!(log(&records).await, entries);
    assert_eq!(runs(&records).await, known);
    assert_eq!(contents(&after.store()).await, stored);
    assert!(records.kept("user", "", "anna").await.unwrap().is_some());
    assert!(records.request(&project(), "key-2").await.unwrap().is_some());
    let next = records.last_seq(0).await.unwrap();
    assert_eq!(next, restored.continues_after);
    assert!(epoch::of_place(next) > epoch::of_place(last), "{next} {last}");
    let note = records.kept_page("restore", Some(""), None, 10).await.unwrap();
    assert!(note.len() == 1 && note[0].body.contains(&manifest.id));
    assert_eq!(
        records.kept_page("hold", Some(""), None, 10).await.unwrap(),
        [],
        "removals are not held back"
    );
    let file = after
        .dir
        .path()
        .join("restored-files")
        .join(before.settings().join("emboflow.toml").to_string_lossy().trim_start_matches('/'));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "listen = \"127.0.0.1:0\"\n");
}

pub(crate) async fn a_backup_beside_running_writers_is_of_one_moment(before: Installation) {
    fill(&before).await;
    let mut scribe = Scribe::of(&before).await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        let mut run = 100;
        while stopped.try_recv().is_err() {
            scribe.finished_run(run).await;
            run += 1;
        }
        scribe.seq
    });
    let first = before.back_up().await;
    let second = before.back_up().await;
    stop.send(()).unwrap();
    let last = writing.await.unwrap();
    assert!(first.shards[0].through_seq <= second.shards[0].through_seq);
    let repository = before.repository();
    for manifest in [&first, &second] {
        assert_eq!(manifest.damaged, Vec::<String>::new());
        verify(&repository, manifest, Depth::Deep).await.unwrap();
    }
    drop(repository);

    let after = before.empty_twin("load").await;
    let repository = after.repository();
    restore(&repository, &second, &after.target(false)).await.unwrap();
    let (old, new) = (before.open().await, after.open().await);
    let through = second.shards[0].through_seq;
    let until: Vec<_> = log(&old).await.into_iter().filter(|entry| entry.seq() <= through).collect();
    assert_eq!(log(&new).await, until);
    assert!(last >= through);
}

pub(crate) async fn holds_of_backups_that_were_killed_go_with_the_next_backup(before: Installation) {
    fill(&before).await;
    let records = before.open().await;
    for (number, until) in (0..130).map(|number| (number, number)).chain([(999, i64::MAX)]) {
        let body = Hold::until(Timestamp(until)).to_json();
        records.keep(Hold::KIND, "", &format!("killed-{number:03}"), None, body).await.unwrap().unwrap();
    }
    drop(records);
    before.back_up().await;
    let left = before.open().await.kept_page(Hold::KIND, Some(""), None, 500).await.unwrap();
    let names: Vec<_> = left.iter().map(|hold| hold.name.as_str()).collect();
    assert_eq!(names, ["killed-999"], "only what is in force goes on");
}

pub(crate) async fn a_second_backup_copies_only_what_is_new(before: Installation) {
    fill(&before).await;
    let first = before.back_up().await;
    // The artifact's file is the same in all runs, and so is the second chunk of each log.
    assert_eq!((first.objects.count, first.objects.new_count), (12, 8));
    let again = before.back_up().await;
    assert_eq!((again.objects.count, again.objects.new_count), (12, 0));
    let mut scribe = Scribe::of(&before).await;
    scribe.finished_run(5).await;
    drop(scribe);
    let third = before.back_up().await;
    assert_eq!((third.objects.count, third.objects.new_count), (16, 2));
    verify(&before.repository(), &third, Depth::Deep).await.unwrap();
}

pub(crate) async fn a_target_that_holds_something_is_left_alone_unless_it_is_to_be_replaced(
    before: Installation,
) {
    fill(&before).await;
    let manifest = before.back_up().await;
    let mut scribe = Scribe::of(&before).await;
    scribe.finished_run(9).await;
    scribe.project().await;
    put(&scribe.objects, "lab/runs/stray", b"of a time that is lost").await;
    drop(scribe);
    let (entries, stored) = (log(&before.open().await).await, contents(&before.store()).await);

    let repository = before.repository();
    let refused = restore(&repository, &manifest, &before.target(false)).await.unwrap_err();
    assert_eq!(refused.code().code(), "backup.target", "{refused}");
    assert_eq!(log(&before.open().await).await, entries);
    assert_eq!(contents(&before.store()).await, stored);

    let restored = restore(&repository, &manifest, &before.target(true)).await.unwrap();
    assert_ne!(restored.former, Former::Nothing, "what was there is kept aside");
    assert_eq!((restored.objects_written, restored.objects_removed), (0, 5));
    let records = before.open().await;
    assert_eq!(runs(&records).await.len(), 4);
    assert_eq!(contents(&before.store()).await.len(), 12);
    assert_eq!(records.last_seq(0).await.unwrap(), restored.continues_after);
}

pub(crate) async fn what_no_backup_needs_any_more_is_pruned(before: Installation) {
    fill(&before).await;
    let first = before.back_up().await;
    let store = before.store();
    for entry in contents(&store).await {
        store.delete(&emboflow_objects::ObjectKey::parse(entry.0).unwrap()).await.unwrap();
    }
    put(&store, "lab/only", b"one").await;
    drop(store);
    let second = before.back_up().await;
    let repository = before.repository();
    let keep = Keep { last: 1, daily: 0, weekly: 0 };
    let young = prune(&repository, keep, Duration::from_secs(86_400)).await.unwrap();
    assert_eq!((young.backups, young.contents), (vec![first.id], 0), "young contents may be somebody's");
    let pruned = prune(&repository, keep, Duration::ZERO).await.unwrap();
    assert_eq!((pruned.backups.len(), pruned.contents), (0, 8));
    verify(&repository, &second, Depth::Deep).await.unwrap();
    let listed = repository.list().await.unwrap();
    assert!(matches!(&listed[..], [Listed::Whole(only)] if only.id == second.id));
}

pub(crate) async fn a_run_that_is_removed_meanwhile_does_not_come_back_in_part(before: Installation) {
    fill(&before).await;
    let records = before.open().await;
    let gone = records.run(run_id(2)).await.unwrap().unwrap();
    records.put_cursor(0, Cursor::Effects, gone.seq).await.unwrap();
    // The note is there, and what remains of the history is not a whole one.
    records.remove_run(0, (&gone).into()).await.unwrap();
    let manifest = before.back_up().await;
    assert_eq!(manifest.removed, [run_id(2)]);
    let after = before.empty_twin("removed").await;
    let repository = after.repository();
    restore(&repository, &manifest, &after.target(false)).await.unwrap();
    let records = after.open().await;
    let left: Vec<_> = runs(&records).await.into_iter().map(|run| run.id).collect();
    assert_eq!(left, [run_id(1), run_id(3), run_id(4)]);
    assert!(records.removal(run_id(2)).await.unwrap().is_some(), "its objects are still to be removed");
}
