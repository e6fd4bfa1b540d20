//! What must be true in the end: nothing waits, nothing is left behind, and everybody has been told.

use emboflow_model::RunState;

use super::super::client::Patience;
use super::super::post::Stream;
use super::super::stage::Stage;

impl Stage {
    /// What is still to come; none when all is quiet.
    pub(in super::super) fn unrest(&self) -> Option<String> {
        if let Some(judged) = self.judge.open_runs().next() {
            let run = &judged.run.summary;
            return Some(format!("I12: {} ({}) is {}", run.id, run.workflow, run.state));
        }
        if let Some(place) = self.clients.asked.iter().position(|ask| ask.is_open()) {
            return Some(format!("P1: the client of ask {place} has no answer"));
        }
        if self.post.waiting(Stream::Intake) + self.post.waiting(Stream::Reports) > 0 {
            return Some("I13: messages are not settled".to_owned());
        }
        let gone = |index: usize| self.executors[index].is_gone;
        let held = |index: &usize| !gone(*index) && !self.executors[*index].disk.attempts.is_empty();
        if let Some(index) = (0..self.executors.len()).find(held) {
            return Some(format!("I13: e{index} still holds attempts"));
        }
        if let Some(((index, attempt), _)) =
            self.witness.containers.iter().find(|((index, _), _)| !gone(*index))
        {
            return Some(format!("I13: e{index} still has the container of {attempt}"));
        }
        if let Some(index) = (0..self.executors.len())
            .find(|index| !gone(*index) && self.post.waiting(Stream::Commands(*index)) > 0)
        {
            return Some(format!("I13: commands wait for e{index}"));
        }
        let (last, lazy) = (self.store.last_seq(), &self.store.lazy);
        let newest = self.store.log.last_key_value().map_or(0, |(seq, _)| *seq);
        if lazy.projection < newest {
            return Some(format!("the documents are at {} of {newest}", lazy.projection));
        }
        if lazy.effects < newest.min(last) {
            return Some(format!("effects are told up to {} of {newest}", lazy.effects));
        }
        None
    }

    /// What must hold when all is quiet.
    pub(in super::super) fn judge_rest(&mut self) {
        if let Err(why) = self.rest() {
            self.fail(why);
        }
    }

    fn rest(&self) -> Result<(), String> {
        for judged in self.judge.runs.values() {
            let summary = &judged.run.summary;
            let stored = self.store.lazy.runs.get(&summary.id);
            if stored != Some(summary) {
                return Err(format!("I15: the document of {} is not what the log says", summary.id));
            }
            for task in judged.run.tasks.values() {
                let stored = self.store.lazy.tasks.get(&(summary.id, task.key.clone()));
                if stored.is_none_or(|stored| stored.state != task.state || stored.attempts != task.attempts)
                {
                    return Err(format!(
                        "I15: the document of {}.{} is not what the log says",
                        summary.id, task.key
                    ));
                }
            }
            let own = self.store.lazy.tasks.values().filter(|task| task.run == summary.id && !task.replaced);
            if let Some(left) = own.into_iter().find(|task| !judged.run.tasks.contains_key(&task.key)) {
                return Err(format!("I15: {}.{} is shown, which is no task any more", summary.id, left.key));
            }
            for version in judged.excused_events + 1..=summary.version {
                if !self.judge.told.contains(&(summary.id, version)) {
                    return Err(format!("P9: {}/{version} was never told", summary.id));
                }
            }
            if summary.state == RunState::Cancelled {
                self.judge_nothing_runs(judged)?;
            }
        }
        for ask in &self.clients.asked {
            let key = (ask.project.clone(), ask.key.clone());
            let is_decided = self.judge.keys.contains_key(&key) || self.judge.rejected.contains(&key);
            let is_buried = self.post.buried.iter().any(|(_, reason)| reason == "redelivered");
            let is_promised = ask.patience == Patience::TrustsNats && ask.makes_run() && !ask.is_excused;
            if is_promised && !is_decided && !is_buried {
                return Err(format!("P2: NATS took {} and nothing was decided on it", ask.key));
            }
        }
        if self.restores == 0 {
            for ((_, key), run) in &self.judge.acked {
                if !self.judge.runs.contains_key(run) {
                    return Err(format!("I1: {key} was answered with {run}, which is not there"));
                }
            }
        }
        Ok(())
    }
}
