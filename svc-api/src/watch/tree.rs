//! From what was seen to the tree: pure, so that every judgement has a test.

use std::collections::BTreeSet;

use emboflow_bus::Answered;
use emboflow_model::Timestamp;
use emboflow_model::executor::ExecutorState;
use emboflow_protocol::health::{HealthLook, HealthNode, HealthStatus, HealthView, ServiceHealth};
use emboflow_protocol::http::ExecutorView;
use emboflow_service::health::{Look, Report, Status};

/// Clocks that are further apart make durations wrong.
const APART_MS: u64 = 2_000;
/// Clocks that are so far apart make tokens and signatures invalid.
const FAR_APART_MS: u64 = 30_000;
const EXECUTOR: &str = "executor";

/// Everything that was seen at one moment.
pub(super) struct Seen {
    /// When the services were asked, by the clock here.
    pub(super) at: Timestamp,
    /// What the API says of itself.
    pub(super) own: Report,
    pub(super) answers: Vec<Answered<ServiceHealth>>,
    /// Why nobody could be asked.
    pub(super) unheard: Option<String>,
    /// Kinds of services that should answer.
    pub(super) known: BTreeSet<String>,
    pub(super) executors: Vec<ExecutorView>,
}

/// How far a clock is ahead of ours, and how well that is known, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skew {
    pub(super) ahead_ms: i64,
    pub(super) within_ms: u64,
}

/// As NTP does: the way there and the way back are taken to be equally long; they cannot differ by more than both.
pub(super) fn skew(asked_at: Timestamp, answered: &Answered<ServiceHealth>) -> Skew {
    let round_ms = i64::try_from(answered.after.as_millis()).unwrap_or(i64::MAX);
    let back_at = asked_at.0.saturating_add(round_ms);
    let ServiceHealth { asked_at_ms, answered_at_ms, .. } = &answered.answer;
    let there = asked_at_ms.saturating_sub(asked_at.0);
    let back = answered_at_ms.saturating_sub(back_at);
    let worked_ms = answered_at_ms.saturating_sub(*asked_at_ms).max(0);
    Skew {
        ahead_ms: there / 2 + back / 2,
        within_ms: u64::try_from(round_ms.saturating_sub(worked_ms) / 2).unwrap_or(0),
    }
}

impl Seen {
    pub(super) fn tree(self) -> HealthView {
        let version = self.own.version.clone();
        let own = self.own.looks.iter().map(|look| node_of_own(look.clone())).collect();
        let mut parts = vec![HealthNode::of_parts("api", format!("version {version}"), own)];
        for service in self.known.iter().filter(|service| *service != EXECUTOR) {
            parts.push(self.service(service));
        }
        parts.push(self.executors());
        let status = parts.iter().map(|part| part.status).max().unwrap_or_default();
        HealthView { at: self.at, status, version, parts }
    }

    /// All processes of one kind.
    fn service(&self, service: &str) -> HealthNode {
        let own: Vec<_> = self.answers.iter().filter(|answered| answered.answer.service == service).collect();
        match own.as_slice() {
            [] => self.silent(service),
            [one] => HealthNode { name: service.to_owned(), ..self.process(one) },
            several => {
                let processes = several.iter().map(|answered| self.process(answered)).collect();
                HealthNode::of_parts(service, format!("{} processes", several.len()), processes)
            }
        }
    }

    fn silent(&self, service: &str) -> HealthNode {
        let failed = |reason: String| HealthNode::leaf(service, HealthStatus::Failed, reason);
        match &self.unheard {
            Some(why) => failed(format!("cannot be asked: {why}")).with_hint("make sure that NATS runs"),
            None => failed("does not answer".to_owned())
                .with_hint("is it running? its own log says why it does not; see docs/operations/runbooks/service-down.md"),
        }
    }

    fn process(&self, answered: &Answered<ServiceHealth>) -> HealthNode {
        let ServiceHealth { instance, version, looks, .. } = &answered.answer;
        let mut parts: Vec<_> = looks.iter().cloned().map(HealthNode::from).collect();
        parts.push(judge_clock(skew(self.at, answered)));
        parts.push(judge_version(&self.own.version, version));
        HealthNode::of_parts(instance, format!("version {version}"), parts)
    }

