//! What each run is when the log is folded, as one checksum a run; and which objects the log speaks of.
//!
//! The checksum is over chosen facts, not over documents: a newer version with more fields proves an older backup too.

use std::collections::{HashMap, HashSet};

use emboflow_model::state::RunState;
use emboflow_model::{LogEntry, Run, RunId, RunSummary, Task, object_key};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::key::hex;

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) run: RunId,
    pub(crate) state: RunState,
    pub(crate) version: u64,
    pub(crate) sha256: String,
}

impl Proof {
    /// Of a run's document and those of its tasks by their positions.
    pub(crate) fn of<'t>(run: &RunSummary, tasks: impl Iterator<Item = &'t Task>) -> Self {
        let mut hasher = Sha256::new();
        let mut add = |fact: serde_json::Value| {
            hasher.update(fact.to_string());
            hasher.update([0]);
        };
        add(json!([
            run.id,
            run.project,
            run.workflow,
            run.digest,
            run.state,
            run.key,
            run.inputs,
            run.labels,
            run.recovered_from,
            run.created_at,
            run.started_at,
            run.finished_at,
            run.version,
            run.seq,
            run.tasks.total
        ]));
        for task in tasks {
            add(json!([task.key, task.position, task.state, task.finished_at, task.taken_over_from]));
            for artifact in &task.artifacts {
                add(json!([artifact.name, artifact.prefix, artifact.size_bytes, artifact.manifest_sha256]));
            }
            for attempt in &task.attempts {
                let end = attempt.end.as_ref();
                let log = end.and_then(|end| end.log.as_ref());
                let log = log.map(|log| (&log.prefix, log.size_bytes, log.lines, &log.sha256));
                let ended = end.map(|end| (end.outcome, end.cause, end.exit_code));
                add(json!([attempt.number, attempt.state, attempt.fence, attempt.executor, ended, log]));
            }
        }
        Self { run: run.id, state: run.state, version: run.version, sha256: hex(&hasher.finalize()) }
    }
}

/// Folds a log, entry by entry; holds only the runs that are open.
#[derive(Default)]
pub(crate) struct Folding {
    open: HashMap<RunId, Run>,
    /// Runs of which the log has only a part: they were being removed.
    pub(crate) partial: HashSet<RunId>,
    pub(crate) expected: Expected,
    pub(crate) runs: u64,
}

impl Folding {
    /// Takes an entry in; gives the proof of a run that ended with it.
    pub(crate) fn take(&mut self, entry: &LogEntry) -> Option<Proof> {
        let LogEntry::Transition(transition) = entry else { return None };
        let run = transition.run;
        if self.partial.contains(&run) {
            return None;
        }
        let folds = match self.open.get_mut(&run) {
            Some(open) => open.apply(transition).is_ok(),
            None => match Run::begin(transition) {
                Ok(begun) => self.open.insert(run, begun).is_none(),
                Err(_) => false,
            },
        };
        if !folds {
            self.open.remove(&run);
            self.partial.insert(run);
            return None;
        }
        if self.open.get(&run)?.summary.state.is_terminal() {
            return self.open.remove(&run).map(|ended| self.prove(&ended));
        }
        None
    }

    /// The proofs of the runs that the log leaves open, in the order of their ids.
    pub(crate) fn rest(&mut self) -> Vec<Proof> {
        let mut open: Vec<Run> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(|run| run.summary.id);
        open.iter().map(|run| self.prove(run)).collect()
    }

    fn prove(&mut self, run: &Run) -> Proof {
        self.runs += 1;
        self.expected.add(run);
        let mut tasks: Vec<&Task> = run.tasks.values().collect();
        tasks.sort_by_key(|task| task.position);
        Proof::of(&run.summary, tasks.into_iter())
    }
}

/// Logs and artifacts that the decision log says are stored.
#[derive(Default)]
pub(crate) struct Expected {
    logs: HashMap<String, Log>,
    manifests: HashMap<String, (RunId, String)>,
    current: Option<(String, Sha256, u64)>,
}

