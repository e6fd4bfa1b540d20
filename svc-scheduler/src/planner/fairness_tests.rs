//! Under saturation the queues get what their weights say, whatever the sizes of their tasks and the order of their ends.

use std::collections::BTreeMap;

use emboflow_model::queue::Queue;
use emboflow_model::{QueueName, RunId, TaskKey};
use emboflow_protocol::report::{Phase, Report};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::testing::{Paper, ended};
use super::{Input, QueueRules};
use emboflow_model::state::{Cause, Outcome};

/// Decisions after which shares are compared with weights.
const DECISIONS: usize = 1_000;
/// Starts until the executors are full and the first shares have settled.
const WARM_UP: usize = 200;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A queue of tasks without end.
struct Crowd {
    paper: Paper,
    names: Vec<String>,
    dice: Dice,
    /// Where the tasks of open attempts are.
    running: Vec<(RunId, TaskKey, QueueName)>,
    unread: usize,
}

impl Crowd {
    /// Queues with these weights; each task needs a random number of cores up to `largest`.
    fn new(weights: &[u32], largest: u64, seed: u64) -> Self {
        let mut paper = Paper::new();
        let names: Vec<String> = (0..weights.len()).map(|index| format!("q{index}")).collect();
        let rules: QueueRules = names
            .iter()
            .zip(weights)
            .map(|(name, weight)| (name.parse().unwrap(), Queue { weight: *weight, ..Queue::default() }))
            .collect();
        paper.take(Input::Queues(rules));
        let mut crowd = Self { paper, names, dice: Dice(seed | 1), running: Vec::new(), unread: 0 };
        for _ in 0..30 {
            for name in crowd.names.clone() {
                crowd.submit(&name, largest);
            }
        }
        crowd.paper.beat("one", 64);
        crowd.paper.beat("two", 64);
        crowd
    }

    /// A run of many tasks of random sizes.
    fn submit(&mut self, queue: &str, largest: u64) {
        let sizes: Vec<String> = (0..40).map(|_| (1 + self.dice.below(largest)).to_string()).collect();
        let source = format!(
            "version: 1\nname: crowd\ntasks:\n  a:\n    image: i\n    matrix: {{ cores: [{}] }}\n    resources: {{ cpu: \"${{{{ matrix.cores }}}}\", memory: 1Mi }}\n",
            sizes.join(", ")
        );
        let mut submission = self.paper.submission(&source);
        submission.accepted.queue = queue.parse().unwrap();
        self.paper.take(Input::Submit(Box::new(submission)));
    }

    /// The attempts that were opened since the last look.
    fn note_starts(&mut self) -> usize {
        let mut started = 0;
        for entry in &self.paper.log[self.unread..] {
            let emboflow_model::LogEntry::Transition(transition) = entry else { continue };
            let queue = self.paper.run(transition.run).summary.queue.clone();
            for change in &transition.changes {
                if let emboflow_model::Change::AttemptOpened { task, .. } = change {
                    self.running.push((transition.run, task.clone(), queue.clone()));
                    started += 1;
                }
            }
        }
        self.unread = self.paper.log.len();
        started
    }

    /// One random attempt ends, and others may start. Gives how many did.
    fn go_on(&mut self) -> usize {
        let index = usize::try_from(self.dice.below(self.running.len() as u64)).unwrap();
        let (run, task, _) = self.running.swap_remove(index);
        let (attempt, fence, executor) = self.paper.open_attempt(run, &task.to_string());
        let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
        self.paper.now = self.paper.now.plus_ms(1);
        self.paper
            .take(Input::Report { executor, report: Report { attempt, fence, phase: Phase::Ended { end } } });
        while self.paper.planner.next_timer().is_some_and(|at| at <= self.paper.now) {
            self.paper.be_away_ms(0);
        }
        self.note_starts()
    }

    /// What each queue held, on average over a thousand decisions, as a part of all that was held.
    fn shares(&mut self) -> BTreeMap<QueueName, f64> {
        self.note_starts();
        let mut held: BTreeMap<QueueName, f64> = BTreeMap::new();
        let (mut started, mut total) = (0, 0.0);
        while started < WARM_UP + DECISIONS {
            started += self.go_on();
            if started < WARM_UP {
                continue;
            }
            for (queue, used) in self.paper.planner.queue_use() {
                *held.entry(queue).or_default() += used.held.cpu_millis as f64;
                total += used.held.cpu_millis as f64;
            }
        }
        held.into_iter().map(|(queue, held)| (queue, held / total)).collect()
    }
}

fn assert_fair(weights: &[u32], largest: u64, seed: u64) {
    let shares = Crowd::new(weights, largest, seed).shares();
    let sum: u32 = weights.iter().sum();
    for (index, weight) in weights.iter().enumerate() {
        let wanted = f64::from(*weight) / f64::from(sum);
        let share = shares[&format!("q{index}").parse().unwrap()];
        assert!(
            (share - wanted).abs() <= 0.05,
            "q{index} held {share:.3} instead of {wanted:.3} (weights {weights:?}, tasks up to {largest} cores, seed {seed})"
        );
    }
}

#[test]
fn shares_are_within_five_percent_of_the_weights_after_a_thousand_decisions() {
    for (weights, largest) in
        [(&[1, 1][..], 4), (&[3, 1], 2), (&[5, 3, 2], 3), (&[1, 2, 3, 4], 4), (&[4, 3, 2, 2, 1], 2)]
    {
        assert_fair(weights, largest, 7);
    }
}

#[test]
fn shares_follow_any_weights() {
    let config = ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() };
    let weights = prop::collection::vec(1u32..=5, 2..=5);
    let mut runner = TestRunner::new_with_rng(config, deterministic());
    runner
        .run(&(weights, 1u64..=3, any::<u64>()), |(weights, largest, seed)| {
            assert_fair(&weights, largest, seed);
            Ok(())
        })
        .unwrap();
}

/// The same cases each time: a suite that is red by chance helps nobody.
fn deterministic() -> proptest::test_runner::TestRng {
    proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha)
}
