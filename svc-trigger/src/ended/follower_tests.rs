use std::sync::Mutex;
use std::time::Duration;

use emboflow_model::transition::{Accepted, PlannedSpec};
use emboflow_model::{Timestamp, Transition};
use emboflow_records::Config;
use futures::FutureExt;
use futures::future::BoxFuture;
use tempfile::TempDir;

use super::*;

/// Hears of every end; or is away.
struct Ear {
    name: &'static str,
    is_away: bool,
    heard: Mutex<Vec<RunId>>,
}

impl Ear {
    fn new(name: &'static str, is_away: bool) -> Arc<Self> {
        Arc::new(Self { name, is_away, heard: Mutex::default() })
    }

    fn heard(&self) -> Vec<u128> {
        self.heard.lock().unwrap().iter().map(|run| run.bits()).collect()
    }

    async fn hears(&self, runs: &[u128]) {
        let heard = async {
            while self.heard() != runs {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), heard).await;
        assert!(waited.is_ok(), "{} has heard {:?}, not {runs:?}", self.name, self.heard());
    }
}

impl Listener for Ear {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_listening(&self) -> bool {
        true
    }

    fn look(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn ended<'a>(&'a self, run: &'a RunSummary) -> BoxFuture<'a, anyhow::Result<()>> {
        async move {
            anyhow::ensure!(!self.is_away, "the intake is full");
            self.heard.lock().unwrap().push(run.id);
            Ok(())
        }
        .boxed()
    }
}

struct Log {
    records: SharedRecords,
    seq: u64,
    _folder: TempDir,
}

impl Log {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::Sqlite { path: folder.path().join("records.db") };
        Self { records: emboflow_records::open(&config).await.unwrap(), seq: 0, _folder: folder }
    }

    async fn write(&mut self, run: u128, number: u64, change: Change) {
        self.seq += 1;
        let transition = Transition {
            shard: SHARD,
            seq: self.seq,
            run: RunId::from_bits(run),
            project: "lab".parse().unwrap(),
            number,
            at: Timestamp(1_000),
            changes: vec![change],
        };
        self.records.append(SHARD, vec![Arc::new(LogEntry::Transition(transition))]).await.unwrap();
    }

    async fn end(&mut self, run: u128, number: u64) {
        let change = Change::Run { from: RunState::Queued, to: RunState::Cancelled, reason: None };
        self.write(run, number, change).await;
    }

    async fn ended_run(&mut self, run: u128) {
        let accepted = Accepted {
            workflow: "w".parse().unwrap(),
            digest: "sha256:00".to_owned(),
            source: "version: 1\nname: w\ntasks: { a: { image: busybox } }\n".into(),
            inputs: serde_json::Map::new(),
            labels: Default::default(),
            key: format!("key-{run}"),
            body_sha256: "00".repeat(32),
            trace_id: "0".repeat(32),
            recovered_from: None,
            parent: None,
            workflows: Default::default(),
            queue: emboflow_model::QueueName::default(),
            fairness_key: None,
            uploads: emboflow_model::upload::Pins::new(),
            anew: emboflow_model::Anew::default(),
            tasks: vec![PlannedSpec {
                name: "a".parse().unwrap(),
                fan_out: None,
                dynamic: false,
                needs: Vec::new(),
                finally: None,
            }],
        };
        self.write(run, 1, Change::Accepted(Box::new(accepted))).await;
        self.end(run, 2).await;
    }

    /// Follows the log for these two until the first has heard of these, and that is kept.
    async fn follow(&self, first: &Arc<Ear>, second: &Arc<Ear>, until: &[u128]) {
        let follower = Follower::new(self.records.clone(), vec![first.clone(), second.clone()]);
        let kept = async {
            first.hears(until).await;
            while self.place(first.name).await < self.seq {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = follower.follow() => unreachable!("it never ends"),
            () = kept => {}
        }
    }

    async fn place(&self, name: &str) -> u64 {
        let kept = self.records.kept(TRIGGER_STATES, "", PLACE).await.unwrap();
        kept.map_or(0, |kept| serde_json::from_str::<Places>(&kept.body).unwrap().of(name))
    }
}

#[tokio::test]
async fn who_cannot_take_an_end_now_holds_up_no_other_and_gets_it_later() {
    let mut log = Log::new().await;
    for run in 1..=3 {
        log.ended_run(run).await;
    }
    let (notifications, triggers) = (Ear::new("notifications", false), Ear::new("triggers", true));
    log.follow(&notifications, &triggers, &[1, 2, 3]).await;
    assert_eq!(triggers.heard(), [0_u128; 0]);

    // Another process, or another start.
    log.ended_run(4).await;
    let (notifications, triggers) = (Ear::new("notifications", false), Ear::new("triggers", false));
    log.follow(&triggers, &notifications, &[1, 2, 3, 4]).await;
    let heard = notifications.heard();
    assert!(heard.iter().all(|run| *run == 4), "what was told before is told again: {heard:?}");
}

#[tokio::test]
async fn a_run_that_cannot_be_read_is_passed_over() {
    let mut log = Log::new().await;
    log.ended_run(1).await;
    // Nothing says what it was.
    log.end(2, 2).await;
    log.ended_run(3).await;
    let (triggers, notifications) = (Ear::new("triggers", false), Ear::new("notifications", false));
    log.follow(&triggers, &notifications, &[1, 3]).await;
}

#[test]
fn a_place_of_an_earlier_version_is_everybodys_and_an_earlier_version_goes_on_at_the_last_of_all() {
    let mut places: Places = serde_json::from_str(r#"{"seq":7}"#).unwrap();
    assert_eq!((places.of("triggers"), places.of("notifications")), (7, 7));
    let all = ["triggers", "notifications"];
    places.advance("notifications", 12, &all);
    assert_eq!((places.of("triggers"), places.of("notifications"), places.seq), (7, 12, 7));
    places.advance("triggers", 9, &all);
    places.advance("triggers", 8, &all);
    assert_eq!((places.of("triggers"), places.seq), (9, 9));
}
