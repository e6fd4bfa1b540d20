//! The contract, operation by operation.

use std::collections::BTreeMap;
use std::sync::Arc;

use emboflow_model::access::AuditEntry;
use emboflow_model::{
    LogEntry, ProjectName, RunId, RunState, RunSummary, Task, TaskKey, Timestamp, Transition, WorkflowName,
};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::schema::{AUDIT, CURSORS, KEPT, LOG, REMOVALS, REQUESTS, RUNS, SETTINGS, TASKS, WORKFLOWS};
use super::{Mongo, NAME, audit, derived, kept, log, results, retention, runs, transfer, workflows};
use crate::audit::{AuditFilter, AuditPage};
use crate::contract::{Answer, Records};
use crate::document::{Cursor, Derived, Removal, RequestRecord, WorkflowRow, WorkflowVersion};
use crate::entry::encode;
use crate::error::AppendError;
use crate::kept::Kept;
use crate::query::{RunFilter, RunPage, TaskFilter};
use crate::transfer::{Item, ItemPage, Section};

impl Records for Mongo {
    fn backend(&self) -> &'static str {
        NAME
    }

    fn ping(&self) -> Answer<'_, ()> {
        let settings = self.collection(SETTINGS);
        async move { self.run("ping", workflows::ping(settings)).await }.boxed()
    }

    fn append(&self, shard: u32, entries: Vec<Arc<LogEntry>>) -> BoxFuture<'_, Result<(), AppendError>> {
        async move {
            let stored = encode(shard, &entries)?;
            let (log, cursors) = (self.collection(LOG), self.collection(CURSORS));
            self.run("append", log::append(log, cursors, shard, stored)).await
        }
        .boxed()
    }

    fn log_after(&self, shard: u32, after_seq: u64, limit: u32) -> Answer<'_, Vec<LogEntry>> {
        self.run("log_after", log::after(self.collection(LOG), shard, after_seq, limit)).boxed()
    }

    fn last_seq(&self, shard: u32) -> Answer<'_, u64> {
        let (log, cursors) = (self.collection(LOG), self.collection(CURSORS));
        self.run("last_seq", log::last_seq(log, cursors, shard)).boxed()
    }

    fn history(&self, run: RunId, after_number: u64, limit: u32) -> Answer<'_, Vec<Transition>> {
        self.run("history", log::history(self.collection(LOG), run, after_number, limit)).boxed()
    }

    fn histories(&self, runs: Vec<RunId>) -> Answer<'_, Vec<Vec<Transition>>> {
        self.run_long("histories", log::histories(self.collection(LOG), runs)).boxed()
    }

    fn cursor(&self, shard: u32, cursor: Cursor) -> Answer<'_, u64> {
        self.run("cursor", log::cursor(self.collection(CURSORS), shard, cursor)).boxed()
    }

    fn put_cursor(&self, shard: u32, cursor: Cursor, seq: u64) -> Answer<'_, ()> {
        let cursors = self.collection(CURSORS);
        self.run("put_cursor", async move { log::put_cursor(&cursors, shard, cursor, seq).await }).boxed()
    }

    fn put_derived(&self, derived: Derived) -> Answer<'_, ()> {
        self.run_long("put_derived", derived::put(self.database.clone(), derived)).boxed()
    }

    fn clear_derived(&self, shard: u32) -> Answer<'_, ()> {
        self.run_long("clear_derived", derived::clear(self.database.clone(), shard)).boxed()
    }

    fn open_runs(&self, shard: u32) -> Answer<'_, Vec<RunId>> {
        self.run("open_runs", derived::open_runs(self.collection(RUNS), shard)).boxed()
    }

    fn run(&self, run: RunId) -> Answer<'_, Option<RunSummary>> {
        self.run("run", derived::run(self.collection(RUNS), run)).boxed()
    }

    fn runs(&self, filter: RunFilter) -> Answer<'_, RunPage> {
        self.run("runs", runs::page(self.collection(RUNS), filter)).boxed()
    }

    fn run_counts<'a>(&'a self, project: &'a ProjectName) -> Answer<'a, BTreeMap<RunState, u64>> {
        self.run("run_counts", runs::counts(self.collection(RUNS), project.clone())).boxed()
    }

    fn tasks(&self, run: RunId, filter: TaskFilter) -> Answer<'_, Vec<Task>> {
        self.run("tasks", derived::tasks(self.collection(TASKS), run, filter)).boxed()
    }

    fn task<'a>(&'a self, run: RunId, key: &'a TaskKey) -> Answer<'a, Option<Task>> {
        self.run("task", derived::task(self.collection(TASKS), run, key.clone())).boxed()
    }

    fn result<'a>(
        &'a self,
        project: &'a ProjectName,
        key: &'a str,
        before: RunId,
    ) -> Answer<'a, Option<Task>> {
        let tasks = self.collection(TASKS);
        self.run("result", results::newest(tasks, project.clone(), key.to_owned(), before)).boxed()
    }

    fn requests<'a>(&'a self, keys: &'a [(ProjectName, String)]) -> Answer<'a, Vec<Option<RequestRecord>>> {
        self.run("requests", derived::requests(self.collection(REQUESTS), keys.to_vec())).boxed()
    }

    fn requests_after(&self, shard: u32, after_seq: u64, limit: u32) -> Answer<'_, Vec<RequestRecord>> {
        let requests = self.collection(REQUESTS);
        self.run("requests_after", retention::requests_after(requests, shard, after_seq, limit)).boxed()
    }

    fn remove_requests(&self, shard: u32, requests: Vec<RequestRecord>) -> Answer<'_, ()> {
        let database = self.database.clone();
        self.run("remove_requests", retention::remove_requests(database, shard, requests)).boxed()
    }

    fn runs_to_remove(&self, shard: u32, ended_before: Timestamp, limit: u32) -> Answer<'_, Vec<RunSummary>> {
        let both = (self.collection(RUNS), self.collection(TASKS));
        self.run("runs_to_remove", retention::runs_to_remove(both, shard, ended_before, limit)).boxed()
    }

    fn remove_run(&self, shard: u32, removal: Removal) -> Answer<'_, ()> {
        self.run_long("remove_run", retention::remove_run(self.database.clone(), shard, removal)).boxed()
    }

    fn removal(&self, run: RunId) -> Answer<'_, Option<Removal>> {
        self.run("removal", retention::removal(self.collection(REMOVALS), run)).boxed()
    }

    fn removals(&self, shard: u32, limit: u32) -> Answer<'_, Vec<Removal>> {
        self.run("removals", retention::removals(self.collection(REMOVALS), shard, limit)).boxed()
    }

    fn end_removal(&self, run: RunId) -> Answer<'_, ()> {
        self.run("end_removal", retention::end_removal(self.collection(REMOVALS), run)).boxed()
    }

    fn kept<'a>(&'a self, kind: &'static str, scope: &'a str, name: &'a str) -> Answer<'a, Option<Kept>> {
        self.run("kept", kept::get(self.collection(KEPT), kept::id(kind, scope, name))).boxed()
    }

    fn kept_page<'a>(
        &'a self,
        kind: &'static str,
        scope: Option<&'a str>,
        after: Option<(&'a str, &'a str)>,
        limit: u32,
    ) -> Answer<'a, Vec<Kept>> {
        let first = kept::id(kind, scope.unwrap_or_default(), "");
        let after = after.map_or_else(String::new, |(scope, name)| kept::id(kind, scope, name));
        let end = kept::end(kind, scope);
        self.run("kept_page", kept::page(self.collection(KEPT), after.max(first), end, limit)).boxed()
    }

    fn keep<'a>(
        &'a self,
        kind: &'static str,
        scope: &'a str,
        name: &'a str,
        expected: Option<u64>,
        body: String,
    ) -> Answer<'a, Option<u64>> {
        let document = Kept { scope: scope.to_owned(), name: name.to_owned(), version: 0, body };
        let id = kept::id(kind, scope, name);
        self.run("keep", kept::put(self.collection(KEPT), id, document, expected)).boxed()
    }

    fn drop_kept<'a>(
        &'a self,
        kind: &'static str,
        scope: &'a str,
        name: &'a str,
        expected: u64,
    ) -> Answer<'a, bool> {
        let id = kept::id(kind, scope, name);
        self.run("drop_kept", kept::remove(self.collection(KEPT), id, expected)).boxed()
    }

    fn append_audit(&self, entries: Vec<AuditEntry>) -> Answer<'_, ()> {
        self.run("append_audit", audit::append(self.collection(AUDIT), entries)).boxed()
    }

    fn audit(&self, filter: AuditFilter) -> Answer<'_, AuditPage> {
        self.run("audit", audit::page(self.collection(AUDIT), filter)).boxed()
    }

    fn drop_audit(&self, before: Timestamp, limit: u32) -> Answer<'_, u32> {
        self.run("drop_audit", audit::drop_before(self.collection(AUDIT), before, limit)).boxed()
    }

    fn export(&self, section: Section, after: Option<String>, limit: u32) -> Answer<'_, ItemPage> {
        self.run("export", transfer::page(self.database.clone(), section, after, limit)).boxed()
    }

    fn import(&self, items: Vec<Item>) -> Answer<'_, ()> {
        self.run_long("import", transfer::put(self.database.clone(), items)).boxed()
    }

    fn holds_anything(&self) -> Answer<'_, bool> {
        self.run("holds_anything", transfer::holds_anything(self.database.clone())).boxed()
    }

    fn put_workflow(&self, workflow: WorkflowVersion) -> Answer<'_, WorkflowVersion> {
        self.run("put_workflow", workflows::put(self.collection(WORKFLOWS), workflow)).boxed()
    }

    fn workflow<'a>(
        &'a self,
        project: &'a ProjectName,
        name: &'a WorkflowName,
        version: Option<u32>,
    ) -> Answer<'a, Option<WorkflowVersion>> {
        let workflows = self.collection(WORKFLOWS);
        self.run("workflow", workflows::get(workflows, project.clone(), name.clone(), version)).boxed()
    }

    fn workflows<'a>(
        &'a self,
        project: &'a ProjectName,
        after: Option<&'a WorkflowName>,
        limit: u32,
    ) -> Answer<'a, Vec<WorkflowRow>> {
        let workflows = self.collection(WORKFLOWS);
        self.run("workflows", workflows::list(workflows, project.clone(), after.cloned(), limit)).boxed()
    }

    fn drop_workflow<'a>(&'a self, project: &'a ProjectName, name: &'a WorkflowName) -> Answer<'a, bool> {
        let workflows = self.collection(WORKFLOWS);
        self.run("drop_workflow", workflows::drop(workflows, project.clone(), name.clone())).boxed()
    }

    fn setting<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>> {
        self.run("setting", workflows::setting(self.collection(SETTINGS), name.to_owned())).boxed()
    }

    fn put_setting_if_absent<'a>(&'a self, name: &'a str, value: String) -> Answer<'a, String> {
        self.run("put_setting", workflows::put_setting(self.collection(SETTINGS), name.to_owned(), value))
            .boxed()
    }
}
