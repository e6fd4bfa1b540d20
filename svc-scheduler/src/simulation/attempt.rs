//! The life of an attempt on an executor, from its command to its release, as `svc-executor` carries it out.

use emboflow_model::AttemptId;
use emboflow_model::state::{Cause, Outcome, Reason};
use emboflow_model::transition::AttemptEnd;
use emboflow_protocol::call::ClaimAnswer;
use emboflow_protocol::command::{Command, Commands, Start};
use emboflow_protocol::report::{Phase, Report, Reports};
use serde_json::json;

use super::executor::{Fate, Journaled};
use super::post::Stream;
use super::sabotage::{self, Sabotage};
use super::stage::Stage;
use super::witness::Container;

const CLAIM_WAIT_MS: u64 = 3_000;
const REPEAT_MAX_MS: u64 = 20_000;

impl Stage {
    /// Carries out the commands of a message. The process may be killed in the middle of it.
    pub(super) fn take_commands(&mut self, index: usize, payload: &[u8]) {
        let Ok(commands) = serde_json::from_slice::<Commands>(payload) else { return };
        for command in commands.commands {
            match command {
                Command::Start(start) => self.take_start(index, *start),
                Command::Stop { attempt, fence, reason } => self.take_stop(index, attempt, fence, reason),
                Command::Release { attempt, fence } => self.release(index, &attempt, fence),
            }
        }
    }

    fn take_start(&mut self, index: usize, start: Start) {
        let disk = &mut self.executors[index].disk;
        let attempt = start.attempt.clone();
        if let Some(known) = disk.attempts.get(&attempt) {
            if known.start.fence == start.fence && known.end.is_some() {
                self.report_end(index, attempt, 0);
            }
            return;
        }
        if disk.released.get(&attempt).is_some_and(|released| start.fence <= *released) {
            return;
        }
        disk.attempts
            .insert(attempt.clone(), Journaled { start, is_launched: false, right: None, end: None });
        self.claim(index, attempt);
    }

    fn take_stop(&mut self, index: usize, attempt: AttemptId, fence: u64, reason: Reason) {
        let executor = &mut self.executors[index];
        let held = executor.disk.attempts.get(&attempt).filter(|held| held.start.fence == fence);
        let Some(held) = held.cloned() else {
            // One whose claim was refused is waited for too.
            let end = self.end_of(index, &attempt, fence, asked(reason), None);
            return self.report(index, attempt, fence, Phase::Ended { end });
        };
        let memory = executor.memory.entry(attempt.clone()).or_default();
        memory.stop.get_or_insert(reason);
        if held.end.is_some() {
            return;
        }
        let grace = self.dice.between(0, 2_000);
        self.later(index, grace, move |stage| stage.carry_out_stop(index, attempt, fence, reason));
    }

    fn carry_out_stop(&mut self, index: usize, attempt: AttemptId, fence: u64, reason: Reason) {
        let held = self.executors[index].disk.attempts.get(&attempt);
        if held.is_none_or(|held| held.start.fence != fence || held.end.is_some()) {
            return;
        }
        if !self.is_sabotaged(Sabotage::ConfirmStopUnseen)
            && let Some(container) = self.witness.containers.get_mut(&(index, attempt.clone()))
        {
            container.is_running = false;
            container.code.get_or_insert(143);
        }
        self.finish(index, attempt, asked(reason), None);
    }

    /// Goes on with an attempt of the journal, by what its container shows.
    pub(super) fn take_up(&mut self, index: usize, attempt: AttemptId) {
        let Some(held) = self.executors[index].disk.attempts.get(&attempt).cloned() else { return };
        if held.end.is_some() {
            return self.report_end(index, attempt, 0);
        }
        if self.fence_first(index, &attempt) {
            return;
        }
        match self.witness.containers.get(&(index, attempt.clone())) {
            Some(container) if container.is_running => {
                let at = self.clock_of(index);
                self.report(index, attempt, held.start.fence, Phase::Running { at, pulled_at: None });
            }
            Some(_) if self.is_sabotaged(Sabotage::StartAgain) => self.claim(index, attempt),
            Some(container) => {
                let code = container.code;
                self.later(index, 1, move |stage| stage.see_exit(index, attempt, code));
            }
            None if held.is_launched => {
                let vanished = (Outcome::Lost, Cause::Infra, Some(Reason::RuntimeFailed));
                self.finish(index, attempt, vanished, None);
            }
            None => self.claim(index, attempt),
        }
    }

    /// Asks until there is an answer.
    fn claim(&mut self, index: usize, attempt: AttemptId) {
        let executor = &mut self.executors[index];
        let Some(held) = executor.disk.attempts.get(&attempt).filter(|held| held.end.is_none()) else {
            return;
        };
        let fence = held.start.fence;
        let memory = executor.memory.entry(attempt.clone()).or_default();
        if memory.is_granted || memory.stop.is_some() {
            return;
        }
        memory.claim += 1;
        let (number, again) = (memory.claim, attempt.clone());
        self.later(index, CLAIM_WAIT_MS, move |stage| {
            let memory = stage.executors[index].memory.get(&again);
            if memory.is_some_and(|memory| memory.claim == number) {
                stage.claim(index, again);
            }
        });
        if self.is_sabotaged(Sabotage::StartUnclaimed) {
            return self.prepare(index, attempt, fence);
        }
        self.ask_claim(index, attempt, fence, number);
    }

