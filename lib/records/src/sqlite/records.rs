//! The contract, operation by operation: which thread does it, and how durable it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use emboflow_model::access::AuditEntry;
use emboflow_model::{
    LogEntry, ProjectName, RunId, RunState, RunSummary, Task, TaskKey, Timestamp, Transition, WorkflowName,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;

use super::derived::Encoded;
use super::writer::Durability::{Behind, OnDisk};
use super::{NAME, Sqlite, audit, derived, kept, log, results, retention, runs, transfer, workflows};
use crate::audit::{AuditFilter, AuditPage};
use crate::contract::{Answer, Records};
use crate::document::{Cursor, Derived, Removal, RequestRecord, WorkflowRow, WorkflowVersion};
use crate::entry::{encode, to_json};
use crate::error::{AppendError, RecordsError};
use crate::kept::Kept;
use crate::metrics::timed;
use crate::query::{RunFilter, RunPage, TaskFilter};
use crate::transfer::{Item, ItemPage, Section};

/// Documents written in one go; an append waits for at most so many.
const DOCUMENTS_AT_A_TIME: usize = 200;

impl Records for Sqlite {
    fn backend(&self) -> &'static str {
        NAME
    }

    fn ping(&self) -> Answer<'_, ()> {
        async {
            self.read("ping", |connection| log::last_seq(connection, 0)).await?;
            self.write("ping", Behind, workflows::ping).await
        }
        .boxed()
    }

    fn append(&self, shard: u32, entries: Vec<Arc<LogEntry>>) -> BoxFuture<'_, Result<(), AppendError>> {
        async move {
            let stored = encode(shard, &entries)?;
            if stored.is_empty() {
                return Ok(());
            }
            let work = self.writer.run(OnDisk, move |connection| log::append(connection, shard, &stored));
            timed(NAME, "append", work).await
        }
        .boxed()
    }

    fn log_after(&self, shard: u32, after_seq: u64, limit: u32) -> Answer<'_, Vec<LogEntry>> {
        self.read("log_after", move |connection| log::after(connection, shard, after_seq, limit)).boxed()
    }

    fn last_seq(&self, shard: u32) -> Answer<'_, u64> {
        self.read("last_seq", move |connection| log::last_seq(connection, shard)).boxed()
    }

    fn history(&self, run: RunId, after_number: u64, limit: u32) -> Answer<'_, Vec<Transition>> {
        self.read("history", move |connection| log::history(connection, run, after_number, limit)).boxed()
    }

    fn histories(&self, runs: Vec<RunId>) -> Answer<'_, Vec<Vec<Transition>>> {
        self.read("histories", move |connection| log::histories(connection, &runs)).boxed()
    }

    fn cursor(&self, shard: u32, cursor: Cursor) -> Answer<'_, u64> {
        self.read("cursor", move |connection| log::cursor(connection, shard, cursor)).boxed()
    }

    fn put_cursor(&self, shard: u32, cursor: Cursor, seq: u64) -> Answer<'_, ()> {
        self.write("put_cursor", Behind, move |connection| log::put_cursor(connection, shard, cursor, seq))
            .boxed()
    }

    fn put_derived(&self, derived: Derived) -> Answer<'_, ()> {
        timed(NAME, "put_derived", self.put_in_order(derived)).boxed()
    }

    fn clear_derived(&self, shard: u32) -> Answer<'_, ()> {
        self.write("clear_derived", Behind, move |connection| derived::clear(connection, shard)).boxed()
    }

    fn open_runs(&self, shard: u32) -> Answer<'_, Vec<RunId>> {
        self.read("open_runs", move |connection| derived::open_runs(connection, shard)).boxed()
    }

    fn run(&self, run: RunId) -> Answer<'_, Option<RunSummary>> {
        self.read("run", move |connection| derived::run(connection, run)).boxed()
    }

    fn runs(&self, filter: RunFilter) -> Answer<'_, RunPage> {
        self.read("runs", move |connection| runs::page(connection, &filter)).boxed()
    }

    fn run_counts<'a>(&'a self, project: &'a ProjectName) -> Answer<'a, BTreeMap<RunState, u64>> {
        let project = project.clone();
        self.read("run_counts", move |connection| runs::counts(connection, &project)).boxed()
    }

    fn tasks(&self, run: RunId, filter: TaskFilter) -> Answer<'_, Vec<Task>> {
        self.read("tasks", move |connection| derived::tasks(connection, run, &filter)).boxed()
    }

    fn task<'a>(&'a self, run: RunId, key: &'a TaskKey) -> Answer<'a, Option<Task>> {
        let key = key.clone();
        self.read("task", move |connection| derived::task(connection, run, &key)).boxed()
    }

    fn result<'a>(
        &'a self,
        project: &'a ProjectName,
        key: &'a str,
        before: RunId,
    ) -> Answer<'a, Option<Task>> {
        let (project, key) = (project.clone(), key.to_owned());
        self.read("result", move |connection| results::newest(connection, &project, &key, before)).boxed()
    }

    fn requests<'a>(&'a self, keys: &'a [(ProjectName, String)]) -> Answer<'a, Vec<Option<RequestRecord>>> {
        let keys = keys.to_vec();
        self.read("requests", move |connection| derived::requests(connection, &keys)).boxed()
    }

    fn requests_after(&self, shard: u32, after_seq: u64, limit: u32) -> Answer<'_, Vec<RequestRecord>> {
        let find = move |connection: &_| retention::requests_after(connection, shard, after_seq, limit);
        self.read("requests_after", find).boxed()
    }

    fn remove_requests(&self, shard: u32, requests: Vec<RequestRecord>) -> Answer<'_, ()> {
        let remove = move |connection: &_| retention::remove_requests(connection, shard, &requests);
        self.write("remove_requests", OnDisk, remove).boxed()
    }

    fn runs_to_remove(&self, shard: u32, ended_before: Timestamp, limit: u32) -> Answer<'_, Vec<RunSummary>> {
        let find = move |connection: &_| retention::runs_to_remove(connection, shard, ended_before, limit);
        self.read("runs_to_remove", find).boxed()
    }

    fn remove_run(&self, shard: u32, removal: Removal) -> Answer<'_, ()> {
        timed(NAME, "remove_run", self.remove_in_pieces(shard, removal)).boxed()
    }

    fn removal(&self, run: RunId) -> Answer<'_, Option<Removal>> {
        self.read("removal", move |connection| retention::removal(connection, run)).boxed()
    }

    fn removals(&self, shard: u32, limit: u32) -> Answer<'_, Vec<Removal>> {
        self.read("removals", move |connection| retention::removals(connection, shard, limit)).boxed()
    }

    fn end_removal(&self, run: RunId) -> Answer<'_, ()> {
        self.write("end_removal", OnDisk, move |connection| retention::end_removal(connection, run)).boxed()
    }

    fn kept<'a>(&'a self, kind: &'static str, scope: &'a str, name: &'a str) -> Answer<'a, Option<Kept>> {
        let (scope, name) = (scope.to_owned(), name.to_owned());
        self.read("kept", move |connection| kept::get(connection, kind, &scope, &name)).boxed()
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
        let find = move |connection: &_| {
            let after = after.as_ref().map(|(scope, name)| (&**scope, &**name));
            kept::page(connection, kind, scope.as_deref(), after, limit)
        };
        self.read("kept_page", find).boxed()
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
        let keep = move |connection: &_| kept::put(connection, kind, &document, expected);
        self.write("keep", OnDisk, keep).boxed()
    }

    fn drop_kept<'a>(
        &'a self,
        kind: &'static str,
        scope: &'a str,
        name: &'a str,
        expected: u64,
    ) -> Answer<'a, bool> {
        let (scope, name) = (scope.to_owned(), name.to_owned());
        let drop = move |connection: &_| kept::remove(connection, kind, &scope, &name, expected);
        self.write("drop_kept", OnDisk, drop).boxed()
    }

    fn append_audit(&self, entries: Vec<AuditEntry>) -> Answer<'_, ()> {
        self.write("append_audit", OnDisk, move |connection| audit::append(connection, &entries)).boxed()
    }

    fn audit(&self, filter: AuditFilter) -> Answer<'_, AuditPage> {
        self.read("audit", move |connection| audit::page(connection, &filter)).boxed()
    }

    fn drop_audit(&self, before: Timestamp, limit: u32) -> Answer<'_, u32> {
        self.write("drop_audit", OnDisk, move |connection| audit::drop_before(connection, before, limit))
            .boxed()
    }

    fn export(&self, section: Section, after: Option<String>, limit: u32) -> Answer<'_, ItemPage> {
        let read = move |connection: &_| transfer::page(connection, section, after.as_deref(), limit);
        self.read("export", read).boxed()
    }

    fn import(&self, items: Vec<Item>) -> Answer<'_, ()> {
        self.write("import", OnDisk, move |connection| transfer::put(connection, &items)).boxed()
    }

    fn holds_anything(&self) -> Answer<'_, bool> {
        self.read("holds_anything", transfer::holds_anything).boxed()
    }

    fn put_workflow(&self, workflow: WorkflowVersion) -> Answer<'_, WorkflowVersion> {
        self.write("put_workflow", OnDisk, move |connection| workflows::put(connection, workflow)).boxed()
    }

    fn workflow<'a>(
        &'a self,
        project: &'a ProjectName,
        name: &'a WorkflowName,
        version: Option<u32>,
    ) -> Answer<'a, Option<WorkflowVersion>> {
        let (project, name) = (project.clone(), name.clone());
        self.read("workflow", move |connection| workflows::get(connection, &project, &name, version)).boxed()
    }

    fn workflows<'a>(
        &'a self,
        project: &'a ProjectName,
        after: Option<&'a WorkflowName>,
        limit: u32,
    ) -> Answer<'a, Vec<WorkflowRow>> {
        let (project, after) = (project.clone(), after.cloned());
        self.read("workflows", move |connection| workflows::list(connection, &project, after.as_ref(), limit))
            .boxed()
    }

    fn drop_workflow<'a>(&'a self, project: &'a ProjectName, name: &'a WorkflowName) -> Answer<'a, bool> {
        let (project, name) = (project.clone(), name.clone());
        self.write("drop_workflow", OnDisk, move |connection| workflows::drop(connection, &project, &name))
            .boxed()
    }

    fn setting<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>> {
        let name = name.to_owned();
        self.read("setting", move |connection| workflows::setting(connection, &name)).boxed()
    }

    fn put_setting_if_absent<'a>(&'a self, name: &'a str, value: String) -> Answer<'a, String> {
        let name = name.to_owned();
        self.write("put_setting", OnDisk, move |connection| workflows::put_setting(connection, &name, &value))
            .boxed()
    }
}

