//! The contract of the records: the decision log, the documents derived from it, and what the API keeps of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use emboflow_model::access::AuditEntry;
use emboflow_model::{
    LogEntry, ProjectName, RunId, RunState, RunSummary, Task, TaskKey, Timestamp, Transition, WorkflowName,
};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::audit::{AuditFilter, AuditPage};
use crate::document::{Cursor, Derived, Removal, RequestRecord, WorkflowRow, WorkflowVersion};
use crate::error::{AppendError, RecordsError};
use crate::kept::Kept;
use crate::query::{RunFilter, RunPage, TaskFilter};
use crate::transfer::{Item, ItemPage, Section};

/// What an operation gives, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, RecordsError>>;

/// Records that several parts of a process share.
pub type SharedRecords = Arc<dyn Records>;

/// The only authority of the platform. Writes are durable when they return, unless said otherwise. Writer of the log,
/// the cursors and the derived documents is the shard's scheduler; writer of workflows and settings is the API.
pub trait Records: Send + Sync {
    /// `sqlite` or `mongo`.
    fn backend(&self) -> &'static str;

    /// Answers when the store can be read and written.
    fn ping(&self) -> Answer<'_, ()>;

    // ---- the decision log ----

    /// Appends entries with consecutive places to a shard's log, in order. A batch that tears is a prefix. Places are
    /// unique in the shard, numbers in a run; a place whose entry has been removed stays taken. An empty batch is done
    /// at once.
    fn append(&self, shard: u32, entries: Vec<Arc<LogEntry>>) -> BoxFuture<'_, Result<(), AppendError>>;

    /// The entries after a place, in order, at most `limit`. There may be gaps up to [`Cursor::Removed`].
    fn log_after(&self, shard: u32, after_seq: u64, limit: u32) -> Answer<'_, Vec<LogEntry>>;

    /// The newest place that a shard's log has ever had; 0 before the first one.
    fn last_seq(&self, shard: u32) -> Answer<'_, u64>;

    /// A run's transitions after a number, in order, at most `limit`.
    fn history(&self, run: RunId, after_number: u64, limit: u32) -> Answer<'_, Vec<Transition>>;

    /// The whole histories of several runs, in the order asked; an unknown run has an empty one.
    fn histories(&self, runs: Vec<RunId>) -> Answer<'_, Vec<Vec<Transition>>>;

    /// A cursor's place; 0 before it was first put.
    fn cursor(&self, shard: u32, cursor: Cursor) -> Answer<'_, u64>;

    /// Moves a cursor forward; a smaller place than it has is ignored. Not forced to disk: after a power cut it may be
    /// an older one.
    fn put_cursor(&self, shard: u32, cursor: Cursor, seq: u64) -> Answer<'_, ()>;

    // ---- documents derived from the log ----

    /// Writes documents where the stored version is older: first tasks, then requests, then runs, then moves
    /// [`Cursor::Projection`] to `through_seq`. Repeatable; not forced to disk (it can be derived again).
    fn put_derived(&self, derived: Derived) -> Answer<'_, ()>;

    /// Removes a shard's derived documents and sets [`Cursor::Projection`] to 0.
    fn clear_derived(&self, shard: u32) -> Answer<'_, ()>;

    /// The runs of a shard whose document is not terminal, oldest first.
    fn open_runs(&self, shard: u32) -> Answer<'_, Vec<RunId>>;

    /// A run's document; may be older than its history, see [`crate::fresh`].
    fn run(&self, run: RunId) -> Answer<'_, Option<RunSummary>>;

    /// One page of a project's runs.
    fn runs(&self, filter: RunFilter) -> Answer<'_, RunPage>;

    /// How many runs a project has in each state; a state with none is left out.
    fn run_counts<'a>(&'a self, project: &'a ProjectName) -> Answer<'a, BTreeMap<RunState, u64>>;

    /// A run's task documents in the order of their positions.
    fn tasks(&self, run: RunId, filter: TaskFilter) -> Answer<'_, Vec<Task>>;

    /// A task's document.
    fn task<'a>(&'a self, run: RunId, key: &'a TaskKey) -> Answer<'a, Option<Task>>;

