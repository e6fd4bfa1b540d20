//! What open attempts hold, by queue, project and fairness key. Every sum is that of a set of attempts and changes only
//! when the set does, so that nothing can leak.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use emboflow_model::queue::Amount;
use emboflow_model::{AttemptId, ProjectName, QueueName, Resources};

/// Who shares with whom inside of a queue: projects, and fairness keys inside of a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Party {
    pub(super) project: ProjectName,
    /// Empty: the run has none.
    pub(super) key: Arc<str>,
}

/// To whom an attempt is charged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Account {
    pub(super) queue: QueueName,
    pub(super) party: Party,
}

/// The open attempts, and the sums of what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allocations {
    open: HashMap<AttemptId, (Account, Amount)>,
    queues: HashMap<QueueName, Amount>,
    projects: HashMap<ProjectName, Amount>,
    projects_in_queues: HashMap<(QueueName, ProjectName), Amount>,
    accounts: HashMap<Account, Amount>,
}

impl Allocations {
    /// The attempt holds this from now on; one that is known holds what it held.
    pub(super) fn hold(&mut self, attempt: AttemptId, account: Account, resources: &Resources) {
        let amount = Amount::of(resources);
        if self.open.contains_key(&attempt) {
            return;
        }
        self.change(&account, &amount, Amount::plus);
        self.open.insert(attempt, (account, amount));
    }

    /// The opposite of [`Allocations::hold`].
    pub(super) fn free(&mut self, attempt: &AttemptId) {
        if let Some((account, amount)) = self.open.remove(attempt) {
            self.change(&account, &amount, Amount::minus);
        }
    }

    pub(super) fn of_queue(&self, queue: &QueueName) -> Amount {
        self.queues.get(queue).copied().unwrap_or_default()
    }

    pub(super) fn of_project(&self, project: &ProjectName) -> Amount {
        self.projects.get(project).copied().unwrap_or_default()
    }

    pub(super) fn of_project_in(&self, queue: &QueueName, project: &ProjectName) -> Amount {
        self.projects_in_queues.get(&(queue.clone(), project.clone())).copied().unwrap_or_default()
    }

    pub(super) fn of_account(&self, account: &Account) -> Amount {
        self.accounts.get(account).copied().unwrap_or_default()
    }

    /// Everybody who holds something.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.keys()
    }

    fn change(&mut self, account: &Account, amount: &Amount, how: fn(&Amount, &Amount) -> Amount) {
        let Account { queue, party } = account;
        set(&mut self.queues, queue.clone(), amount, how);
        set(&mut self.projects, party.project.clone(), amount, how);
        set(&mut self.projects_in_queues, (queue.clone(), party.project.clone()), amount, how);
        set(&mut self.accounts, account.clone(), amount, how);
    }
}

/// Who holds nothing is not in the sums.
fn set<K: Eq + Hash>(
    sums: &mut HashMap<K, Amount>,
    key: K,
    amount: &Amount,
    how: fn(&Amount, &Amount) -> Amount,
) {
    let before = sums.get(&key).copied().unwrap_or_default();
    match how(&before, amount) {
        nothing if nothing == Amount::default() => drop(sums.remove(&key)),
        some => drop(sums.insert(key, some)),
    }
}

#[cfg(test)]
mod tests {
    use emboflow_model::RunId;
    use proptest::prelude::*;

    use super::*;

    fn account(queue: u8, project: u8, key: u8) -> Account {
        let party = Party {
            project: ProjectName::new(format!("p{project}")).unwrap(),
            key: format!("k{key}").into(),
        };
        Account { queue: QueueName::new(format!("q{queue}")).unwrap(), party }
    }

    fn attempt(number: u32) -> AttemptId {
        AttemptId { run: RunId::from_bits(1), task: "a".parse().unwrap(), number }
    }

    /// What the sums are when they are computed from the set alone.
    fn recomputed(allocations: &Allocations) -> Allocations {
        let mut anew = Allocations::default();
        for (account, amount) in allocations.open.values() {
            anew.change(account, amount, Amount::plus);
        }
        anew.open = allocations.open.clone();
        anew
    }

    proptest! {
        #[test]
        fn the_sums_are_those_of_the_open_attempts_whatever_is_held_and_freed_how_often(
            steps in prop::collection::vec((any::<bool>(), 0u32..20, 0u8..3, 0u8..3, 0u8..3, 0u64..5_000), 1..200)
        ) {
            let mut allocations = Allocations::default();
            for (holds, number, queue, project, key, cpu_millis) in steps {
                let resources = Resources { cpu_millis, ..Resources::default() };
                match holds {
                    true => allocations.hold(attempt(number), account(queue, project, key), &resources),
                    false => allocations.free(&attempt(number)),
                }
                prop_assert_eq!(&allocations, &recomputed(&allocations));
            }
            for number in 0..20 {
                allocations.free(&attempt(number));
            }
            prop_assert_eq!(allocations, Allocations::default());
        }
    }
}