impl Sqlite {
    async fn put_in_order(&self, derived: Derived) -> Result<(), RecordsError> {
        let Derived { shard, runs, tasks, requests, through_seq } = derived;
        self.put_chunks(tasks, move |connection, tasks| {
            tasks.iter().try_for_each(|task| derived::put_task(connection, shard, task))
        })
        .await?;
        self.put_chunks(requests, move |connection, requests| {
            requests.iter().try_for_each(|request| derived::put_request(connection, shard, request))
        })
        .await?;
        self.put_chunks(runs, move |connection, runs| derived::put_runs(connection, shard, runs)).await?;
        let put = move |connection: &_| log::put_cursor(connection, shard, Cursor::Projection, through_seq);
        self.writer.run(Behind, put).await
    }

    async fn put_chunks<T: Serialize + Send + 'static>(
        &self,
        documents: Vec<T>,
        put: impl Fn(&rusqlite::Connection, &[Encoded<T>]) -> Result<(), RecordsError> + Copy + Send + 'static,
    ) -> Result<(), RecordsError> {
        let mut documents = documents.into_iter();
        loop {
            let chunk: Vec<Encoded<T>> =
                documents.by_ref().take(DOCUMENTS_AT_A_TIME).map(encoded).collect::<Result<_, _>>()?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.writer.run(Behind, move |connection| put(connection, &chunk)).await?;
        }
    }
}

fn encoded<T: Serialize>(document: T) -> Result<Encoded<T>, RecordsError> {
    let body = to_json(&document, "a derived document")?;
    Ok(Encoded { document, body })
}
