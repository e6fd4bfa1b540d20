//! Gates: how many of a key there may be at the same time, and how many may start within a time. Who has to wait stands
//! in the key's own line, never in a lane. Who is inside follows from the open runs and attempts, so that nothing can
//! leak; only the moments of starts are remembered for as long as they count.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use emboflow_model::workflow::turn;
use emboflow_model::{ProjectName, RunId, TaskKey, Timestamp};

/// What passes a gate: a whole run, or one task.
pub(super) type Entrant = (RunId, Option<TaskKey>);

/// What a gate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Counts {
    AtOnce,
    Starts,
}

/// A gate of a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GateId {
    project: ProjectName,
    /// Runs and tasks have keys of their own: no task waits for the run that it is a part of.
    of_tasks: bool,
    counts: Counts,
    key: Arc<str>,
}

/// What one entrant asks of a gate.
#[derive(Clone, Debug)]
struct Asked {
    gate: GateId,
    limit: usize,
    /// Starts count for so long.
    per_ms: u64,
}

/// How far an entrant has come.
#[derive(Clone)]
struct Passing {
    asked: Vec<Asked>,
    /// So many gates have let it in; it stands at the next one.
    passed: usize,
    since: Timestamp,
}

/// A start that counts for a rate.
pub(super) struct RatedStart {
    pub(super) rate: turn::Rate,
    pub(super) of_task: bool,
    pub(super) at: Timestamp,
}

/// Who is inside, and who waits, first come first.
#[derive(Clone, Default)]
struct Line {
    inside: BTreeMap<Entrant, Timestamp>,
    waiting: BTreeSet<(Timestamp, Entrant)>,
    /// When somebody inside started; oldest first.
    starts: VecDeque<Timestamp>,
    /// For so long at most they count.
    longest_ms: u64,
}

/// Why an entrant waits.
pub(super) struct Standing<'g> {
    pub(super) key: &'g str,
    pub(super) limit: usize,
    /// Within this time, where starts are counted.
    pub(super) per_ms: Option<u64>,
    /// Who has been inside for longest.
    pub(super) holder: Option<&'g Entrant>,
    /// Entrants that come before it.
    pub(super) ahead: usize,
}

/// Entrants before another one that are counted at most, so that an explanation costs the same however long the line is.
const COUNTED: usize = 100;

impl Standing<'_> {
    /// More come before it than are counted.
    pub(super) fn is_cut(&self) -> bool {
        self.ahead >= COUNTED
    }
}

/// All gates that somebody stands at or is counted by.
#[derive(Clone, Default)]
pub(super) struct Gates {
    lines: BTreeMap<GateId, Line>,
    passing: HashMap<Entrant, Passing>,
    /// Gates where somebody may be let in now.
    stirred: BTreeSet<GateId>,
}

/// What became of letting in.
#[derive(Default)]
pub(super) struct LetIn {
    /// They have passed all their gates.
    pub(super) entrants: Vec<Entrant>,
    /// When to look at a gate again.
    pub(super) wake: Vec<(Timestamp, GateId)>,
}

impl Gates {
    /// Stands at its first gate from now on. False: it has none to pass.
    pub(super) fn enter(
        &mut self,
        project: &ProjectName,
        entrant: &Entrant,
        gates: &turn::Gates,
        since: Timestamp,
    ) -> bool {
        let asked = asked(project, entrant, gates);
        let Some(first) = asked.first().map(|asked| asked.gate.clone()) else { return false };
        self.leave(entrant);
        self.lines.entry(first.clone()).or_default().waiting.insert((since, entrant.clone()));
        self.passing.insert(entrant.clone(), Passing { asked, passed: 0, since });
        self.stirred.insert(first);
        true
    }

