//! Clients: people and systems that ask for runs, and ask again with the same key until they have an answer; some
//! trust NATS, and never ask again.

use std::collections::BTreeMap;

use bytes::Bytes;
use emboflow_model::AttemptId;
use emboflow_model::{ProjectName, RunId, RunState};
use emboflow_protocol::batch::BatchAnswer;
use emboflow_protocol::call::{Claim, ClaimAnswer, ForgetAnswer, ForgetExecutor};
use emboflow_protocol::request::{Answer, RunBody, Verb, body_sha256, reply_subject, request_subject};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::post::Stream;
use super::sabotage;
use super::stage::Stage;
use super::workload::{CACHED, LIMITED_QUEUES, WORKFLOWS};
use crate::driver::Signal;

/// Whoever has no answer by then asks again.
const ASKS_AGAIN_MS: u64 = 4_000;

/// Everything that was ever asked for.
#[derive(Default)]
pub(super) struct Clients {
    pub(super) asked: Vec<Ask>,
    /// The bodies by key: who submits, and what.
    pub(super) bodies: BTreeMap<(ProjectName, String), String>,
}

/// One thing that a client asks for.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) project: ProjectName,
    pub(super) verb: Verb,
    pub(super) key: String,
    pub(super) body: Bytes,
    pub(super) patience: Patience,
    /// The run, or the codes of the errors.
    pub(super) answer: Option<Result<RunId, Vec<String>>>,
    /// NATS has taken it.
    pub(super) is_stored: bool,
    /// It was asked in a time that a restore has undone.
    pub(super) is_excused: bool,
}

/// How long a client waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Asks until there is an answer.
    AsksAgain,
    /// Once NATS has it, it goes away.
    TrustsNats,
    /// Asks once and goes away.
    Careless,
}

impl Clients {
    /// Whether somebody wants a run to end without what follows its other tasks.
    pub(super) fn want_no_finals(&self, run: RunId) -> bool {
        let wants = |ask: &Ask| {
            serde_json::from_slice::<RunBody>(&ask.body)
                .is_ok_and(|body| body.run == run && body.skip_finally)
        };
        self.asked.iter().any(wants)
    }
}

impl Ask {
    pub(super) fn makes_run(&self) -> bool {
        matches!(self.verb, Verb::Submit | Verb::Retry)
    }

    /// Whether the client still waits for something.
    pub(super) fn is_open(&self) -> bool {
        match self.patience {
            Patience::AsksAgain => self.answer.is_none(),
            Patience::TrustsNats => !self.is_stored,
            Patience::Careless => false,
        }
    }
}

pub(super) fn project(name: &str) -> ProjectName {
    ProjectName::new(name).expect("it is a name")
}

impl Stage {
    /// Asks for something, from now on.
    pub(super) fn ask(&mut self, ask: Ask) -> usize {
        let place = self.enlist(ask);
        self.ask_once(place);
        place
    }

    /// Somebody wants something, and has not said so yet.
    pub(super) fn enlist(&mut self, ask: Ask) -> usize {
        let place = self.clients.asked.len();
        if ask.makes_run() {
            let key = (ask.project.clone(), ask.key.clone());
            self.clients.bodies.entry(key).or_insert_with(|| body_sha256(&ask.body));
        }
        self.clients.asked.push(ask);
        place
    }

    pub(super) fn ask_once(&mut self, place: usize) {
        let ask = self.clients.asked[place].clone();
        if !ask.is_open() && ask.patience != Patience::Careless {
            return;
        }
        let is_heard = !self.trouble.post.is_away && !self.dice.in_a_thousand(self.trouble.post.lost);
        if is_heard {
            let subject = request_subject(&ask.project, ask.verb).as_str().to_owned();
            let reply_to = reply_subject(&ask.project, &format!("ask-{place}")).as_str().to_owned();
            self.note(|| format!("client asks {place}: {subject} {}", ask.key));
            self.store_mail(
                Stream::Intake,
                subject,
                (Some(ask.key.clone()), Some(reply_to)),
                ask.body.clone(),
            );
            self.clients.asked[place].is_stored = true;
        }
        if ask.patience != Patience::Careless {
            let pause = self.dice.between(ASKS_AGAIN_MS, 2 * ASKS_AGAIN_MS);
            self.after(pause, move |stage| stage.ask_once(place));
        }
    }

