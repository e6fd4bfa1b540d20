//! The keeper on real records and a real nats-server; planner and API are a few lines each.

use std::sync::Mutex;
use std::time::Instant;

use emboflow_bus::testing::TestServer;
use emboflow_model::transition::{Accepted, PlannedSpec};
use emboflow_model::{Change, LogEntry, ProjectName, Rejection, RunState, Transition};
use emboflow_records::{Documents, catch_up};
use indexmap::IndexMap;
use serde_json::Map;
use tempfile::TempDir;

use emboflow_bus::Bus;
use emboflow_protocol::call::ObjectsRemoved;

use super::super::machine::Machine;
use super::*;

const DAY: i64 = DAY_MS as i64;
/// "Now" lies so far ahead that no test's wall clock comes there.
const NOW: i64 = 4_000_000_000_000;

struct World {
    keeper: Keeper<Machine>,
    log: u64,
    told: Arc<Mutex<Vec<Vec<RunId>>>>,
    server: TestServer,
    _dir: TempDir,
}

fn run_id(n: u128) -> RunId {
    RunId::from_bits(n)
}

fn project() -> ProjectName {
    ProjectName::new("default").unwrap()
}

fn accepted(n: u128, repeats: Option<u128>) -> Change {
    Change::Accepted(Box::new(Accepted {
        workflow: "story".parse().unwrap(),
        digest: String::new(),
        source: "".into(),
        inputs: Map::new(),
        labels: IndexMap::new(),
        key: format!("key {n}"),
        body_sha256: String::new(),
        trace_id: String::new(),
        recovered_from: repeats.map(run_id),
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
    }))
}

impl World {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.db");
        let records = emboflow_records::open(&emboflow_records::Config::Sqlite { path }).await.unwrap();
        let (signals, mut inbox) = mpsc::channel(8);
        let (_, written) = watch::channel(u64::MAX);
        let told = Arc::<Mutex<Vec<Vec<RunId>>>>::default();
        let heard = told.clone();
        tokio::spawn(async move {
            while let Some(signal) = inbox.recv().await {
                match signal {
                    Signal::Removing(_, answer) => answer.send(1_000).unwrap(),
                    Signal::Removed(runs) => heard.lock().unwrap().push(runs),
                    _ => panic!("nothing else is asked"),
                }
            }
        });
        let machine = Machine::new(server.bus("test").await);
        let keeper = Keeper {
            records,
            world: machine.clone(),
            retention: Retention { finished_runs_days: Some(30), ..Retention::default() },
            clock: Clock::start(machine, Timestamp(NOW)),
            signals,
            written,
            is_ahead: false,
        };
        Self { keeper, log: 0, told, server, _dir: dir }
    }

    async fn append(&mut self, run: u128, number: u64, at: i64, changes: Vec<Change>) {
        self.log += 1;
        let (run, at) = (run_id(run), Timestamp(at));
        let entry = Transition { shard: SHARD, seq: self.log, run, project: project(), number, at, changes };
        self.keeper.records.append(SHARD, vec![Arc::new(LogEntry::Transition(entry))]).await.unwrap();
    }

    /// A run that was accepted, and has ended, so many days ago.
    async fn run(&mut self, n: u128, repeats: Option<u128>, days_ago: i64, ended_days_ago: Option<i64>) {
        self.append(n, 1, NOW - days_ago * DAY, vec![accepted(n, repeats)]).await;
        if let Some(days_ago) = ended_days_ago {
            let end = Change::Run { from: RunState::Queued, to: RunState::Cancelled, reason: None };
            self.append(n, 2, NOW - days_ago * DAY, vec![end]).await;
        }
    }

    async fn reject(&mut self, key: &str, days_ago: i64) {
        self.log += 1;
        let entry = LogEntry::Rejection(Rejection {
            shard: SHARD,
            seq: self.log,
            at: Timestamp(NOW - days_ago * DAY),
            project: project(),
            key: key.to_owned(),
            body_sha256: String::new(),
            errors: Vec::new(),
        });
        self.keeper.records.append(SHARD, vec![Arc::new(entry)]).await.unwrap();
    }

    /// Documents are written and everybody has been told.
    async fn settle(&self) {
        let through = catch_up(&*self.keeper.records, SHARD, &mut Documents::default()).await.unwrap();
        self.keeper.records.put_cursor(SHARD, Cursor::Effects, through).await.unwrap();
    }

    async fn keys(&self) -> Vec<String> {
        let requests = self.keeper.records.requests_after(SHARD, 0, 100).await.unwrap();
        requests.into_iter().map(|request| request.key).collect()
    }

    async fn runs(&self) -> Vec<u128> {
        let mut found = Vec::new();
        for n in 1..=9 {
            let known = emboflow_records::fresh_run(&*self.keeper.records, run_id(n)).await.unwrap();
            found.extend(known.map(|_| n));
        }
        found
    }

    /// An API that has removed a run's objects at the second call.
    fn serve_api(&self, bus: Bus) -> Arc<Mutex<Vec<RunId>>> {
        let calls = Arc::<Mutex<Vec<RunId>>>::default();
        let noted = calls.clone();
        let answer = move |call: RemoveObjects| {
            let mut calls = noted.lock().unwrap();
            let done = calls.contains(&call.run);
            calls.push(call.run);
            std::future::ready(Ok(ObjectsRemoved { removed: 1, done }))
        };
        tokio::spawn(
            async move { bus.serve(RemoveObjects::filter(), CancellationToken::new(), answer).await },
        );
        calls
    }
}

