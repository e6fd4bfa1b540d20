//! What is foretold against what the shipped driver then does, with executors that take their own time.

use std::sync::{Arc, Mutex};

use emboflow_model::{RunId, TaskKey, Timestamp};
use tokio::sync::oneshot;

use super::*;
use crate::driver::Signal;
use crate::forecast::{Bounds, Changes, Outlook, Snapshot, look_ahead};

/// What the executors take for fetching, storing and telling is drawn anew each time.
const SLACK_MS: u64 = 1_000;

impl Story {
    /// A copy of what the scheduler plans and knows now.
    fn snapshot(&mut self) -> Snapshot {
        let copied: Arc<Mutex<Option<Snapshot>>> = Arc::default();
        let into = copied.clone();
        self.on_stage(|stage| {
            let (answer, answered) = oneshot::channel();
            stage.signal(0, Signal::Snapshot(answer));
            let life = stage.schedulers[0].life;
            let takes = async move {
                if let Ok((snapshot, _)) = answered.await {
                    *into.lock().unwrap() = Some(snapshot);
                }
            };
            stage.begun.push((0, life, Box::pin(takes)));
        });
        self.until("a copy of the plan", |_| copied.lock().unwrap().is_some());
        let snapshot = copied.lock().unwrap().take();
        snapshot.unwrap()
    }

    fn look(&mut self) -> Outlook {
        look_ahead(&self.snapshot(), &Changes::default(), Bounds::default(), &|_| true)
    }

    fn began(&self, run: RunId) -> Timestamp {
        self.task(run, "a").attempts[0].dispatched_at
    }

    fn learns(&mut self) {
        let runs: Vec<_> = (0..6).map(|_| self.submit(SINGLE)).collect();
        for run in runs {
            self.until_state(run, RunState::Succeeded);
        }
    }
}

#[test]
fn the_expected_start_of_each_that_waits_is_near_to_when_it_starts() {
    let key: TaskKey = "a".parse().unwrap();
    for seed in 1..=8 {
        let executors = 1 + seed % 2;
        let mut story = Story::of(Plan { executors, ..Plan::scripted(seed) });
        story.learns();
        let runs: Vec<_> = (0..16).map(|_| story.submit(SINGLE)).collect();
        let outlook = story.look();
        let waiting: Vec<_> =
            runs.iter().filter(|run| story.run(**run).summary.started_at.is_none()).collect();
        assert!(waiting.len() >= 4, "{}", waiting.len());
        for run in &runs {
            story.until_state(*run, RunState::Succeeded);
        }
        for run in waiting {
            let start = outlook.start(*run, &key);
            let foretold = start.p50.expect("such tasks are known").ms_since(outlook.at);
            let came = story.began(*run).ms_since(outlook.at);
            let near = |one: u64, other: u64| one <= other + other / 2 + SLACK_MS;
            assert!(
                near(foretold, came) && near(came, foretold),
                "{foretold} ms, and then {came} ms (seed {seed})"
            );
            assert!(start.p90 >= start.p50);
        }
        story.end();
    }
}

#[test]
fn after_a_restart_the_records_give_back_what_was_learned() {
    let key: TaskKey = "a".parse().unwrap();
    let mut story = Story::with_one_executor();
    story.on_stage(|stage| {
        let name = project("default");
        let kept = Project { name, description: None, quotas: Quotas::default(), created_at: Timestamp(0) };
        let body = serde_json::to_string(&kept).unwrap();
        stage.store.kept.insert(("project".to_owned(), String::new(), "default".to_owned()), (1, body));
    });
    story.learns();
    story.on_stage(|stage| {
        stage.kill_scheduler(0);
        stage.start_scheduler(0);
    });
    let runs: Vec<_> = (0..8).map(|_| story.submit(SINGLE)).collect();
    let last = *runs.last().unwrap();
    let started = |story: &Story| story.run(last).summary.started_at.is_some();
    let known = (0..50).any(|_| {
        let is_known = story.look().start(last, &key).p50.is_some();
        story.pass_ms(20);
        is_known
    });
    assert!(known && !started(&story), "it is known before anything could be learned anew");
    story.end();
}
