//! Stories of queues, quotas on what is held, priorities and fairness inside of a queue.

use emboflow_model::access::Quotas;
use emboflow_model::queue::{Amount, Limits, Queue};
use emboflow_model::state::TaskState;
use emboflow_model::{ProjectName, QueueName, RunId};

use super::testing::Paper;
use super::{Input, QueueRules, RunCommand};

/// What a run is like, beside one task `a`.
#[derive(Clone, Default)]
struct Wanted<'w> {
    queue: &'w str,
    project: &'w str,
    key: &'w str,
    priority: &'w str,
    cpu: &'w str,
}

impl Wanted<'_> {
    fn submit(&self, paper: &mut Paper) -> RunId {
        let priority =
            if self.priority.is_empty() { String::new() } else { format!("priority: {}, ", self.priority) };
        let cpu = if self.cpu.is_empty() { "1" } else { self.cpu };
        let source = format!(
            "version: 1\nname: story\ntasks:\n  a: {{ image: i, {priority}resources: {{ cpu: {cpu}, memory: 1Mi }} }}\n"
        );
        let mut submission = paper.submission(&source);
        if !self.queue.is_empty() {
            submission.accepted.queue = self.queue.parse().unwrap();
        }
        if !self.project.is_empty() {
            submission.project = self.project.parse().unwrap();
        }
        submission.accepted.fairness_key = (!self.key.is_empty()).then(|| self.key.to_owned());
        let run = submission.run;
        paper.take(Input::Submit(Box::new(submission)));
        run
    }
}

fn cpu(cores: u64) -> Limits {
    Limits { cpu_millis: Some(cores * 1000), ..Limits::default() }
}