    /// The task that made the newest result under a content key in a project, of runs with ids below `before`. Only one
    /// that succeeded itself; it goes with its run.
    fn result<'a>(
        &'a self,
        project: &'a ProjectName,
        key: &'a str,
        before: RunId,
    ) -> Answer<'a, Option<Task>>;

    /// What became of the requests with these idempotency keys, in the order asked.
    fn requests<'a>(&'a self, keys: &'a [(ProjectName, String)]) -> Answer<'a, Vec<Option<RequestRecord>>>;

    /// What became of the request with this idempotency key.
    fn request<'a>(&'a self, project: &'a ProjectName, key: &'a str) -> Answer<'a, Option<RequestRecord>> {
        let one = [(project.clone(), key.to_owned())];
        async move { Ok(self.requests(&one).await?.pop().flatten()) }.boxed()
    }

    // ---- what is no longer kept ----

    /// The requests of a shard that were decided after a place of its log, in order, at most `limit`.
    fn requests_after(&self, shard: u32, after_seq: u64, limit: u32) -> Answer<'_, Vec<RequestRecord>>;

    /// Forgets decided requests, and removes the rejected ones' entries from the log.
    fn remove_requests(&self, shard: u32, requests: Vec<RequestRecord>) -> Answer<'_, ()>;

    /// The runs of a shard that ended before a moment, that no run in the records repeats, of which none took over a
    /// result, and that carry out no task of one, longest ago first, at most `limit`.
    fn runs_to_remove(&self, shard: u32, ended_before: Timestamp, limit: u32) -> Answer<'_, Vec<RunSummary>>;

    /// Removes an ended run's history and documents, and notes first that its objects remain. Its request stays, with
    /// the time of the run's end. Repeatable, and to be repeated when it fails; the cursors of projection and effects
    /// must have passed the run.
    fn remove_run(&self, shard: u32, removal: Removal) -> Answer<'_, ()>;

    /// The note about a run that is being removed.
    fn removal(&self, run: RunId) -> Answer<'_, Option<Removal>>;

    /// The notes of a shard, at most `limit`.
    fn removals(&self, shard: u32, limit: u32) -> Answer<'_, Vec<Removal>>;

    /// Drops the note: the run's objects are gone.
    fn end_removal(&self, run: RunId) -> Answer<'_, ()>;

    // ---- kept documents ----

    /// A document of a kind (a word without line breaks, as are scope and name).
    fn kept<'a>(&'a self, kind: &'static str, scope: &'a str, name: &'a str) -> Answer<'a, Option<Kept>>;

    /// The documents of a kind, of one scope or of all, by scope and name, after a pair of both, at most `limit`.
    fn kept_page<'a>(
        &'a self,
        kind: &'static str,
        scope: Option<&'a str>,
        after: Option<(&'a str, &'a str)>,
        limit: u32,
    ) -> Answer<'a, Vec<Kept>>;

    /// Changes the document that has the expected version, or makes it where `None` is expected. Gives the version that
    /// it has now; none, and nothing is written, if it is not as expected.
    fn keep<'a>(
        &'a self,
        kind: &'static str,
        scope: &'a str,
        name: &'a str,
        expected: Option<u64>,
        body: String,
    ) -> Answer<'a, Option<u64>>;

    /// Drops the document that has the expected version; whether it had it.
    fn drop_kept<'a>(
        &'a self,
        kind: &'static str,
        scope: &'a str,
        name: &'a str,
        expected: u64,
    ) -> Answer<'a, bool>;

    // ---- the audit ----

    /// Adds lines to the audit; a line whose id is there already stays as it is.
    fn append_audit(&self, entries: Vec<AuditEntry>) -> Answer<'_, ()>;

    /// One page of the audit, the newest line first. Errors: a cursor that is none.
    fn audit(&self, filter: AuditFilter) -> Answer<'_, AuditPage>;

    /// Drops lines from before a moment, the oldest first, at most `limit`; answers how many it dropped.
    fn drop_audit(&self, before: Timestamp, limit: u32) -> Answer<'_, u32>;

    // ---- on the way into another store ----

    /// A page of what does not derive from the log, in a fixed order, after a place that a page gave, at most `limit`.
    fn export(&self, section: Section, after: Option<String>, limit: u32) -> Answer<'_, ItemPage>;

    /// Puts items in as they are, over those of the same name. For records that nobody else uses yet.
    fn import(&self, items: Vec<Item>) -> Answer<'_, ()>;

    /// Whether anything has ever been kept here.
    fn holds_anything(&self) -> Answer<'_, bool>;

    // ---- workflows and settings ----

    /// Keeps a text as the newest version of a workflow. The version's number in `row` is ignored: it is 1 more than
    /// the newest one's, or that of the newest one when it has the same digest. Gives what is stored.
    fn put_workflow(&self, workflow: WorkflowVersion) -> Answer<'_, WorkflowVersion>;

    /// A version of a workflow; the newest without a number.
    fn workflow<'a>(
        &'a self,
        project: &'a ProjectName,
        name: &'a WorkflowName,
        version: Option<u32>,
    ) -> Answer<'a, Option<WorkflowVersion>>;

    /// The newest version of each of a project's workflows, by name, after a name, at most `limit`.
    fn workflows<'a>(
        &'a self,
        project: &'a ProjectName,
        after: Option<&'a WorkflowName>,
        limit: u32,
    ) -> Answer<'a, Vec<WorkflowRow>>;

    /// Drops a workflow with all its versions; whether there was one. Repeatable, and to be repeated when it fails.
    fn drop_workflow<'a>(&'a self, project: &'a ProjectName, name: &'a WorkflowName) -> Answer<'a, bool>;

    /// A setting's value.
    fn setting<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>>;

    /// Sets a value that is not set yet; gives the one that is set afterwards, whoever set it.
    fn put_setting_if_absent<'a>(&'a self, name: &'a str, value: String) -> Answer<'a, String>;
}

/// When a workflow version was made, and of what; for [`Records::put_workflow`].
impl WorkflowVersion {
    /// A text to keep; its number is given by the records.
    pub fn to_put(
        project: ProjectName,
        name: WorkflowName,
        digest: String,
        source: Arc<str>,
        description: Option<String>,
        created_at: Timestamp,
    ) -> Self {
        Self { row: WorkflowRow { project, name, version: 0, digest, description, created_at }, source }
    }
}