#[tokio::test]
async fn requests_are_kept_for_seven_days_after_the_end_of_what_they_became() {
    let mut world = World::start().await;
    world.run(1, None, 20, Some(8)).await;
    world.run(2, None, 20, Some(6)).await;
    world.run(3, None, 20, None).await;
    world.reject("old", 8).await;
    world.reject("new", 6).await;
    world.run(4, None, 5, Some(5)).await;
    world.settle().await;
    world.keeper.look().await.unwrap();
    assert_eq!(world.keys().await, ["key 2", "key 3", "new", "key 4"]);
    assert_eq!(world.runs().await, [1, 2, 3, 4], "their runs stay");
}

#[tokio::test]
async fn runs_leave_after_their_days_and_their_objects_when_the_api_is_there() {
    let mut world = World::start().await;
    world.run(1, None, 40, Some(31)).await;
    world.run(2, None, 40, Some(29)).await;
    world.run(3, None, 40, None).await;
    world.settle().await;
    let error = world.keeper.look().await.unwrap_err();
    assert!(format!("{error:#}").contains("asking the API"), "{error:#}");
    assert_eq!(world.runs().await, [2, 3]);
    assert_eq!(
        world.keeper.records.removals(SHARD, 9).await.unwrap().len(),
        1,
        "the objects are not forgotten"
    );

    let bus = world.server.bus("api").await;
    let calls = world.serve_api(bus);
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = world.keeper.look().await {
        assert!(Instant::now() < deadline, "{error:#}");
    }
    assert_eq!(*calls.lock().unwrap(), [run_id(1), run_id(1)], "until there are no more");
    assert_eq!(world.keeper.records.removals(SHARD, 9).await.unwrap(), []);
    assert_eq!(world.runs().await, [2, 3]);
    assert!(world.told.lock().unwrap().iter().any(|runs| runs.contains(&run_id(1))));
}

#[tokio::test]
async fn what_nobody_has_been_told_of_yet_stays_and_is_looked_at_soon() {
    let mut world = World::start().await;
    world.run(1, None, 40, Some(31)).await;
    world.reject("old", 31).await;
    catch_up(&*world.keeper.records, SHARD, &mut Documents::default()).await.unwrap();
    world.keeper.look().await.unwrap();
    assert_eq!((world.runs().await, world.keys().await.len()), (vec![1], 2));
    assert!(world.keeper.is_ahead);
}

#[tokio::test]
async fn a_repetition_that_was_decided_on_while_runs_were_looked_for_keeps_its_run() {
    let mut world = World::start().await;
    world.run(1, None, 40, Some(31)).await;
    world.settle().await;
    let (write, written) = watch::channel(0);
    let (signals, mut inbox) = mpsc::channel(8);
    (world.keeper.signals, world.keeper.written) = (signals, written);
    let records = world.keeper.records.clone();
    // The planner has decided on run 2, and its document is written only after the question.
    world.append(2, 1, NOW, vec![accepted(2, Some(1))]).await;
    tokio::spawn(async move {
        while let Some(signal) = inbox.recv().await {
            if let Signal::Removing(_, answer) = signal {
                answer.send(3).unwrap();
                catch_up(&*records, SHARD, &mut Documents::default()).await.unwrap();
                write.send_replace(3);
            }
        }
    });
    world.keeper.look().await.unwrap();
    assert_eq!(world.runs().await, [1, 2]);
}

#[tokio::test]
async fn a_scheduler_that_has_lost_the_shard_removes_nothing() {
    let mut world = World::start().await;
    world.run(1, None, 40, Some(31)).await;
    world.settle().await;
    // Somebody else's decisions, beyond what our planner knows.
    world.log = 1_000;
    world.reject("somebody else's", 0).await;
    let error = world.keeper.look().await.unwrap_err();
    assert!(error.to_string().contains("another scheduler"), "{error:#}");
    assert_eq!(world.runs().await, [1]);
}

#[test]
fn fewer_days_than_callers_are_promised_are_refused() {
    let retention = |requests_days| Retention { requests_days, ..Retention::default() };
    assert!(retention(7).check().is_ok());
    let error = retention(6).check().unwrap_err();
    assert!(error.to_string().contains("at least 7 days"), "{error}");
}

#[tokio::test]
async fn nothing_is_removed_while_a_backup_holds_it_back() {
    let mut world = World::start().await;
    world.run(1, None, 41, Some(40)).await;
    world.reject("old", 40).await;
    world.settle().await;
    let hold = Hold::until(Timestamp(NOW).plus_ms(600_000)).to_json();
    let records = world.keeper.records.clone();
    let version = records.keep(Hold::KIND, "", "backup", None, hold).await.unwrap().unwrap();
    world.keeper.look().await.unwrap();
    assert!(records.run(run_id(1)).await.unwrap().is_some());
    assert!(records.request(&project(), "old").await.unwrap().is_some());
    records.drop_kept(Hold::KIND, "", "backup", version).await.unwrap();
    world.keeper.look().await.unwrap_err();
    assert!(records.run(run_id(1)).await.unwrap().is_none(), "only its objects wait for the API");
}