fn queues(paper: &mut Paper, rules: impl IntoIterator<Item = (&'static str, Queue)>) {
    let rules: QueueRules = rules.into_iter().map(|(name, rules)| (name.parse().unwrap(), rules)).collect();
    paper.take(Input::Queues(rules));
}

fn is_active(paper: &Paper, run: RunId) -> bool {
    paper.task_state(run, "a") == TaskState::Active
}

fn active(paper: &Paper, runs: &[RunId]) -> usize {
    runs.iter().filter(|run| is_active(paper, **run)).count()
}

fn why(paper: &Paper, run: RunId) -> String {
    paper.planner.explain(run, paper.now).pop().map(|wait| wait.wait_reason).unwrap_or_default()
}

#[test]
fn a_queue_never_holds_more_than_its_maximum_and_says_so() {
    let mut paper = Paper::with_executor();
    queues(&mut paper, [("small", Queue { maximum: cpu(2), ..Queue::default() })]);
    let wanted = Wanted { queue: "small", ..Wanted::default() };
    let runs: Vec<_> = (0..3).map(|_| wanted.submit(&mut paper)).collect();
    assert_eq!(active(&paper, &runs), 2);
    let said = "queue small is at its maximum: with this task it would hold 3 cpu of 2";
    assert_eq!(paper.task(runs[2], "a").wait_reason.as_deref(), Some(said));
    assert_eq!(why(&paper, runs[2]), said);
    paper.succeed(runs[0], "a");
    assert!(is_active(&paper, runs[2]));
}

#[test]
fn who_may_not_borrow_stays_within_its_guarantee_although_others_are_idle() {
    let mut paper = Paper::with_executor();
    queues(&mut paper, [("own", Queue { guarantee: cpu(1), borrowing: false, ..Queue::default() })]);
    let wanted = Wanted { queue: "own", ..Wanted::default() };
    let runs: Vec<_> = (0..2).map(|_| wanted.submit(&mut paper)).collect();
    assert_eq!(active(&paper, &runs), 1);
    assert!(why(&paper, runs[1]).contains("queue own may not borrow more than its guarantee"));
}

#[test]
fn what_was_borrowed_goes_back_to_the_queue_below_its_guarantee_as_soon_as_something_ends() {
    let mut paper = Paper::with_executor();
    queues(
        &mut paper,
        [
            ("heavy", Queue { weight: 1_000, ..Queue::default() }),
            ("owner", Queue { guarantee: cpu(2), ..Queue::default() }),
        ],
    );
    let heavy = Wanted { queue: "heavy", ..Wanted::default() };
    let borrowed: Vec<_> = (0..8).map(|_| heavy.submit(&mut paper)).collect();
    assert_eq!(active(&paper, &borrowed), 4, "what nobody uses is borrowed");
    let owner = Wanted { queue: "owner", ..Wanted::default() };
    let owned: Vec<_> = (0..3).map(|_| owner.submit(&mut paper)).collect();
    for run in &borrowed[..2] {
        paper.succeed(*run, "a");
    }
    assert_eq!((active(&paper, &owned), active(&paper, &borrowed)), (2, 2));
    paper.succeed(borrowed[2], "a");
    assert_eq!(active(&paper, &owned), 2, "above the guarantee the weights decide");
}

#[test]
fn a_queue_that_is_gone_lets_what_waits_in_it_go_on() {
    let mut paper = Paper::new();
    queues(&mut paper, [("old", Queue::default())]);
    let run = Wanted { queue: "old", ..Wanted::default() }.submit(&mut paper);
    queues(&mut paper, []);
    let unknown = paper.planner.unknown_queue("old").unwrap();
    assert_eq!(unknown.code, "queue.not_found");
    assert!(paper.planner.unknown_queue("default").is_none());
    assert_eq!(
        paper.planner.unknown_queue("defalt").unwrap().hint.as_deref(),
        Some("did you mean `default`?")
    );
    paper.beat("one", 4);
    assert!(is_active(&paper, run));
    assert!(paper.planner.queue_use().contains_key(&"old".parse::<QueueName>().unwrap()));
}

#[test]
fn the_priority_of_a_queue_is_that_of_tasks_that_name_none() {
    let mut paper = Paper::new();
    queues(&mut paper, [("default", Queue { priority: 50, ..Queue::default() })]);
    let named = Wanted { priority: "49", ..Wanted::default() }.submit(&mut paper);
    let plain = Wanted::default().submit(&mut paper);
    paper.beat("one", 1);
    assert!(is_active(&paper, plain) && !is_active(&paper, named));
}

#[test]
fn what_has_waited_for_all_points_goes_before_every_priority() {
    let mut paper = Paper::new();
    let patient = Wanted { priority: "-1000", ..Wanted::default() }.submit(&mut paper);
    let bound_ms = 2_001 * paper.planner.policy.aging_step_ms;
    paper.be_away_ms(bound_ms - 11_000);
    let early = Wanted { priority: "1000", ..Wanted::default() }.submit(&mut paper);
    paper.beat("one", 1);
    assert!(is_active(&paper, early) && !is_active(&paper, patient));
    paper.be_away_ms(11_000);
    let late = Wanted { priority: "1000", ..Wanted::default() }.submit(&mut paper);
    paper.succeed(early, "a");
    paper.beat("one", 1);
    assert!(is_active(&paper, patient) && !is_active(&paper, late));
}

#[test]
fn who_asks_for_much_and_waits_long_goes_before_nobody_who_holds_less() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let flood = |cpu| Wanted { project: "flood", cpu, ..Wanted::default() };
    let first: Vec<_> = (0..2).map(|_| flood("2").submit(&mut paper)).collect();
    let waiting: Vec<_> = (0..8).map(|_| flood("1").submit(&mut paper)).collect();
    for _ in 0..2_500 {
        paper.be_away_ms(paper.planner.policy.aging_step_ms);
        paper.beat("one", 4);
    }
    let other = |priority, cpu| Wanted { project: "other", priority, cpu, ..Wanted::default() };
    let (large, urgent) = (other("0", "2"), other("5", "1"));
    let large = large.submit(&mut paper);
    paper.succeed(first[0], "a");
    assert!(is_active(&paper, large), "of the same priority, but another size");
    let urgent = urgent.submit(&mut paper);
    paper.succeed(large, "a");
    assert!(is_active(&paper, urgent), "of a greater priority");
    assert_eq!(active(&paper, &waiting), 1, "the rest of the room");
    paper.succeed(first[1], "a");
    assert_eq!(active(&paper, &waiting), 3, "nobody else waits");
}