    /// Submits a workflow file. Gives the place of the ask.
    pub(super) fn submit(&mut self, project: ProjectName, source: &str, patience: Patience) -> usize {
        self.submit_to(project, source, None, patience)
    }

    fn submit_to(
        &mut self,
        project: ProjectName,
        source: &str,
        queue: Option<&str>,
        patience: Patience,
    ) -> usize {
        let body = body_of(source, queue);
        let ask = self.new_ask(project, Verb::Submit, body, patience);
        self.ask(ask)
    }

    /// Something that was never asked before.
    pub(super) fn new_ask(&self, project: ProjectName, verb: Verb, body: Bytes, patience: Patience) -> Ask {
        let key = format!("key-{}", self.clients.asked.len());
        Ask { project, verb, key, body, patience, answer: None, is_stored: false, is_excused: false }
    }

    /// Asks something of a run.
    pub(super) fn order(&mut self, verb: Verb, project: ProjectName, run: RunId) -> usize {
        self.order_with(verb, project, &json!({ "run": run }))
    }

    pub(super) fn order_with(&mut self, verb: Verb, project: ProjectName, body: &Value) -> usize {
        let body = Bytes::from(serde_json::to_vec(body).unwrap_or_default());
        let ask = self.new_ask(project, verb, body, Patience::AsksAgain);
        self.ask(ask)
    }

    /// A scheduler has sent an answer; it may be lost on the way.
    pub(super) fn answer_client(&mut self, subject: &str, answer: Value) {
        if self.dice.in_a_thousand(self.trouble.post.lost) {
            return self.count("answer lost");
        }
        let place = subject.rsplit("ask-").next().and_then(|place| place.parse::<usize>().ok());
        let Some(place) = place.filter(|place| *place < self.clients.asked.len()) else {
            return self.fail(format!("an answer goes to {subject}"));
        };
        if let Ok(BatchAnswer::Answered { answers }) = BatchAnswer::deserialize(&answer) {
            // Those of a batch stand side by side.
            for (behind, answer) in answers.into_iter().enumerate() {
                self.take_answer(place + behind, Ok(answer));
            }
            return;
        }
        self.take_answer(place, serde_json::from_value(answer));
    }

    fn take_answer(&mut self, place: usize, answer: Result<Answer, serde_json::Error>) {
        let answer = match answer {
            Ok(Answer::Accepted { run_id, .. }) => Ok(run_id),
            Ok(Answer::Rejected { errors }) => Err(errors.into_iter().map(|error| error.code).collect()),
            Err(error) => return self.fail(format!("an answer that nobody can read: {error}")),
        };
        self.note(|| format!("client {place} is answered {answer:?}"));
        self.judge_answer(place, &answer);
        let is_first = self.clients.asked[place].answer.is_none();
        self.clients.asked[place].answer = Some(answer.clone());
        if let (true, true, Ok(run)) = (is_first, self.plan.has_clients, answer) {
            self.follow_up(place, run);
        }
    }

