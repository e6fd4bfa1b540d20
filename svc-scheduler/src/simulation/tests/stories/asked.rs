//! Stories of tasks that people decide.

use emboflow_model::RunId;
use emboflow_model::state::{Reason, RunState, TaskState};
use serde_json::{Value, json};

use super::super::super::client::project;
use super::super::super::scheduler::Condition;
use super::Story;

const REVIEW: &str = "version: 1\nname: review\ndefaults: { image: i }\ntasks:\n  a: {}\n  review: { needs: [a], approval: { message: m, timeout: 60s, inputs: { n: { type: integer, default: 1 } } } }\n  z: { needs: [review] }\n";

impl Story {
    fn until_asked(&mut self, run: RunId) {
        self.until("people are asked", |stage| !stage.judge.runs[&run].run.summary.approvals.is_empty());
    }

    /// What somebody is answered who decides.
    fn decide(&mut self, run: RunId, approve: bool, inputs: &Value) -> Result<RunId, Vec<String>> {
        let waiting = (project("default"), run, "review".parse().unwrap());
        let place = self.on_stage(|stage| stage.decide(waiting, approve, inputs));
        self.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
        self.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap()
    }
}

#[test]
fn a_question_outlives_the_scheduler_that_asked_it_and_is_answered_once() {
    let mut story = Story::begin();
    let run = story.submit(REVIEW);
    story.until_asked(run);
    let asked = story.task(run, "review").approval.unwrap();
    // Its successor decides nothing on it, however often it dies.
    for _ in 0..3 {
        story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
        story.submit("version: 1\nname: other\ntasks: { a: { image: i } }\n");
        story.on_stage(|stage| stage.kill_at_next_entry = None);
    }
    assert_eq!(story.task(run, "review").approval.unwrap(), asked, "nobody is asked twice");
    // It dies at the very moment of the decision: the client asks again, and is told that it was taken.
    story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
    let waiting = (project("default"), run, "review".parse().unwrap());
    let place = story.on_stage(|stage| stage.decide(waiting, true, &json!({ "n": 4 })));
    story.pass_ms(1_000);
    story.on_stage(|stage| stage.kill_at_next_entry = None);
    story.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
    assert_eq!(story.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap(), Ok(run));
    assert_eq!(story.decide(run, true, &json!({ "n": 4 })), Ok(run), "the same again");
    assert_eq!(story.decide(run, true, &json!({})), Err(vec!["approval.decided".to_owned()]));
    assert_eq!(story.decide(run, false, &json!({})), Err(vec!["approval.decided".to_owned()]));
    story.until_state(run, RunState::Succeeded);
    assert_eq!(story.task(run, "review").values["n"], 4);
    assert_eq!(story.decide(run, true, &json!({ "n": 4 })), Ok(run), "also when the run has ended");
    story.end();
}

#[test]
fn the_time_to_decide_ends_although_no_scheduler_was_there_when_it_did() {
    let mut story = Story::begin();
    let run = story.submit(REVIEW);
    story.until_asked(run);
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Stopped);
    story.pass_ms(90_000);
    assert_eq!(story.task(run, "review").state, TaskState::Waiting);
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Running);
    story.until_state(run, RunState::Failed);
    assert_eq!(story.task(run, "review").reason, Some(Reason::ApprovalTimeout));
    assert_eq!(story.decide(run, true, &json!({})), Err(vec!["approval.not_open".to_owned()]));
    story.end();
}