#[test]
fn in_a_queue_the_project_that_holds_least_goes_first_and_then_the_key() {
    let mut paper = Paper::new();
    paper.beat("one", 4);
    let mut submit = |project, key| Wanted { project, key, ..Wanted::default() }.submit(&mut paper);
    let greedy: Vec<_> = (0..6).map(|_| submit("greedy", "x")).collect();
    let (same, other_key) = (submit("greedy", "x"), submit("greedy", "y"));
    let modest = submit("modest", "");
    assert_eq!(active(&paper, &greedy), 4);
    paper.succeed(greedy[0], "a");
    assert!(is_active(&paper, modest), "the other project");
    paper.succeed(greedy[1], "a");
    assert!(is_active(&paper, other_key), "the other key of the same project");
    paper.succeed(greedy[2], "a");
    assert!(is_active(&paper, greedy[4]) && !is_active(&paper, same), "first come, first served");
}

#[test]
fn a_project_at_its_quota_waits_and_others_go_on() {
    let mut paper = Paper::with_executor();
    let quotas = Quotas { cpu_millis: Some(1_000), ..Quotas::default() };
    let quotas = [("limited".parse::<ProjectName>().unwrap(), quotas)].into();
    paper.take(Input::Quotas { quotas, history: Default::default() });
    let mut submit = |project| Wanted { project, ..Wanted::default() }.submit(&mut paper);
    let limited: Vec<_> = (0..2).map(|_| submit("limited")).collect();
    let free = submit("free");
    assert!(is_active(&paper, limited[0]) && !is_active(&paper, limited[1]) && is_active(&paper, free));
    assert_eq!(
        why(&paper, limited[1]),
        "project limited is at its quota: with this task it would hold 2 cpu of 1"
    );
    paper.succeed(limited[0], "a");
    assert!(is_active(&paper, limited[1]));
}

#[test]
fn allocations_follow_the_open_attempts_through_failures_losses_and_cancels() {
    let mut paper = Paper::with_executor();
    let runs: Vec<_> = (0..4).map(|_| Wanted::default().submit(&mut paper)).collect();
    let queue = QueueName::default();
    assert_eq!(paper.planner.allocations.of_queue(&queue).slots, 4);
    paper.fail(runs[0], "a");
    paper.succeed(runs[1], "a");
    paper.take(Input::Command { run: runs[2], command: RunCommand::Cancel { reason: None } });
    assert_eq!(
        paper.planner.allocations.of_queue(&queue).slots,
        2,
        "a cancelled one holds until it has stopped"
    );
    paper.pass_ms(61_000);
    paper.take(Input::Forget("one".parse().unwrap()));
    assert_eq!(paper.planner.allocations.of_queue(&queue), Amount::default());
}

#[test]
fn a_restart_changes_neither_what_is_held_nor_whose_turn_it_is() {
    let rules = || {
        [("a", Queue { weight: 3, ..Queue::default() }), ("b", Queue { maximum: cpu(2), ..Queue::default() })]
    };
    let fill = |paper: &mut Paper| {
        queues(paper, rules());
        paper.beat("one", 4);
        let mut runs = Vec::new();
        for number in 0..24 {
            paper.now = paper.now.plus_ms(7);
            let queue = ["a", "b", "default"][number % 3];
            let project = ["p", "q"][number % 2];
            runs.push(Wanted { queue, project, ..Wanted::default() }.submit(paper));
        }
        runs
    };
    let finish = |paper: &mut Paper, runs: &[RunId]| {
        let mut order = Vec::new();
        while let Some(next) = runs.iter().find(|run| is_active(paper, **run)) {
            paper.succeed(*next, "a");
            order.extend(runs.iter().filter(|run| is_active(paper, **run)).copied().collect::<Vec<_>>());
        }
        order
    };
    let (mut lived, mut restarted) = (Paper::new(), Paper::new());
    let (of_lived, of_restarted) = (fill(&mut lived), fill(&mut restarted));
    let held = restarted.planner.queue_use();
    restarted.restart();
    queues(&mut restarted, rules());
    restarted.beat("one", 4);
    lived.beat("one", 4);
    assert_eq!(restarted.planner.queue_use(), held);
    assert_eq!(finish(&mut restarted, &of_restarted), finish(&mut lived, &of_lived));
}
