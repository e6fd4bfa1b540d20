//! The records as a scheduler reaches them: every question travels, is carried out at one moment, and its answer
//! travels back. Both ways can be slow or lost, and a batch can tear.

use std::collections::BTreeMap;
use std::sync::Arc;

use emboflow_model::access::AuditEntry;
use emboflow_model::{
    LogEntry, ProjectName, RunId, RunState, RunSummary, Task, TaskKey, Timestamp, Transition, WorkflowName,
};
use emboflow_records::{
    Answer, AppendError, AuditFilter, AuditPage, Cursor, Derived, Item, ItemPage, Kept, Records,
    RecordsError, Removal, RequestRecord, RunFilter, RunPage, Section, TaskFilter, Unavailability,
    WorkflowRow, WorkflowVersion,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::sabotage::{self, Sabotage};
use super::stage::{Shared, Stage};
use super::workload;

/// How long a caller waits for records that do not answer.
const PATIENCE_MS: u64 = 2_000;

/// The records of one life of a process.
pub(super) struct SimulatedRecords {
    pub(super) shared: Shared,
    pub(super) process: usize,
}

fn unavailable(reason: Unavailability) -> RecordsError {
    RecordsError::Unavailable { reason, detail: "simulated".to_owned() }
}

/// The driver asks for none of these.
fn not_simulated<T: Send + 'static>() -> Answer<'static, T> {
    std::future::ready(Err(unavailable(Unavailability::Closed))).boxed()
}

impl SimulatedRecords {
    /// Has something done with the records. What was asked is done even if the asker is dead by then.
    fn ask<T, E>(
        &self,
        may_tear: bool,
        carry_out: impl FnOnce(&mut Stage, bool) -> Result<T, E> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, E>>
    where
        T: Send + 'static,
        E: From<RecordsError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let process = self.process;
        let mut stage = self.shared.stage();
        let way = stage.trouble.records;
        if !stage.reaches_records(process) {
            stage.count("records away");
            stage.after(PATIENCE_MS, move |_| {
                let _ = answer.send(Err(unavailable(Unavailability::Unreachable).into()));
            });
        } else {
            let (there, back) = (stage.delay(way.slow), stage.delay(way.slow));
            let is_torn = may_tear && stage.dice.in_a_thousand(way.torn);
            let is_answer_lost = is_torn || stage.dice.in_a_thousand(way.answer_lost);
            let records = (stage.restores, stage.power_cuts);
            stage.after(there, move |stage| {
                // What was meant for the records of before a restore reaches those, which nobody reads any more; what was
                // under way while they lost their power reaches nobody.
                if records != (stage.restores, stage.power_cuts) {
                    return;
                }
                let done = carry_out(stage, is_torn);
                let back = if is_answer_lost { PATIENCE_MS } else { back };
                if is_answer_lost {
                    stage.count(if is_torn { "torn batch" } else { "executed and timed out" });
                }
                stage.after(back, move |stage| {
                    let lost = || Err(unavailable(Unavailability::Timeout).into());
                    let is_seen = is_torn && stage.is_sabotaged(Sabotage::TornBatchIsWhole);
                    let _ = answer.send(if is_answer_lost && !is_seen { lost() } else { done });
                });
            });
        }
        drop(stage);
        async move { answered.await.unwrap_or_else(|_| Err(unavailable(Unavailability::Closed).into())) }
            .boxed()
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Stage) -> T + Send + 'static,
    ) -> Answer<'static, T> {
        self.ask(false, move |stage, _| Ok(read(stage)))
    }
}

impl Stage {
    /// Appends, and shows the judge what has become durable.
    fn append(
        &mut self,
        process: usize,
        entries: Vec<Arc<LogEntry>>,
        is_torn: bool,
    ) -> Result<(), AppendError> {
        let entries = sabotage::entries(self, entries);
        let most = if is_torn { self.dice.below(entries.len() as u64) as usize } else { entries.len() };
        if self.is_sabotaged(Sabotage::AppendOverOthers) {
            for entry in &entries {
                self.store.forget(entry);
            }
        }
        let (stored, result) = self.store.append(&entries, most);
        if result.is_err() {
            self.count("log place taken");
            self.note(|| format!("s{process} append {}.. conflict", entries[0].seq()));
            if self.is_sabotaged(Sabotage::IgnoreConflicts) {
                return Ok(());
            }
        }
        for entry in &entries[..stored] {
            self.note(|| format!("s{process} {}", super::trace::entry(entry)));
            self.judge_heed(process, entry);
            self.judge_entry(entry);
            self.kill_if_at_work(process);
        }
        result
    }
}