    /// Is inside already, however many there are: it was let in before a restart. `started` says when it started; what
    /// has not started counts for a rate until it does.
    pub(super) fn hold(
        &mut self,
        project: &ProjectName,
        entrant: &Entrant,
        gates: &turn::Gates,
        since: Timestamp,
        started: bool,
    ) {
        let asked = asked(project, entrant, gates);
        for Asked { gate, .. } in asked.iter().filter(|asked| asked.gate.counts == Counts::AtOnce || !started)
        {
            self.lines.entry(gate.clone()).or_default().inside.insert(entrant.clone(), since);
        }
        let passed = asked.len();
        if passed > 0 {
            self.passing.insert(entrant.clone(), Passing { asked, passed, since });
        }
    }

    /// Something of the key started at this time, as the records tell.
    pub(super) fn remember_start(&mut self, project: &ProjectName, start: &RatedStart) {
        let asked = asked_rate(project, start.of_task, &start.rate);
        let at = start.at;
        let line = self.lines.entry(asked.gate.clone()).or_default();
        line.longest_ms = line.longest_ms.max(asked.per_ms);
        let place = line.starts.partition_point(|known| *known <= at);
        line.starts.insert(place, at);
        self.stirred.insert(asked.gate);
    }

    /// It starts: where starts are counted, it counts from now on for its time.
    pub(super) fn start(&mut self, entrant: &Entrant, now: Timestamp) {
        let Some(passing) = self.passing.get(entrant) else { return };
        let rates = passing.asked.iter().filter(|asked| asked.gate.counts == Counts::Starts);
        for Asked { gate, per_ms, .. } in rates {
            if let Some(line) = self.lines.get_mut(gate) {
                line.inside.remove(entrant);
                line.starts.push_back(now);
                line.longest_ms = line.longest_ms.max(*per_ms);
                // Only now is known when the next may follow.
                self.stirred.insert(gate.clone());
            }
        }
    }

    /// It is over, or stands in a lane no more.
    pub(super) fn leave(&mut self, entrant: &Entrant) {
        let Some(Passing { asked, since, .. }) = self.passing.remove(entrant) else { return };
        for Asked { gate, .. } in asked {
            if let Some(line) = self.lines.get_mut(&gate) {
                line.inside.remove(entrant);
                line.waiting.remove(&(since, entrant.clone()));
                self.stirred.insert(gate);
            }
        }
    }

    pub(super) fn stir(&mut self, gate: GateId) {
        self.stirred.insert(gate);
    }

    pub(super) fn is_stirred(&self) -> bool {
        !self.stirred.is_empty()
    }

    /// Lets in everybody for whom there is room.
    pub(super) fn let_in(&mut self, now: Timestamp) -> LetIn {
        let mut let_in = LetIn::default();
        while let Some(gate) = self.stirred.pop_first() {
            while let Some(entrant) = self.next_at(&gate, now, &mut let_in) {
                self.advance(entrant, &mut let_in);
            }
        }
        let_in
    }

    /// The first who waits at a gate goes in, if there is room.
    fn next_at(&mut self, gate: &GateId, now: Timestamp, let_in: &mut LetIn) -> Option<Entrant> {
        let line = self.lines.get_mut(gate)?;
        line.forget_starts(now);
        let Some((since, entrant)) = line.waiting.first().cloned() else {
            match line.starts.back() {
                Some(last) => let_in.wake.push((last.plus_ms(line.longest_ms), gate.clone())),
                None if line.inside.is_empty() => drop(self.lines.remove(gate)),
                None => {}
            }
            return None;
        };
        let passing = self.passing.get(&entrant)?;
        let asked = &passing.asked[passing.passed];
        if let Some(full) = line.full_until(asked, now) {
            let_in.wake.extend(full.map(|at| (at, gate.clone())));
            return None;
        }
        line.waiting.pop_first();
        line.inside.insert(entrant.clone(), since);
        Some(entrant)
    }

