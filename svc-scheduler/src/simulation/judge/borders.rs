//! Projects are apart, and what nobody can read is never lost silently.

use emboflow_model::{RunId, RunState};
use emboflow_protocol::dead_letter::project_of_subject;
use emboflow_protocol::request::{RunBody, Verb};

use super::super::post::Mail;
use super::super::stage::Stage;
use super::Judged;

impl Stage {
    /// I14: nobody is told that something was done with a run of another project.
    pub(super) fn judge_borders(&self, place: usize, was_done: bool) -> Result<(), String> {
        let ask = &self.clients.asked[place];
        if !was_done || matches!(ask.verb, Verb::Submit | Verb::Batch) || self.restores > 0 {
            return Ok(());
        }
        let Ok(body) = serde_json::from_slice::<Run>(&ask.body) else { return Ok(()) };
        match self.judge.runs.get(&body.run) {
            Some(judged) if judged.run.summary.project != ask.project => {
                let (project, verb) = (&ask.project, ask.verb.token());
                Err(format!("I14: {project} is told that it could {verb} {}, which is another's", body.run))
            }
            _ => Ok(()),
        }
    }

    /// I14: a run is paused only by its own project.
    pub(super) fn judge_paused(&self, judged: &Judged, to: RunState) -> Result<(), String> {
        let summary = &judged.run.summary;
        let is_it = |ask: &super::super::client::Ask| {
            ask.verb == Verb::Pause
                && ask.project == summary.project
                && serde_json::from_slice::<RunBody>(&ask.body).is_ok_and(|body| body.run == summary.id)
        };
        if to != RunState::Paused || self.clients.asked.iter().any(is_it) {
            return Ok(());
        }
        Err(format!("I14: {} is paused, and nobody of {} has asked for that", summary.id, summary.project))
    }

    /// I14: what is told of a run is told to its own project.
    pub(super) fn judge_event_of(&self, subject: &str, run: RunId) -> Result<(), String> {
        let told = subject.split('.').nth(2);
        match self.judge.runs.get(&run).map(|judged| &judged.run.summary.project) {
            Some(project) if told != Some(project.as_str()) => {
                Err(format!("I14: {subject} tells of {run}, which is of {project}"))
            }
            _ => Ok(()),
        }
    }

    /// I11: a request becomes a dead letter only after its refusal is in the log.
    pub(in super::super) fn judge_buried(&mut self, mail: &Mail, reason: &str) {
        let named = project_of_subject(&mail.subject).zip(mail.key.clone());
        let Some(key) = named.filter(|_| reason == "unreadable_request") else { return };
        if !self.judge.rejected.contains(&key) {
            self.fail(format!("I11: {} is a dead letter, and the log has no refusal of it", key.1));
        }
    }
}

/// The run that an order is about, whatever else it says.
#[derive(serde::Deserialize)]
struct Run {
    run: RunId,
}