struct Log {
    run: RunId,
    size_bytes: u64,
    sha256: String,
}

impl Expected {
    fn add(&mut self, run: &Run) {
        let id = run.summary.id;
        for end in
            run.tasks.values().flat_map(|task| &task.attempts).filter_map(|attempt| attempt.end.as_ref())
        {
            if let Some(log) = end.log.as_ref().filter(|log| !log.sha256.is_empty() && log.size_bytes > 0) {
                let known = Log { run: id, size_bytes: log.size_bytes, sha256: log.sha256.clone() };
                self.logs.insert(object_key::log_prefix(&log.prefix), known);
            }
        }
        for (task, artifact) in
            run.tasks.values().flat_map(|task| task.artifacts.iter().map(move |artifact| (task, artifact)))
        {
            // What other runs made is expected of these.
            if task.taken_over_from.is_none() && task.child.is_none() {
                let key = object_key::artifact_manifest(&artifact.prefix, artifact.stored_name());
                self.manifests.insert(key, (id, artifact.manifest_sha256.clone()));
            }
        }
    }

    /// Whether the content of the object is a part of an expected log.
    pub(crate) fn wants_content(&self, key: &str) -> bool {
        log_of(key).is_some_and(|prefix| self.logs.contains_key(prefix))
    }

    /// Objects in the byte order of their keys, each with its checksum, and with its content where that is wanted.
    /// Gives what does not fit to what the decision log says.
    pub(crate) fn see(&mut self, key: &str, sha256: &str, content: Option<&[u8]>) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some((run, expected)) = self.manifests.remove(key)
            && expected != sha256
        {
            wrong.push(format!("{key} of {run} has SHA-256 {sha256}, the decision log says {expected}"));
        }
        let prefix = log_of(key).filter(|prefix| self.logs.contains_key(*prefix));
        if self.current.as_ref().is_some_and(|(current, ..)| Some(current.as_str()) != prefix) {
            wrong.extend(self.close_log());
        }
        if let (Some(prefix), Some(content)) = (prefix, content) {
            let (_, hasher, size_bytes) =
                self.current.get_or_insert_with(|| (prefix.to_owned(), Sha256::new(), 0));
            hasher.update(content);
            *size_bytes += content.len() as u64;
        }
        wrong
    }

    fn close_log(&mut self) -> Option<String> {
        let (prefix, hasher, size_bytes) = self.current.take()?;
        let log = self.logs.remove(&prefix)?;
        let found = hex(&hasher.finalize());
        let fits = found == log.sha256 && size_bytes == log.size_bytes;
        (!fits).then(|| {
            let Log { run, size_bytes: expected, sha256 } = log;
            format!(
                "the log {prefix} of {run} has {size_bytes} bytes with SHA-256 {found}, \
                 the decision log says {expected} with {sha256}"
            )
        })
    }

    /// An object is there: for who looks at names only.
    pub(crate) fn see_name(&mut self, key: &str) {
        self.manifests.remove(key);
        if let Some(prefix) = log_of(key) {
            self.logs.remove(prefix);
        }
    }

    /// What was expected and did not come, with the run that it belongs to.
    pub(crate) fn missing(mut self) -> Vec<(Option<RunId>, String)> {
        let mut missing: Vec<(Option<RunId>, String)> =
            self.close_log().into_iter().map(|text| (None, text)).collect();
        missing.extend(
            self.manifests.into_iter().map(|(key, (run, _))| (Some(run), format!("{key} is missing"))),
        );
        missing.extend(
            self.logs.into_iter().map(|(prefix, log)| (Some(log.run), format!("{prefix} is missing"))),
        );
        missing.sort();
        missing
    }
}

/// The log that an object is a chunk of.
fn log_of(key: &str) -> Option<&str> {
    let (folder, file) = key.rsplit_once('/')?;
    (folder.ends_with("/logs") && file.ends_with(".log")).then(|| &key[..=folder.len()])
}