    /// What its owner does with a run.
    fn follow_up(&mut self, place: usize, run: RunId) {
        let ask = self.clients.asked[place].clone();
        if !ask.makes_run() {
            return;
        }
        let is_endless = String::from_utf8_lossy(&ask.body).contains("name: endless");
        let project = ask.project.clone();
        let soon = self.dice.between(1, 12_000);
        match self.dice.below(10) {
            0 | 1 => self.after(soon, move |stage| {
                let skips = stage.dice.below(4) == 0;
                stage.order_with(Verb::Cancel, project, &json!({ "run": run, "skip_finally": skips }));
            }),
            2 => self.after(soon, move |stage| {
                stage.order(Verb::Pause, project.clone(), run);
                let later = stage.dice.between(1, 8_000);
                stage.after(later, move |stage| {
                    stage.order(Verb::Resume, project, run);
                });
            }),
            _ if self.is_tuned(run) && self.dice.below(2) == 0 => self.after(soon, move |stage| {
                let n = stage.dice.between(1, 3);
                stage.order_with(Verb::Retry, project, &json!({ "run": run, "inputs": { "n": n } }));
            }),
            3 => self.after(soon + 5_000, move |stage| {
                stage.order(Verb::Retry, project, run);
            }),
            // The same key for something else.
            4 => self.after(soon, move |stage| {
                let other = Bytes::from_static(b"{\"source\":\"version: 1\"}");
                let patience = Patience::AsksAgain;
                stage.ask(Ask {
                    body: other,
                    patience,
                    answer: None,
                    is_stored: false,
                    is_excused: false,
                    ..ask
                });
            }),
            5 => self.after(soon, move |stage| stage.meddle(&project, run)),
            _ => {}
        }
        if is_endless {
            let project = self.clients.asked[place].project.clone();
            let later = soon + self.dice.between(1, 20_000);
            self.after(later, move |stage| {
                stage.order(Verb::Resume, project.clone(), run);
                stage.order(Verb::Cancel, project, run);
            });
        }
    }

    /// Somebody of another project wants something of a run that is none of his business.
    fn meddle(&mut self, owner: &ProjectName, run: RunId) {
        let other = project(if owner.as_str() == "small" { "default" } else { "small" });
        let verbs = [Verb::Cancel, Verb::Pause, Verb::Retry];
        let verb = self.dice.pick(&verbs).unwrap_or(Verb::Cancel);
        self.count("meddled with another project");
        self.order(verb, other, run);
    }

    fn is_tuned(&self, run: RunId) -> bool {
        let name = self.judge.runs.get(&run).map(|judged| judged.workflow.name.as_str());
        matches!(name, Some("tuned" | "cached"))
    }

    /// Requests come in over the time of trouble.
    pub(super) fn open_the_doors(&mut self) {
        for _ in 0..self.plan.runs {
            let at = self.dice.below(self.plan.trouble_ms);
            let picked = self.dice.pick(WORKFLOWS).unwrap_or(WORKFLOWS[0]);
            let source = if self.plan.repeats_itself { CACHED } else { picked };
            let queue =
                self.dice.pick(&LIMITED_QUEUES).map(|(name, _)| name).filter(|_| self.dice.below(3) == 0);
            let project = project(if self.dice.below(4) == 0 { "small" } else { "default" });
            let patience = match self.dice.below(10) {
                0..=6 => Patience::AsksAgain,
                7 | 8 if !source.contains("endless") => Patience::TrustsNats,
                9 if !source.contains("endless") => Patience::Careless,
                _ => Patience::AsksAgain,
            };
            self.after(at, move |stage| {
                stage.submit_to(project, source, queue, patience);
            });
        }
        self.let_batches_come();
        self.let_garbage_come();
        self.let_people_decide();
    }

    /// In the end somebody sees to it that nothing waits for people: orders may have overtaken each other.
    pub(super) fn tidy_up(&mut self) {
        let open: Vec<_> = self.judge.open_runs().map(|judged| judged.run.summary.clone()).collect();
        for run in open {
            match run.state {
                RunState::Paused => {
                    self.order(Verb::Resume, run.project, run.id);
                }
                RunState::Running if run.workflow.as_str() == "endless" => {
                    self.order(Verb::Cancel, run.project, run.id);
                }
                _ => {}
            }
        }
        for waiting in self.asked_of_people() {
            self.decide(waiting, true, &json!({}));
        }
        self.after(10_000, Stage::tidy_up);
    }

