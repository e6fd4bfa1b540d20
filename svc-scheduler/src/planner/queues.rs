//! The queues: their rules, and which of them goes first.

use std::collections::{BTreeMap, HashMap};

use emboflow_model::queue::{Amount, Queue, shown};
use emboflow_model::workflow::nearest;
use emboflow_model::{AttemptId, ProjectName, QueueName, Resources, Timestamp};
use emboflow_protocol::{ErrorCode, FieldError};

use super::Planner;
use super::aging::Aging;
use super::allocation::{Account, Party};
use super::ready::{LaneKey, Shares};

/// The rules of queues, by name.
pub(crate) type QueueRules = BTreeMap<QueueName, Queue>;

/// The rules of all queues. `default` always has some.
#[derive(Clone)]
pub(super) struct QueueBook {
    rules: QueueRules,
    /// Of a queue that is gone: what waits in it goes on with a weight of 1.
    gone: Queue,
}

impl Default for QueueBook {
    fn default() -> Self {
        Self { rules: [(QueueName::default(), Queue::default())].into(), gone: Queue::default() }
    }
}

impl QueueBook {
    pub(super) fn replace(&mut self, rules: QueueRules) {
        self.rules = rules;
        self.rules.entry(QueueName::default()).or_default();
    }

    pub(super) fn rules(&self, queue: &QueueName) -> &Queue {
        self.rules.get(queue).unwrap_or(&self.gone)
    }
}

/// The place of a queue among the others: the least is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueRank {
    /// What it would hold is more than what is guaranteed to it.
    pub(super) is_above_guarantee: bool,
    /// Its dominant share for each point of its weight.
    pub(super) share: u128,
}

/// What a queue has and waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueUse {
    /// What its open attempts hold.
    pub(crate) held: Amount,
    /// The greatest part of any resource that it holds, in parts per billion.
    pub(crate) share: u64,
    /// Tasks that are ready and have no executor.
    pub(crate) waiting: usize,
    /// Since when the first of them has waited.
    pub(crate) oldest: Option<Timestamp>,
}

impl Planner {
    /// What is wrong with the name of a queue in a request; none when there is such a queue.
    pub(crate) fn unknown_queue(&self, queue: &str) -> Option<FieldError> {
        if self.queues.rules.keys().any(|known| known.as_str() == queue) {
            return None;
        }
        let suggestion = nearest(queue, self.queues.rules.keys().map(QueueName::as_str));
        let hint = match suggestion {
            Some(known) => format!("did you mean `{known}`?"),
            None => ErrorCode::QueueNotFound.advice().to_owned(),
        };
        let shown: String = queue.chars().take(80).collect();
        let error = FieldError::new(ErrorCode::QueueNotFound, format!("there is no queue '{shown}'"));
        Some(FieldError { hint: Some(hint), pointer: Some("/queue".to_owned()), ..error })
    }

    /// The priority of tasks in a queue whose file names none.
    pub(super) fn queue_priority(&self, queue: &QueueName) -> i32 {
        self.queues.rules(queue).priority
    }

    /// An attempt holds something from now on.
    pub(super) fn hold_for(&mut self, attempt: AttemptId, account: Account, resources: &Resources) {
        self.allocations.hold(attempt, account.clone(), resources);
        self.reshare(&account);
    }

    /// An attempt holds nothing any more.
    pub(super) fn free_of(&mut self, attempt: &AttemptId, account: &Account) {
        self.allocations.free(attempt);
        self.reshare(account);
    }

    fn reshare(&mut self, account: &Account) {
        let shares = Shares { allocations: &self.allocations, total: self.total };
        self.ready.reshare(account, &shares);
    }

    /// All that the executors have together has changed, and the parts of it with it.
    pub(super) fn measure_total(&mut self) {
        let beats = self.executors.values().filter_map(|known| known.heartbeat.as_ref());
        let total = beats.fold(Amount::default(), |total, beat| {
            total.plus(&Amount { slots: u64::from(beat.slots), ..Amount::of(&beat.capacity) })
        });
        if total == self.total {
            return;
        }
        self.total = total;
        let accounts: Vec<Account> = self.allocations.accounts().cloned().collect();
        for account in accounts {
            self.reshare(&account);
        }
    }

    pub(super) fn aging(&self, now: Timestamp) -> Aging {
        Aging { now, step_ms: self.policy.aging_step_ms }
    }

    /// The place of a queue that would hold this much.
    pub(super) fn queue_rank(&self, queue: &QueueName, would_hold: &Amount) -> QueueRank {
        let rules = self.queues.rules(queue);
        let share = self.allocations.of_queue(queue).dominant_share(&self.total);
        QueueRank {
            is_above_guarantee: !rules.guarantees(would_hold),
            share: (u128::from(share) << 32) / u128::from(rules.weight.max(1)),
        }
    }

    /// Why a queue may not hold this much in all, in words; none when it may.
    pub(super) fn over_queue(&self, queue: &QueueName, would_hold: &Amount) -> Option<String> {
        let rules = self.queues.rules(queue);
        let over = rules.over_maximum(would_hold)?;
        let (held, limit) = (shown(over.what, over.held), shown(over.what, over.limit));
        let which = match rules.maximum.exceeded_by(would_hold) {
            Some(_) => "is at its maximum",
            None => "may not borrow more than its guarantee",
        };
        Some(format!("queue {queue} {which}: with this task it would hold {held} {} of {limit}", over.what))
    }

    /// Why the tasks of a project in a lane may not start although there were room, in words; none when they may.
    pub(super) fn held_back(&self, lane: &LaneKey, project: &ProjectName) -> Option<String> {
        let need = lane.shape.need();
        let would_hold = self.allocations.of_queue(&lane.queue).plus(&need);
        self.over_queue(&lane.queue, &would_hold).or_else(|| self.over_held_quota(project, &need))
    }

    /// All that the executors have together.
    pub(crate) fn total(&self) -> Amount {
        self.total
    }

    /// What each queue has and waits for, by name; those that are gone and still hold something are among them.
    pub(crate) fn queue_use(&self) -> BTreeMap<QueueName, QueueUse> {
        let mut uses: BTreeMap<QueueName, QueueUse> =
            self.queues.rules.keys().map(|queue| (queue.clone(), QueueUse::default())).collect();
        for (lane, tasks, oldest) in self.ready.lanes() {
            let used = uses.entry(lane.queue.clone()).or_default();
            used.waiting += tasks;
            used.oldest = Some(used.oldest.map_or(oldest, |known| known.min(oldest)));
        }
        for account in self.allocations.accounts() {
            uses.entry(account.queue.clone()).or_default();
        }
        for (queue, used) in &mut uses {
            used.held = self.allocations.of_queue(queue);
            used.share = used.held.dominant_share(&self.total);
        }
        uses
    }
}

/// To whom the attempts of a run are charged.
pub(super) fn account_of(run: &emboflow_model::RunSummary) -> Account {
    let key = run.fairness_key.as_deref().unwrap_or_default().into();
    Account { queue: run.queue.clone(), party: Party { project: run.project.clone(), key } }
}

/// Waits that many tasks share, said once.
#[derive(Default)]
pub(super) struct Said(HashMap<(usize, ProjectName), String>);

impl Said {
    /// What was said of a lane and a project, or what `say` says now.
    pub(super) fn once(
        &mut self,
        lane: &std::sync::Arc<LaneKey>,
        project: &ProjectName,
        say: impl FnOnce() -> String,
    ) -> String {
        let key = (std::sync::Arc::as_ptr(lane) as usize, project.clone());
        self.0.entry(key).or_insert_with(say).clone()
    }
}
