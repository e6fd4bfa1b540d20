//! What a decision changed, in words; what happened to many tasks of a fan-out at once is one line. Pure.

use emboflow_model::run_outputs::RunOutputs;
use emboflow_model::{AttemptState, Change, TaskKey};
use indexmap::IndexMap;

use crate::format;
use crate::pages::run::failure::in_words;

/// Stretches of indices that one line names.
const STRETCHES: usize = 8;

/// One line for each thing that changed.
pub(super) fn lines(changes: &[Change]) -> Vec<String> {
    // By text and TaskSpec; a line stands where its first task would.
    let mut groups: IndexMap<(Option<&str>, String), Vec<Option<u32>>> = IndexMap::new();
    for change in changes {
        let (task, text) = word(change);
        groups
            .entry((task.map(|task| task.name.as_str()), text))
            .or_default()
            .push(task.and_then(|task| task.index));
    }
    let line = |((name, text), indices): ((Option<&str>, String), Vec<Option<u32>>)| match name {
        Some(name) => format!("{name}{}: {text}", stretches(indices.into_iter().flatten().collect())),
        None => text,
    };
    groups.into_iter().map(line).collect()
}

/// Indices of a fan-out: `[3]`, `[0–5, 9]`.
fn stretches(mut indices: Vec<u32>) -> String {
    indices.sort_unstable();
    indices.dedup();
    let mut found: Vec<(u32, u32)> = Vec::new();
    for index in indices {
        match found.last_mut() {
            Some((_, end)) if *end + 1 == index => *end = index,
            _ => found.push((index, index)),
        }
    }
    if found.is_empty() {
        return String::new();
    }
    let more = if found.len() > STRETCHES { ", …" } else { "" };
    let words = found.iter().take(STRETCHES).map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    });
    format!("[{}{more}]", words.collect::<Vec<_>>().join(", "))
}

/// The task that a change is about, and what happened to it.
fn word(change: &Change) -> (Option<&TaskKey>, String) {
    match change {
        Change::Accepted(accepted) => {
            let tasks: u64 = accepted.tasks.iter().map(|spec| u64::from(spec.fan_out.unwrap_or(1))).sum();
            (None, format!("accepted: {} with {}", accepted.workflow, format::count(tasks, "task")))
        }
        Change::Run { from, to, reason } => {
            (None, format!("run: {from} → {to}{}", because(reason.as_deref())))
        }
        Change::RunEnding { to, reason } => (None, format!("run: is going to be {to}: {reason}")),
        Change::Task { task, from, to, reason, message, retry_at } => {
            let why = message.as_deref().or(reason.map(in_words));
            let again = retry_at.map(|at| format!(", next attempt at {at}")).unwrap_or_default();
            (Some(task), format!("{from} → {to}{}{again}", because(why)))
        }
        Change::FannedOut { spec, matrix } => {
            (None, format!("{spec}: fans out over {}", format::count(matrix.len() as u64, "task")))
        }
        Change::TaskWaits { task, wait_reason } => (Some(task), format!("waits: {wait_reason}")),
        Change::TaskKeyed { task, key } => (
            Some(task),
            format!("runs, and what it makes is found by the key {}…", &key.get(..12).unwrap_or(key)),
        ),
        Change::TaskTakenOver { task, from_run, artifacts, key, .. } => {
            let artifacts = format::count(artifacts.len() as u64, "artifact");
            let found = if key.is_some() { ", found by its key" } else { "" };
            (Some(task), format!("taken over from {from_run} with {artifacts}{found}"))
        }
        Change::ApprovalAsked { task, question } => {
            (Some(task), format!("waits for approval: {}", question.message))
        }
        Change::ApprovalDecided { task, decision, .. } => {
            let what = if decision.approved { "approved" } else { "rejected" };
            let by = decision
                .by
                .as_deref()
                .map_or(", nobody having decided in time".to_owned(), |by| format!(" by {by}"));
            (Some(task), format!("{what}{by}{}", because(decision.comment.as_deref())))
        }
        Change::ChildRequested { task, child } => {
            (Some(task), format!("asks for {} of workflow {}", child.run, child.workflow))
        }
        Change::OutputsGiven { outputs } => (None, format!("run: gives {}", names(outputs))),
        Change::OutputsTaken { task, outputs } => (Some(task), format!("takes {}", names(outputs))),
        Change::AttemptOpened { task, number, executor, .. } => {
            (Some(task), format!("attempt {number} given to {executor}"))
        }
        Change::AttemptMoved { task, number, to: AttemptState::Closed, .. } => {
            (Some(task), format!("nothing of attempt {number} runs any more"))
        }
        Change::AttemptMoved { task, number, to, .. } => (Some(task), format!("attempt {number} is {to}")),
        Change::AttemptStopping { task, number, reason } => {
            (Some(task), format!("attempt {number} is asked to stop: {}", in_words(*reason)))
        }
        Change::AttemptClosed { task, number, end } => {
            let exit = format::exit_of(end).map(|exit| format!(", {exit}")).unwrap_or_default();
            (Some(task), format!("attempt {number} {}{exit}", end.outcome))
        }
    }
}

/// What is given, by name.
fn names(outputs: &RunOutputs) -> String {
    let artifacts = outputs.artifacts.iter().map(|given| given.artifact.name.as_str());
    let names: Vec<&str> = outputs.values.keys().map(String::as_str).chain(artifacts).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{Reason, TaskState};

    #[test]
    fn a_change_says_why_in_words() {
        let change = Change::Task {
            task: "train[1]".parse().unwrap(),
            from: TaskState::Active,
            to: TaskState::Failed,
            reason: Some(Reason::OomKilled),
            message: None,
            retry_at: None,
        };
        assert!(lines(&[change])[0].starts_with("train[1]: active → failed: it used more memory"));
    }

    #[test]
    fn what_happens_to_many_tasks_of_a_fan_out_is_one_line() {
        let waits = |key: &str| Change::TaskWaits { task: key.parse().unwrap(), wait_reason: "x".to_owned() };
        let keys = ["train[2]", "train[0]", "report", "train[1]", "train[7]"];
        let changes: Vec<Change> = keys.into_iter().map(waits).collect();
        assert_eq!(lines(&changes), ["train[0–2, 7]: waits: x", "report: waits: x"]);
    }
}
