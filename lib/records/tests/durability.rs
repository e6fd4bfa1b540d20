//! What was acknowledged is there after a kill at any moment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use emboflow_model::{LogEntry, ProjectName, Rejection, Timestamp};
use emboflow_records::testing::MongoServer;
use emboflow_records::{AppendError, Config, Records, SharedRecords, open};
use serde_json::json;

const FILE: &str = "EMBOFLOW_TEST_RECORDS_FILE";

fn entry(seq: u64) -> Arc<LogEntry> {
    Arc::new(LogEntry::Rejection(Rejection {
        shard: 0,
        seq,
        at: Timestamp(1_795_266_000_000),
        project: ProjectName::new("default").unwrap(),
        key: format!("key {seq}"),
        body_sha256: "0".repeat(64),
        errors: vec![json!("x".repeat(seq as usize % 500))],
    }))
}

/// Appends batches of three up to a goal; tells of each last place that was acknowledged. After an unclear commit it
/// reads back and goes on, as a scheduler does.
async fn append_up_to(goal: u64, records: &SharedRecords, acknowledged: impl Fn(u64)) {
    let mut last = records.last_seq(0).await.unwrap();
    while last < goal {
        match records.append(0, (last + 1..=last + 3).map(entry).collect()).await {
            Ok(()) => {
                last += 3;
                acknowledged(last);
            }
            Err(AppendError::Unavailable(_) | AppendError::Conflict { .. }) => {
                last = records.last_seq(0).await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn assert_whole_up_to(records: &dyn Records, acknowledged: u64) {
    let stored = records.log_after(0, 0, u32::MAX).await.unwrap();
    assert!(stored.len() as u64 >= acknowledged, "{} of {acknowledged}", stored.len());
    for (stored, seq) in stored.iter().zip(1..) {
        assert_eq!(stored, entry(seq).as_ref());
    }
}

#[tokio::test]
async fn a_killed_process_leaves_every_acknowledged_entry_in_the_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("records.db");
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_appends_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut told =
            lines.by_ref().filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        acknowledged = told.nth(70).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died.
        acknowledged = told.last().unwrap_or(acknowledged);
        let records = open(&Config::Sqlite { path: path.clone() }).await.unwrap();
        assert_whole_up_to(&*records, acknowledged).await;
    }
    assert!(acknowledged > 600);
}

#[tokio::test]
#[ignore = "it is the child of the test above"]
async fn child_that_appends_until_it_is_killed() {
    let path: OsString = std::env::var_os(FILE).unwrap();
    let records = open(&Config::Sqlite { path: PathBuf::from(path) }).await.unwrap();
    let tell = |seq| std::io::stdout().write_all(format!("\nacknowledged {seq}\n").as_bytes()).unwrap();
    append_up_to(u64::MAX, &records, tell).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_comes_back_with_every_acknowledged_entry() {
    let mut server = MongoServer::start().await.unwrap();
    let records = open(&server.fresh_config()).await.unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let appending = tokio::spawn({
        let (records, acknowledged) = (Arc::clone(&records), Arc::clone(&acknowledged));
        async move { append_up_to(300, &records, |seq| acknowledged.store(seq, Ordering::SeqCst)).await }
    });
    for kill_at in [60, 150, 240] {
        let deadline = Instant::now() + Duration::from_secs(60);
        while acknowledged.load(Ordering::SeqCst) < kill_at {
            assert!(Instant::now() < deadline && !appending.is_finished(), "the server is too slow");
            tokio::task::yield_now().await;
        }
        server.kill_and_restart().await.unwrap();
        assert_whole_up_to(&*records, kill_at).await;
    }
    appending.await.unwrap();
    assert_whole_up_to(&*records, acknowledged.load(Ordering::SeqCst)).await;
}