    /// Has passed one more gate.
    fn advance(&mut self, entrant: Entrant, let_in: &mut LetIn) {
        let Some(passing) = self.passing.get_mut(&entrant) else { return };
        passing.passed += 1;
        match passing.asked.get(passing.passed) {
            None => let_in.entrants.push(entrant),
            Some(next) => {
                let line = self.lines.entry(next.gate.clone()).or_default();
                line.waiting.insert((passing.since, entrant));
                self.stirred.insert(next.gate.clone());
            }
        }
    }

    /// Why it waits; none when it has passed all its gates, or has none.
    pub(super) fn standing(&self, entrant: &Entrant) -> Option<Standing<'_>> {
        let passing = self.passing.get(entrant)?;
        let asked = passing.asked.get(passing.passed)?;
        let line = self.lines.get(&asked.gate)?;
        let holder = line.inside.iter().min_by_key(|(entrant, since)| (**since, *entrant));
        let own = (passing.since, entrant.clone());
        Some(Standing {
            key: &asked.gate.key,
            limit: asked.limit,
            per_ms: (asked.gate.counts == Counts::Starts).then_some(asked.per_ms),
            holder: holder.map(|(entrant, _)| entrant),
            ahead: line.waiting.iter().take(COUNTED).take_while(|other| **other != own).count(),
        })
    }

    /// The runs of a key that are inside or wait, oldest first.
    pub(super) fn runs_of(&self, project: &ProjectName, key: &str) -> Vec<RunId> {
        let gate =
            GateId { project: project.clone(), of_tasks: false, counts: Counts::AtOnce, key: key.into() };
        let Some(line) = self.lines.get(&gate) else { return Vec::new() };
        let inside: BTreeSet<_> =
            line.inside.iter().map(|(entrant, since)| (*since, entrant.clone())).collect();
        inside.into_iter().chain(line.waiting.iter().cloned()).map(|(_, (run, _))| run).collect()
    }

    /// Nobody is counted, and nobody waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.passing.is_empty() && self.stirred.is_empty()
    }

    /// How many tasks and runs wait at a gate.
    pub(super) fn waiting(&self) -> usize {
        self.lines.values().map(|line| line.waiting.len()).sum()
    }
}

impl Line {
    /// None: there is room. Otherwise when to look again, if that is known.
    fn full_until(&self, asked: &Asked, now: Timestamp) -> Option<Option<Timestamp>> {
        let counted = self.starts.partition_point(|at| at.plus_ms(asked.per_ms) <= now);
        let starts = self.starts.len() - counted;
        let used = self.inside.len() + starts;
        if used < asked.limit {
            return None;
        }
        // So many starts must be forgotten first; where that is not enough, somebody inside has to move.
        let last = (used - asked.limit < starts).then(|| self.starts[counted + used - asked.limit]);
        Some(last.map(|at| at.plus_ms(asked.per_ms)))
    }

    fn forget_starts(&mut self, now: Timestamp) {
        while self.starts.front().is_some_and(|at| at.plus_ms(self.longest_ms) <= now) {
            self.starts.pop_front();
        }
    }
}

fn asked(project: &ProjectName, (_, task): &Entrant, gates: &turn::Gates) -> Vec<Asked> {
    let of_tasks = task.is_some();
    let at_once = gates.concurrency.as_ref().map(|concurrency| Asked {
        gate: GateId {
            project: project.clone(),
            of_tasks,
            counts: Counts::AtOnce,
            key: concurrency.key.as_str().into(),
        },
        limit: concurrency.limit as usize,
        per_ms: 0,
    });
    at_once.into_iter().chain(gates.rate.as_ref().map(|rate| asked_rate(project, of_tasks, rate))).collect()
}

fn asked_rate(project: &ProjectName, of_tasks: bool, rate: &turn::Rate) -> Asked {
    Asked {
        gate: GateId {
            project: project.clone(),
            of_tasks,
            counts: Counts::Starts,
            key: rate.key.as_str().into(),
        },
        limit: rate.limit as usize,
        per_ms: rate.per_ms,
    }
}
