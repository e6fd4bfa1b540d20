//! Records on their way into another store.

use emboflow_model::access::AuditEntry;
use emboflow_model::{RunState, Timestamp, WorkflowName};
use emboflow_records::{
    AppendError, Cursor, Item, Records, RunFilter, Section, WorkflowVersion, copy_entries, rebuild,
};

use crate::place::Place;
use crate::projection::append_and_project;
use crate::sample::{Log, Shape, project, run_id};

/// Everything that does not derive from the log, page by page.
async fn items(records: &dyn Records, limit: u32) -> Vec<Item> {
    let mut all = Vec::new();
    for section in Section::ALL {
        let mut after = None;
        loop {
            let page = records.export(section, after, limit).await.unwrap();
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    all
}

fn workflow(name: &str, source: &str) -> WorkflowVersion {
    let (name, digest) = (WorkflowName::new(name).unwrap(), format!("sha256:{source}"));
    WorkflowVersion::to_put(project("default"), name, digest, source.into(), None, Timestamp(5))
}

/// Three runs of which the first has been removed, two rejections, workflows, settings, documents.
async fn fill(records: &dyn Records) -> Log {
    let (mut log, mut documents) = (Log::new(0), Default::default());
    for n in 1..=3 {
        let mut entries = log.whole_run(run_id(n), &Shape::default(), RunState::Succeeded);
        entries.push(log.reject(&format!("rejected {n}")));
        append_and_project(records, &mut documents, &entries).await;
    }
    let gone = records.run(run_id(1)).await.unwrap().unwrap();
    records.remove_run(0, (&gone).into()).await.unwrap();
    for (name, source) in [("a", "1"), ("a", "2"), ("a", "1"), ("b", "1")] {
        records.put_workflow(workflow(name, source)).await.unwrap();
    }
    records.put_setting_if_absent("instance", "one".to_owned()).await.unwrap();
    for (kind, scope, name) in [("user", "", "anna"), ("key", "lab", "one"), ("key", "", "two")] {
        records.keep(kind, scope, name, None, format!("{{\"n\":\"{name}\"}}")).await.unwrap().unwrap();
    }
    log
}

pub(crate) async fn what_is_read_out_and_put_in_is_the_same(place: &Place) {
    let (records, other) = (place.open().await, Place::sqlite());
    let other = other.open().await;
    assert!(!records.holds_anything().await.unwrap());
    records.ping().await.unwrap();
    assert!(!records.holds_anything().await.unwrap(), "what the store writes for itself does not count");
    fill(&*records).await;
    assert!(records.holds_anything().await.unwrap());
    let all = items(&*records, 100).await;
    for limit in [1, 2] {
        assert_eq!(items(&*records, limit).await, all, "pages of {limit}");
    }
    // There and back again: what went through the other store is what was there.
    other.import(all.clone()).await.unwrap();
    let entries = records.log_after(0, 0, 1000).await.unwrap();
    copy_entries(&*other, 0, entries.clone()).await.unwrap();
    rebuild(&*other, 0).await.unwrap();
    assert_eq!(items(&*other, 100).await.len(), all.len());
    assert_eq!(other.log_after(0, 0, 1000).await.unwrap(), entries);
    let kept = records.kept("key", "lab", "one").await.unwrap().unwrap();
    assert_eq!(other.kept("key", "lab", "one").await.unwrap().unwrap(), kept, "with its version");
    let runs = |records: emboflow_records::SharedRecords| async move {
        records.runs(RunFilter::of(project("default"))).await.unwrap().rows
    };
    assert_eq!(runs(other.clone()).await, runs(records.clone()).await);
    let name = WorkflowName::new("a").unwrap();
    let newest = other.workflow(&project("default"), &name, None).await.unwrap().unwrap();
    assert_eq!((newest.row.version, &*newest.source), (3, "1"));
    let key = format!("key of {}", run_id(1));
    let request = other.request(&project("default"), &key).await.unwrap().unwrap();
    assert!(request.ended_at.is_some(), "the key of a removed run is still known");
    assert_eq!(other.setting("instance").await.unwrap().as_deref(), Some("one"));
}

pub(crate) async fn items_may_be_put_in_again(place: &Place) {
    let records = place.open().await;
    fill(&*records).await;
    let all = items(&*records, 100).await;
    records.import(all.clone()).await.unwrap();
    assert_eq!(items(&*records, 100).await, all);
}

pub(crate) async fn lines_of_the_audit_are_read_out(place: &Place) {
    let (records, other) = (place.open().await, Place::sqlite());
    let other = other.open().await;
    let line = |n: u32| -> AuditEntry {
        serde_json::from_value(serde_json::json!({
            "id": format!("{n:08}"), "at": "2026-11-22T03:48:46.067Z", "who": "user:anna", "action": "POST /x",
            "result": "ok", "status": 200, "count": 1,
        }))
        .unwrap()
    };
    records.append_audit((0..5).map(line).collect()).await.unwrap();
    let read = items(&*records, 2).await;
    assert_eq!(read.len(), 5);
    other.import(read.clone()).await.unwrap();
    other.import(read.clone()).await.unwrap();
    assert_eq!(items(&*other, 100).await, read);
}

pub(crate) async fn a_copied_log_may_have_gaps_and_goes_on_after_its_end(place: &Place) {
    let records = place.open().await;
    let mut log = Log::new(0);
    let entries: Vec<_> = (0..6).map(|n| log.reject(&n.to_string())).collect();
    let with_gaps = [0, 1, 4, 5].map(|index| entries[index].as_ref().clone());
    copy_entries(&*records, 0, with_gaps.to_vec()).await.unwrap();
    assert_eq!(records.log_after(0, 0, 100).await.unwrap(), with_gaps);
    // A restore counts every place of the epoch as taken.
    let restored = emboflow_model::epoch::restored_after(6);
    records.put_cursor(0, Cursor::Removed, restored).await.unwrap();
    assert_eq!(records.last_seq(0).await.unwrap(), restored);
    let late = records.append(0, vec![log.reject("late")]).await.unwrap_err();
    assert!(matches!(late, AppendError::Conflict { seq: 7 }), "{late:?}");
    log.seq = restored;
    records.append(0, vec![log.reject("anew")]).await.unwrap();
    assert_eq!(records.last_seq(0).await.unwrap(), restored + 1);
}

pub(crate) async fn staged_records_take_the_place_of_the_others_in_one_step(place: &Place) {
    let records = place.open().await;
    fill(&*records).await;
    drop(records);
    for round in 0..3 {
        let staged = emboflow_records::stage(place.config()).await.unwrap();
        assert!(!staged.records().holds_anything().await.unwrap(), "round {round}");
        let name = format!("round-{round}");
        staged.records().keep("key", "", &name, None, "{}".into()).await.unwrap().unwrap();
        let before = place.open().await;
        assert_eq!(before.kept("key", "", &name).await.unwrap(), None, "not in place yet");
        drop(before);
        let former = staged.put_in_place().await.unwrap();
        assert_ne!(former, emboflow_records::Former::Nothing);
        let after = place.open().await;
        assert!(after.kept("key", "", &name).await.unwrap().is_some());
        assert_eq!(after.last_seq(0).await.unwrap(), 0);
    }
}

pub(crate) async fn staged_records_that_are_given_up_change_nothing(place: &Place) {
    let records = place.open().await;
    fill(&*records).await;
    let all = items(&*records, 100).await;
    let staged = emboflow_records::stage(place.config()).await.unwrap();
    staged.records().keep("key", "", "staged", None, "{}".into()).await.unwrap().unwrap();
    staged.give_up().await.unwrap();
    assert_eq!(items(&*place.open().await, 100).await, all);
}
