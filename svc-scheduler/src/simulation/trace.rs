//! What happened, in short lines.

use emboflow_model::run_outputs::RunOutputs;
use emboflow_model::transition::Change;
use emboflow_model::{LogEntry, RunId};
use emboflow_protocol::command::{Command, Commands};
use emboflow_protocol::report::{Phase, Report};

/// The end of an id is enough to tell runs apart.
fn short(run: RunId) -> String {
    let text = run.to_string();
    text[text.len() - 6..].to_owned()
}

pub(super) fn entry(entry: &LogEntry) -> String {
    let transition = match entry {
        LogEntry::Rejection(rejection) => return format!("log {} rejects {}", rejection.seq, rejection.key),
        LogEntry::Transition(transition) => transition,
    };
    let changes: Vec<String> = transition.changes.iter().map(change).collect();
    format!("log {} {}/{}: {}", transition.seq, short(transition.run), transition.number, changes.join(", "))
}

fn change(change: &Change) -> String {
    match change {
        Change::Accepted(accepted) => format!("accepted {} {}", accepted.workflow, accepted.key),
        Change::Run { to, .. } => format!("run {to}"),
        Change::RunEnding { to, .. } => format!("ending {to}"),
        Change::Task { task, to, .. } => format!("{task} {to}"),
        Change::FannedOut { spec, matrix } => format!("{spec} fans out over {}", matrix.len()),
        Change::TaskWaits { task, .. } => format!("{task} waits"),
        Change::TaskTakenOver { task, .. } => format!("{task} taken over"),
        Change::TaskKeyed { task, .. } => format!("{task} keyed"),
        Change::ApprovalAsked { task, .. } => format!("{task} asked"),
        Change::ApprovalDecided { task, decision, .. } => {
            format!("{task} decided {} by {:?}", decision.approved, decision.by)
        }
        Change::ChildRequested { task, child } => format!("{task} asks for {}", short(child.run)),
        Change::OutputsGiven { outputs } => format!("gives {}", given(outputs)),
        Change::OutputsTaken { task, outputs } => format!("{task} takes {}", given(outputs)),
        Change::AttemptOpened { task, number, fence, executor, .. } => {
            format!("{task}#{number} opened on {executor} ({fence})")
        }
        Change::AttemptMoved { task, number, to, .. } => format!("{task}#{number} {to}"),
        Change::AttemptStopping { task, number, .. } => format!("{task}#{number} stopping"),
        Change::AttemptClosed { task, number, end } => format!("{task}#{number} closed {}", end.outcome),
    }
}

fn given(outputs: &RunOutputs) -> String {
    serde_json::Value::Object(outputs.values.clone()).to_string()
}

pub(super) fn commands(commands: &Commands) -> String {
    let told = commands.commands.iter().map(|command| {
        let word = match command {
            Command::Start(_) => "start",
            Command::Stop { .. } => "stop",
            Command::Release { .. } => "release",
        };
        let attempt = command.attempt();
        format!("{word} {}.{}#{} ({})", short(attempt.run), attempt.task, attempt.number, command.fence())
    });
    format!("{}: {}", commands.executor, told.collect::<Vec<_>>().join(", "))
}

pub(super) fn report(report: &Report) -> String {
    let phase = match &report.phase {
        Phase::Preparing { .. } => "preparing".to_owned(),
        Phase::Running { .. } => "running".to_owned(),
        Phase::Finishing { .. } => "finishing".to_owned(),
        Phase::Ended { end } => format!("ended {}", end.outcome),
    };
    let attempt = &report.attempt;
    format!("{}.{}#{} ({}) {phase}", short(attempt.run), attempt.task, attempt.number, report.fence)
}
