//! People who decide on what waits for them: at once or late, twice, in both ways, with wrong values, and on what nobody
//! asks.

use emboflow_model::approval::Decision;
use emboflow_model::{ProjectName, Run, RunId, TaskKey};
use emboflow_protocol::request::{DecideBody, Verb};
use serde_json::{Map, Value, json};

use super::client::Ask;
use super::stage::Stage;

impl Ask {
    /// The decision that it asks for.
    pub(super) fn decision(&self) -> Option<DecideBody> {
        (self.verb == Verb::Decide).then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }
}

/// A task that waits for a person.
type Waiting = (ProjectName, RunId, TaskKey);

impl Stage {
    /// Somebody says yes or no.
    pub(super) fn decide(&mut self, (project, run, task): Waiting, approve: bool, inputs: &Value) -> usize {
        let body = json!({ "run": run, "task": task, "approve": approve, "inputs": inputs });
        self.order_with(Verb::Decide, project, &body)
    }

    /// What waits for people, as the log says.
    pub(super) fn asked_of_people(&self) -> Vec<Waiting> {
        let open = self.judge.open_runs().map(|judged| &judged.run.summary);
        let tasks =
            open.flat_map(|run| run.approvals.iter().map(|task| (run.project.clone(), run.id, task.clone())));
        tasks.collect()
    }

    /// From time to time somebody looks at what waits.
    pub(super) fn let_people_decide(&mut self) {
        for waiting in self.asked_of_people() {
            self.decide_by_lot(waiting);
        }
        if self.now < self.plan.trouble_ms {
            let pause = self.dice.between(500, 6_000);
            self.after(pause, Stage::let_people_decide);
        }
    }

    fn decide_by_lot(&mut self, waiting: Waiting) {
        let (nothing, some) = (json!({}), json!({ "n": self.dice.below(3) }));
        match self.dice.below(10) {
            0 | 1 => drop(self.decide(waiting, true, &some)),
            2 => drop(self.decide(waiting, false, &nothing)),
            3 => {
                self.decide(waiting.clone(), true, &nothing);
                self.decide(waiting, false, &nothing);
            }
            4 => {
                self.decide(waiting.clone(), true, &some);
                self.decide(waiting, true, &some);
            }
            5 => drop(self.decide(waiting, true, &json!({ "n": "many" }))),
            6 => {
                let (project, run, _) = waiting;
                let nobody_asks = "z".parse().expect("it is a name");
                self.decide((project, run, nobody_asks), true, &nothing);
            }
            _ => {}
        }
    }

    /// I19: who is told that a decision was taken finds it in the log.
    pub(super) fn judge_decision_told(&mut self, place: usize) {
        let Some(told) = self.clients.asked[place].decision() else { return };
        let decision = self.judge.runs.get(&told.run).and_then(|judged| decision_on(&judged.run, &told.task));
        if self.restores == 0 && decision.is_none_or(|decision| decision.approved != told.approve) {
            let what = if told.approve { "approved" } else { "rejected" };
            self.fail(format!("I19: it is told that {} of {} was {what}: {decision:?}", told.task, told.run));
        }
    }

    /// Whether somebody has asked for this decision, with these values.
    pub(super) fn has_asked_for(
        &self,
        run: RunId,
        task: &TaskKey,
        approved: bool,
        values: &Map<String, Value>,
    ) -> bool {
        let is_it = |body: DecideBody| {
            let has_given = |(name, given): (&String, &Value)| values.get(name) == Some(given);
            body.run == run
                && body.task == *task
                && body.approve == approved
                && body.inputs.iter().all(has_given)
        };
        self.clients.asked.iter().filter_map(Ask::decision).any(is_it)
    }
}

fn decision_on<'r>(run: &'r Run, task: &TaskKey) -> Option<&'r Decision> {
    run.tasks.get(task)?.approval.as_ref()?.decision.as_ref()
}