impl Records for SimulatedRecords {
    fn backend(&self) -> &'static str {
        "simulated"
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.read(|_| ())
    }

    fn append(&self, _shard: u32, entries: Vec<Arc<LogEntry>>) -> BoxFuture<'_, Result<(), AppendError>> {
        let process = self.process;
        if self.shared.stage().is_sabotaged(Sabotage::AnswerBeforeDurable) {
            let mut stage = self.shared.stage();
            let later = stage.dice.between(1, 400);
            stage.after(later, move |stage| drop(stage.append(process, entries, false)));
            return std::future::ready(Ok(())).boxed();
        }
        self.ask(true, move |stage, is_torn| stage.append(process, entries, is_torn))
    }

    fn log_after(&self, _shard: u32, after_seq: u64, limit: u32) -> Answer<'_, Vec<LogEntry>> {
        self.read(move |stage| stage.store.log_after(after_seq, limit as usize))
    }

    fn last_seq(&self, _shard: u32) -> Answer<'_, u64> {
        self.read(|stage| {
            let is_stale = stage.is_sabotaged(Sabotage::StaleEndOfLog);
            stage.store.last_seq().saturating_sub(u64::from(is_stale))
        })
    }

    fn history(&self, run: RunId, after_number: u64, limit: u32) -> Answer<'_, Vec<Transition>> {
        self.read(move |stage| stage.store.history(run, after_number, limit as usize))
    }

    fn histories(&self, runs: Vec<RunId>) -> Answer<'_, Vec<Vec<Transition>>> {
        self.read(move |stage| {
            let histories = runs.iter().map(|run| stage.store.history(*run, 0, usize::MAX));
            sabotage::histories(stage, histories.collect())
        })
    }

    fn cursor(&self, _shard: u32, cursor: Cursor) -> Answer<'_, u64> {
        self.read(move |stage| stage.store.cursor(cursor))
    }

    fn put_cursor(&self, _shard: u32, cursor: Cursor, seq: u64) -> Answer<'_, ()> {
        self.read(move |stage| stage.store.put_cursor(cursor, sabotage::cursor(stage, seq)))
    }

    fn put_derived(&self, derived: Derived) -> Answer<'_, ()> {
        self.read(move |stage| stage.store.put_derived(&sabotage::derived(stage, derived)))
    }

    fn clear_derived(&self, _shard: u32) -> Answer<'_, ()> {
        not_simulated()
    }

    fn open_runs(&self, _shard: u32) -> Answer<'_, Vec<RunId>> {
        self.read(|stage| sabotage::open_runs(stage, stage.store.open_runs()))
    }

    fn run(&self, run: RunId) -> Answer<'_, Option<RunSummary>> {
        self.read(move |stage| stage.store.lazy.runs.get(&run).cloned())
    }

    fn runs(&self, filter: RunFilter) -> Answer<'_, RunPage> {
        self.read(move |stage| {
            let own = stage.store.lazy.runs.values().filter(|run| {
                run.project == filter.project
                    && (filter.states.is_empty() || filter.states.contains(&run.state))
            });
            let mut rows: Vec<_> = own.cloned().collect();
            rows.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
            rows.truncate(filter.limit as usize);
            RunPage { rows, next: None }
        })
    }

    fn run_counts<'a>(&'a self, _project: &'a ProjectName) -> Answer<'a, BTreeMap<RunState, u64>> {
        not_simulated()
    }

    fn tasks(&self, run: RunId, filter: TaskFilter) -> Answer<'_, Vec<Task>> {
        self.read(move |stage| {
            let own = stage.store.lazy.tasks.values().filter(|task| task.run == run && !task.replaced);
            let mut tasks: Vec<_> = own.cloned().collect();
            tasks.sort_by_key(|task| task.position);
            tasks.truncate(filter.limit as usize);
            tasks
        })
    }

    fn task<'a>(&'a self, run: RunId, key: &'a TaskKey) -> Answer<'a, Option<Task>> {
        let key = (run, key.clone());
        self.read(move |stage| stage.store.lazy.tasks.get(&key).filter(|task| !task.replaced).cloned())
    }

    fn result<'a>(
        &'a self,
        project: &'a ProjectName,
        key: &'a str,
        before: RunId,
    ) -> Answer<'a, Option<Task>> {
        let (project, key) = (project.clone(), key.to_owned());
        self.read(move |stage| {
            let (found, at) = (stage.store.result(&project, &key, before), Timestamp(stage.wall_ms()));
            sabotage::result(stage, &key, found, at)
        })
    }

    fn requests<'a>(&'a self, keys: &'a [(ProjectName, String)]) -> Answer<'a, Vec<Option<RequestRecord>>> {
        let keys = keys.to_vec();
        self.read(move |stage| {
            let found = keys.iter().map(|key| stage.store.lazy.requests.get(key).cloned());
            found.map(|found| sabotage::request(stage, found)).collect()
        })
    }

    fn requests_after(&self, _shard: u32, _after: u64, _limit: u32) -> Answer<'_, Vec<RequestRecord>> {
        // Nothing becomes so old here that it would be removed.
        self.read(|_| Vec::new())
    }

    fn remove_requests(&self, _shard: u32, _requests: Vec<RequestRecord>) -> Answer<'_, ()> {
        not_simulated()
    }

    fn runs_to_remove(&self, _shard: u32, _before: Timestamp, _limit: u32) -> Answer<'_, Vec<RunSummary>> {
        self.read(|_| Vec::new())
    }

    fn remove_run(&self, _shard: u32, _removal: Removal) -> Answer<'_, ()> {
        not_simulated()
    }

    fn removal(&self, _run: RunId) -> Answer<'_, Option<Removal>> {
        self.read(|_| None)
    }

    fn removals(&self, _shard: u32, _limit: u32) -> Answer<'_, Vec<Removal>> {
        self.read(|_| Vec::new())
    }

    fn end_removal(&self, _run: RunId) -> Answer<'_, ()> {
        not_simulated()
    }

    fn kept<'a>(&'a self, kind: &'static str, scope: &'a str, name: &'a str) -> Answer<'a, Option<Kept>> {
        let (scope, name) = (scope.to_owned(), name.to_owned());
        self.read(move |stage| stage.store.kept(kind, &scope, &name))
    }

    fn kept_page<'a>(
        &'a self,
        kind: &'static str,
        scope: Option<&'a str>,
        after: Option<(&'a str, &'a str)>,
        limit: u32,
    ) -> Answer<'a, Vec<Kept>> {
        let scope = scope.map(str::to_owned);
        let after = after.map(|(scope, name)| (scope.to_owned(), name.to_owned()));
        self.read(move |stage| {
            let after = after.as_ref().map(|(scope, name)| (scope.as_str(), name.as_str()));
            let page = stage.store.kept_page(kind, scope.as_deref(), after, limit as usize);
            sabotage::kept(stage, kind, page)
        })
    }

    fn keep<'a>(
        &'a self,
        _kind: &'static str,
        _scope: &'a str,
        _name: &'a str,
        _expected: Option<u64>,
        _body: String,
    ) -> Answer<'a, Option<u64>> {
        not_simulated()
    }

    fn drop_kept<'a>(&'a self, _: &'static str, _: &'a str, _: &'a str, _: u64) -> Answer<'a, bool> {
        not_simulated()
    }

    fn append_audit(&self, _entries: Vec<AuditEntry>) -> Answer<'_, ()> {
        not_simulated()
    }

    fn audit(&self, _filter: AuditFilter) -> Answer<'_, AuditPage> {
        not_simulated()
    }

    fn drop_audit(&self, _before: Timestamp, _limit: u32) -> Answer<'_, u32> {
        not_simulated()
    }

    fn export(&self, _section: Section, _after: Option<String>, _limit: u32) -> Answer<'_, ItemPage> {
        not_simulated()
    }

    fn import(&self, _items: Vec<Item>) -> Answer<'_, ()> {
        not_simulated()
    }

    fn holds_anything(&self) -> Answer<'_, bool> {
        not_simulated()
    }

    fn put_workflow(&self, _workflow: WorkflowVersion) -> Answer<'_, WorkflowVersion> {
        not_simulated()
    }

    fn workflow<'a>(
        &'a self,
        project: &'a ProjectName,
        name: &'a WorkflowName,
        _version: Option<u32>,
    ) -> Answer<'a, Option<WorkflowVersion>> {
        let found = workload::kept(name.as_str()).map(|source| WorkflowVersion {
            row: WorkflowRow {
                project: project.clone(),
                name: name.clone(),
                version: 1,
                digest: emboflow_model::workflow::digest(source),
                description: None,
                created_at: Timestamp(0),
            },
            source: source.into(),
        });
        self.read(move |_| found)
    }

    fn workflows<'a>(
        &'a self,
        _project: &'a ProjectName,
        _after: Option<&'a WorkflowName>,
        _limit: u32,
    ) -> Answer<'a, Vec<WorkflowRow>> {
        not_simulated()
    }

    fn drop_workflow<'a>(&'a self, _project: &'a ProjectName, _name: &'a WorkflowName) -> Answer<'a, bool> {
        not_simulated()
    }

    fn setting<'a>(&'a self, _name: &'a str) -> Answer<'a, Option<String>> {
        self.read(|_| None)
    }

    fn put_setting_if_absent<'a>(&'a self, _name: &'a str, _value: String) -> Answer<'a, String> {
        not_simulated()
    }
}