    /// One more run, when all faults are over.
    pub(super) fn submit_once_more(&mut self) {
        self.submit(project("default"), WORKFLOWS[0], Patience::AsksAgain);
    }

    /// An operator says that a machine will never come back, until a scheduler has heard it; and again when something waits
    /// for it, which a scheduler that had not heard it yet has given to it since.
    pub(super) fn forget_machine(&mut self, index: usize) {
        let (Some(process), Some(shared)) = (self.a_listener(Stream::Reports), self.shared.clone()) else {
            return self.after(2_000, move |stage| stage.forget_machine(index));
        };
        let (answer, answered) = oneshot::channel();
        let life = self.schedulers[process].life;
        self.signal(
            process,
            Signal::Forget(ForgetExecutor { executor: self.executors[index].id.clone() }, answer),
        );
        self.post.heartbeats.remove(&index);
        self.witness.containers.retain(|(own, _), _| *own != index);
        let wait = async move {
            if let Ok(ForgetAnswer::Forgotten { .. } | ForgetAnswer::Unknown) = answered.await {
                shared.stage().forgotten.insert(index);
            }
        };
        self.begun.push((process, life, Box::pin(wait)));
        self.after(5_000, move |stage| {
            if !stage.forgotten.contains(&index) {
                stage.forget_machine(index);
            } else {
                stage.look_at_machine(index);
            }
        });
    }

    fn look_at_machine(&mut self, index: usize) {
        let machine = &self.executors[index].id;
        let open = self.judge.runs.values().filter(|judged| !judged.run.summary.state.is_terminal());
        let mut attempts = open.flat_map(|judged| judged.run.tasks.values()).flat_map(|task| &task.attempts);
        if attempts
            .any(|attempt| attempt.executor == *machine && (attempt.is_open() || attempt.may_still_run()))
        {
            self.forget_machine(index);
        } else {
            self.after(10_000, move |stage| stage.look_at_machine(index));
        }
    }

    /// An executor asks whether an attempt may begin. Without an answer it asks again by itself.
    pub(super) fn ask_claim(&mut self, index: usize, attempt: AttemptId, fence: u64, number: u64) {
        let executor = &self.executors[index];
        if executor.is_mute || self.trouble.post.is_away || self.dice.in_a_thousand(self.trouble.post.lost) {
            return;
        }
        let pool = "default".parse().expect("it is a name");
        let claim = Claim {
            pool,
            executor: executor.id.clone(),
            attempt: attempt.clone(),
            fence,
            journal: Some(executor.disk.journal.clone()),
            secrets: false,
            again: number == 0,
        };
        let (Some(process), Some(shared)) = (self.a_listener(Stream::Reports), self.shared.clone()) else {
            return;
        };
        let (answer, answered) = oneshot::channel();
        let (life, sent) = (self.schedulers[process].life, self.now);
        self.signal(process, Signal::Claim(claim, answer));
        let wait = async move {
            let Ok(Ok(answer)) = answered.await else { return };
            let mut stage = shared.stage();
            let way = stage.way();
            let is_lost = !stage.schedulers[process].is_heard();
            stage.after(way, move |stage| {
                let executor = &stage.executors[index];
                if executor.hears() && !is_lost {
                    let answer = sabotage::claim_answer(stage, answer);
                    stage.take_claim_answer(index, attempt, (fence, number), sent, answer);
                }
            });
        };
        self.begun.push((process, life, Box::pin(wait)));
    }
}

/// The body of a submission.
pub(super) fn body_of(source: &str, queue: Option<&str>) -> Bytes {
    let body = match queue {
        Some(queue) => json!({ "source": source, "queue": queue }),
        None => json!({ "source": source }),
    };
    Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
}

/// An answer that lets anything begin.
pub(super) fn granted() -> ClaimAnswer {
    ClaimAnswer::Granted {
        storage_token: String::new(),
        storage_token_ms: 1,
        good_for_ms: None,
        secrets: Vec::new(),
    }
}