    fn executors(&self) -> HealthNode {
        let online = self.executors.iter().filter(|executor| executor.online).count();
        let mut parts: Vec<_> = self.executors.iter().map(|executor| self.executor(executor)).collect();
        parts.extend(self.without_heartbeat());
        let said = format!("{online} of {} online", self.executors.len());
        let node = HealthNode::of_parts("executors", said, parts);
        if online > 0 {
            return node;
        }
        let hint =
            "start an executor: until then tasks wait; see docs/operations/runbooks/no-executor-for-queue.md";
        HealthNode { status: HealthStatus::Failed, ..node }.with_hint(hint)
    }

    /// Executors that answer and have offered nothing yet, such as one whose container engine is missing.
    fn without_heartbeat(&self) -> impl Iterator<Item = HealthNode> {
        let is_known =
            |id: &str| self.executors.iter().any(|executor| executor.heartbeat.executor.as_str() == id);
        let own = self.answers.iter().filter(|answered| answered.answer.service == EXECUTOR);
        own.filter(move |answered| !is_known(&answered.answer.instance)).map(|answered| {
            let node = self.process(answered);
            HealthNode { reason: "answers, and offers nothing yet".to_owned(), ..node }
        })
    }

    fn executor(&self, executor: &ExecutorView) -> HealthNode {
        let beat = &executor.heartbeat;
        let id = beat.executor.as_str();
        let seconds = executor.age_ms / 1_000;
        if beat.state == ExecutorState::Stopped {
            return HealthNode::leaf(id, HealthStatus::Ok, format!("stopped {seconds} s ago"));
        }
        if !executor.online {
            return HealthNode::leaf(id, HealthStatus::Failed, format!("suspect: silent for {seconds} s")).with_hint(
                "start it again, or give it up with `emboflow executor forget`; see docs/operations/runbooks/executor-down.md",
            );
        }
        let answered = self
            .answers
            .iter()
            .find(|answered| answered.answer.service == EXECUTOR && answered.answer.instance == id);
        let mut node = match answered {
            Some(answered) => HealthNode { name: id.to_owned(), ..self.process(answered) },
            None => HealthNode::leaf(id, HealthStatus::Ok, String::new()),
        };
        node.reason = format!("online, {} of {} slots in use", beat.attempts.len(), beat.slots);
        if beat.state == ExecutorState::Draining {
            node.status = node.status.max(HealthStatus::Warning);
            node.reason = "online, takes no new work".to_owned();
        }
        node
    }
}

fn node_of_own(look: Look) -> HealthNode {
    let status = match look.finding.status {
        Status::Ok => HealthStatus::Ok,
        Status::Warning => HealthStatus::Warning,
        Status::Failed => HealthStatus::Failed,
    };
    let (reason, hint, latency_ms) = (look.finding.reason, look.finding.hint, look.latency_ms);
    HealthNode::from(HealthLook { name: look.name, status, reason, hint, latency_ms })
}

/// Only what is certain is told.
fn judge_clock(Skew { ahead_ms, within_ms }: Skew) -> HealthNode {
    let apart_ms = ahead_ms.unsigned_abs();
    let certain_ms = apart_ms.saturating_sub(within_ms);
    let status = match certain_ms {
        ms if ms >= FAR_APART_MS => HealthStatus::Failed,
        ms if ms >= APART_MS => HealthStatus::Warning,
        _ => {
            return HealthNode::leaf(
                "clock",
                HealthStatus::Ok,
                format!("within {} ms of the API's", apart_ms.max(within_ms)),
            );
        }
    };
    let way = if ahead_ms > 0 { "ahead of" } else { "behind" };
    HealthNode::leaf("clock", status, format!("{apart_ms} ms {way} the API's"))
        .with_hint("let NTP set the clocks of both machines; see docs/operations/runbooks/clock-skew.md")
}

fn judge_version(ours: &str, theirs: &str) -> HealthNode {
    if ours == theirs {
        return HealthNode::leaf("version", HealthStatus::Ok, theirs.to_owned());
    }
    HealthNode::leaf("version", HealthStatus::Warning, format!("{theirs}, and the API has {ours}"))
        .with_hint("finish the upgrade; see docs/operations/runbooks/version-skew.md")
}

/// The state of each part: what a page needs to be told of when it changes.
pub(super) fn states(view: &HealthView) -> Vec<(String, HealthStatus)> {
    fn collect(prefix: &str, parts: &[HealthNode], into: &mut Vec<(String, HealthStatus)>) {
        for part in parts {
            let name = format!("{prefix}/{}", part.name);
            collect(&name, &part.parts, into);
            into.push((name, part.status));
        }
    }
    let mut states = Vec::new();
    collect("", &view.parts, &mut states);
    states
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