    /// The answer has arrived at the executor.
    pub(super) fn take_claim_answer(
        &mut self,
        index: usize,
        attempt: AttemptId,
        (fence, number): (u64, u64),
        sent: u64,
        answer: ClaimAnswer,
    ) {
        match &answer {
            ClaimAnswer::Granted { good_for_ms: Some(good_for_ms), .. } => {
                self.renew(index, &attempt, fence, sent, *good_for_ms);
                if number == 0 {
                    return;
                }
            }
            // Another attempt has taken its place.
            ClaimAnswer::Refused { .. } if number == 0 => {
                return self.carry_out_stop(index, attempt, fence, Reason::Fenced);
            }
            _ => {}
        }
        let memory = self.executors[index].memory.get_mut(&attempt);
        let Some(memory) = memory.filter(|memory| memory.claim == number && !memory.is_granted) else {
            return;
        };
        match answer {
            ClaimAnswer::Granted { .. } => {
                memory.is_granted = true;
                self.prepare(index, attempt, fence);
            }
            ClaimAnswer::Refused { reason } => {
                self.note(|| format!("e{index} is refused {attempt}: {reason}"));
                self.count("claim refused");
                self.forget(index, &attempt, fence);
            }
            ClaimAnswer::Denied { cause, reason, .. } => {
                self.finish(index, attempt, (Outcome::Failed, cause, Some(reason)), None);
            }
        }
    }

    fn prepare(&mut self, index: usize, attempt: AttemptId, fence: u64) {
        let at = self.clock_of(index);
        self.report(index, attempt.clone(), fence, Phase::Preparing { at });
        let pull = self.dice.between(1, 400);
        self.later(index, pull, move |stage| stage.launch(index, attempt, fence));
    }

    fn launch(&mut self, index: usize, attempt: AttemptId, fence: u64) {
        let has_lapsed = self.has_lapsed(index, &attempt, fence);
        let executor = &mut self.executors[index];
        let is_stopped = executor.memory.get(&attempt).is_some_and(|memory| memory.stop.is_some());
        let held = executor.disk.attempts.get_mut(&attempt);
        let Some(held) = held.filter(|held| held.start.fence == fence && held.end.is_none()) else { return };
        if is_stopped || has_lapsed || (held.is_launched && !self.plan.is_sabotaged(Sabotage::StartAgain)) {
            return;
        }
        held.is_launched = true;
        match self.fate_of(&attempt) {
            Fate::NoImage => {
                self.finish(
                    index,
                    attempt,
                    (Outcome::Failed, Cause::Infra, Some(Reason::ImageUnavailable)),
                    None,
                );
            }
            Fate::Exits(code) => self.run_container(index, attempt, fence, code),
        }
    }

    fn run_container(&mut self, index: usize, attempt: AttemptId, fence: u64, code: i32) {
        self.count("container started");
        self.note(|| format!("e{index} runs {attempt} ({fence})"));
        let container = Container { fence, is_running: true, code: None, log_bytes: 0 };
        self.witness.containers.insert((index, attempt.clone()), container);
        self.judge_start(index, &attempt, fence);
        let at = self.clock_of(index);
        self.report(index, attempt.clone(), fence, Phase::Running { at, pulled_at: Some(at) });
        let takes = self.how_long(&attempt);
        let bytes = self.dice.below(10_000);
        // The engine ends it, whether its executor lives or not.
        self.after(takes, move |stage| {
            let container = stage.witness.containers.get_mut(&(index, attempt.clone()));
            let Some(container) = container.filter(|own| own.fence == fence && own.is_running) else {
                return;
            };
            container.is_running = false;
            container.code = Some(code);
            container.log_bytes = bytes;
            stage.witness.exits.insert((attempt.clone(), fence), code);
            if stage.executors[index].is_up {
                stage.later(index, 0, move |stage| stage.see_exit(index, attempt, Some(code)));
            }
        });
    }

    fn see_exit(&mut self, index: usize, attempt: AttemptId, code: Option<i32>) {
        let Some(held) = self.executors[index].disk.attempts.get(&attempt) else { return };
        let (fence, is_over) = (held.start.fence, held.end.is_some());
        let complete = &held.start.spec.complete_codes;
        let is_complete =
            code.is_some_and(|code| code == 0 || complete.iter().any(|codes| codes.contains(code.into())));
        let is_stopped =
            self.executors[index].memory.get(&attempt).is_some_and(|memory| memory.stop.is_some());
        if is_over || is_stopped {
            return;
        }
        let at = self.clock_of(index);
        self.report(index, attempt.clone(), fence, Phase::Finishing { at });
        let verdict = match code {
            Some(_) if is_complete => (Outcome::Succeeded, Cause::User, None),
            Some(143) | None => (Outcome::Lost, Cause::Infra, Some(Reason::RuntimeFailed)),
            Some(_) => (Outcome::Failed, Cause::User, Some(Reason::ExitCode)),
        };
        let stores = self.dice.between(1, 300);
        if self.is_sabotaged(Sabotage::ForgetSeal) {
            return self.finish(index, attempt, verdict, code);
        }
        self.later(index, stores, move |stage| {
            let held = stage.executors[index].disk.attempts.get(&attempt);
            if held.is_none_or(|held| held.start.fence != fence) {
                // After a restore the attempt of this number may be another one.
                return;
            }
            let log = stage.witness.containers.get(&(index, attempt.clone())).map_or(0, |own| own.log_bytes);
            stage.witness.logs.insert((attempt.clone(), fence), log);
            stage.finish(index, attempt, verdict, code);
        });
    }

