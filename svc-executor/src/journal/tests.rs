use super::*;
use emboflow_model::runtime_spec::{Stop, Timeouts};
use emboflow_model::{Cause, Outcome, Resources, RunId, RuntimeSpec, Timestamp};
use emboflow_protocol::command::Start;

fn attempt(run: u128) -> AttemptId {
    AttemptId { run: RunId::from_bits(run), task: "train[1]".parse().unwrap(), number: 1 }
}

fn intent(run: u128) -> Entry {
    let spec = RuntimeSpec {
        image: "i".into(),
        pull: Default::default(),
        command: Vec::new(),
        args: Vec::new(),
        env: Default::default(),
        workdir: None,
        user: None,
        resources: Resources::default(),
        shm_bytes: None,
        pids: None,
        network: Default::default(),
        isolation: Default::default(),
        timeouts: Timeouts::default(),
        stop: Stop::default(),
        inputs: Vec::new(),
        complete_codes: Vec::new(),
        outputs: Vec::new(),
        devices: Vec::new(),
        replica: None,
        class: Default::default(),
        log_limit_bytes: 1,
        secrets: Vec::new(),
    };
    let start =
        Start { attempt: attempt(run), fence: 4, project: "p".parse().unwrap(), trace_id: "t".into(), spec };
    Entry::Intent { start: Box::new(start) }
}

fn starting(boot: &str) -> Entry {
    Entry::Starting { boot: boot.into(), uptime_ms: Some(7_000) }
}

/// Opens the journal as soon as the thread of the one before has let it go.
async fn opened(folder: &Path) -> (Journal, Replay) {
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        match Journal::open(folder) {
            Ok(opened) => return opened,
            Err(error) => assert!(tokio::time::Instant::now() < until, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, replay) = Journal::open(folder.path()).unwrap();
    assert!(replay.open.is_empty() && replay.released.is_empty());
    journal.commit(&attempt(1), intent(1)).await.unwrap();
    journal.append(&attempt(1), Entry::Claimed { at: Timestamp(5) });
    journal.append(&attempt(2), intent(2));
    journal.append(&attempt(2), Entry::Released { fence: 7 });
    journal.commit(&attempt(1), starting("b")).await.unwrap();
    drop(journal);

    let (_journal, replay) = opened(folder.path()).await;
    let marks = &replay.open[&attempt(1)];
    assert_eq!(marks.start.as_ref().unwrap().fence, 4);
    assert_eq!(marks.boot.as_deref(), Some("b"));
    assert_eq!(marks.times.claimed_at, Some(Timestamp(5)));
    assert_eq!((replay.open.len(), replay.released), (1, vec![(attempt(2), 7)]));
}

#[tokio::test]
async fn a_torn_or_changed_last_line_is_cut_off_and_the_rest_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    journal.commit(&attempt(1), intent(1)).await.unwrap();
    drop(journal);
    let path = folder.path().join("journal");
    for garbage in ["0123 {\"attempt\"", "000000000000 {}\n", "\u{0}\u{0}\u{0}\n"] {
        drop(opened(folder.path()).await);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(garbage.as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let (journal, replay) = opened(folder.path()).await;
        assert_eq!(replay.open.len(), 1, "{garbage:?}");
        journal.commit(&attempt(1), starting("again")).await.unwrap();
        drop(journal);
    }
    assert_eq!(opened(folder.path()).await.1.open[&attempt(1)].boot.as_deref(), Some("again"));
}

#[tokio::test]
async fn a_second_executor_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Journal::open(folder.path()).unwrap();
    let error = Journal::open(folder.path()).err().expect("refused");
    assert!(error.to_string().contains("another executor"), "{error}");
}

fn write_much(journal: &Journal) {
    let end = emboflow_model::transition::AttemptEnd {
        outcome: Outcome::Succeeded,
        cause: Cause::User,
        reason: None,
        message: Some("x".repeat(2_000)),
        exit_code: Some(0),
        times: Default::default(),
        log: None,
        artifacts: Vec::new(),
        values: serde_json::Map::new(),
        image_digest: None,
        unseen: false,
    };
    for run in 2..6_000 {
        journal.append(&attempt(run), intent(run));
        journal.append(&attempt(run), Entry::Ended { end: Box::new(end.clone()) });
        journal.append(&attempt(run), Entry::Released { fence: 7 });
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_anew_goes_on_in_its_old_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("journal.new")).unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    write_much(&journal);
    journal.commit(&attempt(1), intent(1)).await.expect("what is written is written");
    drop(journal);
    let (_journal, replay) = opened(folder.path()).await;
    assert_eq!((replay.open.len(), replay.released.len()), (1, 5_998));
}

#[tokio::test]
async fn why_an_attempt_was_stopped_and_how_long_it_has_run_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    journal.append(&attempt(1), intent(1));
    journal.append(&attempt(1), starting("b"));
    let reason = emboflow_model::Reason::DiskFull;
    let stopping = Entry::Stopping { reason, detail: Some("held too much".into()) };
    journal.commit(&attempt(1), stopping).await.unwrap();
    drop(journal);
    let (_journal, replay) = opened(folder.path()).await;
    let marks = &replay.open[&attempt(1)];
    assert_eq!(marks.stopping, Some(Stopping { reason, detail: Some("held too much".into()) }));
    let ran = |boot, now| marks.ran_since(boot, now);
    assert_eq!(ran("b", Some(9_500)), Some(std::time::Duration::from_millis(2_500)));
    assert_eq!((ran("other", Some(9_500)), ran("b", None)), (None, None));
}

#[tokio::test]
async fn the_file_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    journal.commit(&attempt(1), intent(1)).await.unwrap();
    write_much(&journal);
    journal.commit(&attempt(1), starting("b")).await.unwrap();
    drop(journal);
    let (_journal, replay) = opened(folder.path()).await;
    assert_eq!((replay.open.len(), replay.released.len()), (1, 5_998));
    assert_eq!(replay.open[&attempt(1)].boot.as_deref(), Some("b"));
    let size = std::fs::metadata(folder.path().join("journal")).unwrap().len();
    assert!(size < 9 << 20, "{size}");
}