    /// The end is in the journal, and is reported from now on.
    pub(super) fn finish(&mut self, index: usize, attempt: AttemptId, verdict: Verdict, code: Option<i32>) {
        let held = self.executors[index].disk.attempts.get(&attempt);
        let Some(fence) = held.filter(|held| held.end.is_none()).map(|held| held.start.fence) else { return };
        let end = self.end_of(index, &attempt, fence, verdict, code);
        if let Some(held) = self.executors[index].disk.attempts.get_mut(&attempt) {
            held.end = Some(end);
        }
        self.report_end(index, attempt, 0);
    }

    fn end_of(
        &self,
        index: usize,
        attempt: &AttemptId,
        fence: u64,
        (outcome, cause, reason): Verdict,
        code: Option<i32>,
    ) -> Box<AttemptEnd> {
        let size = self.witness.logs.get(&(attempt.clone(), fence)).copied();
        let log = size.map(|size| json!({ "prefix": attempt, "size_bytes": size, "lines": 0, "sha256": "" }));
        let outputs = self.executors[index].disk.attempts.get(attempt).map(|held| &held.start.spec.outputs);
        let given = outputs.into_iter().flatten().filter(|_| outcome == Outcome::Succeeded);
        let values: serde_json::Map<_, _> = given
            .filter(|output| output.value)
            .map(|output| (output.name.clone(), (0..fence % 4).map(|part| fence * 10 + part).collect()))
            .collect();
        let end = json!({
            "values": values,
            "outcome": outcome, "cause": cause, "reason": reason, "exit_code": code, "log": log,
            "times": { "stored_at": self.clock_of(index) },
        });
        Box::new(serde_json::from_value(end).expect("it is the end of an attempt"))
    }

    /// Says how it ended until it is released.
    fn report_end(&mut self, index: usize, attempt: AttemptId, pause: u64) {
        let Some(held) = self.executors[index].disk.attempts.get(&attempt) else { return };
        let (fence, Some(end)) = (held.start.fence, held.end.clone()) else { return };
        self.report(index, attempt.clone(), fence, Phase::Ended { end });
        if self.is_sabotaged(Sabotage::ReportOnce) {
            return;
        }
        let pause = (pause * 2).clamp(2_000, REPEAT_MAX_MS);
        self.later(index, pause, move |stage| stage.report_end(index, attempt, pause));
    }

    fn report(&mut self, index: usize, attempt: AttemptId, fence: u64, phase: Phase) {
        let executor = &self.executors[index];
        if executor.is_mute || self.trouble.post.is_away {
            // An end is reported again; a step on the way is not missed.
            return;
        }
        let report = sabotage::report(self, index, Report { attempt, fence, phase });
        let executor = &self.executors[index];
        let reports = Reports {
            pool: "default".parse().expect("it is a name"),
            executor: executor.id.clone(),
            reports: vec![report],
        };
        self.note(|| format!("e{index} reports {}", super::trace::report(&reports.reports[0])));
        let payload = serde_json::to_vec(&reports).unwrap_or_default();
        self.store_mail(Stream::Reports, "emboflow.report".to_owned(), (None, None), payload.into());
    }

    fn release(&mut self, index: usize, attempt: &AttemptId, fence: u64) {
        let held = self.executors[index].disk.attempts.get(attempt);
        if held.is_some_and(|held| held.start.fence == fence) {
            self.forget(index, attempt, fence);
        }
    }

    /// Removes the container, running or not; the journal keeps that it is done with.
    fn forget(&mut self, index: usize, attempt: &AttemptId, fence: u64) {
        self.witness.containers.remove(&(index, attempt.clone()));
        let executor = &mut self.executors[index];
        executor.memory.remove(attempt);
        executor.disk.attempts.remove(attempt);
        let released = executor.disk.released.entry(attempt.clone()).or_default();
        *released = fence.max(*released);
    }
}

type Verdict = (Outcome, Cause, Option<Reason>);

fn asked(reason: Reason) -> Verdict {
    match reason {
        Reason::RunTimeout => (Outcome::TimedOut, Cause::User, Some(reason)),
        Reason::Drained => (Outcome::Preempted, Cause::Infra, Some(reason)),
        Reason::Fenced => (Outcome::Cancelled, Cause::System, Some(reason)),
        _ => (Outcome::Cancelled, Cause::Policy, Some(reason)),
    }
}
