//! The records: the platform's only authority. One contract, kept by SQLite (embedded) and by MongoDB (a server).
//!
//! The decision log is what everything else about runs derives from: documents for lists are written behind it and
//! can be rebuilt from it.

mod audit;
mod contract;
mod document;
mod entry;
mod error;
pub mod fresh;
mod kept;
mod metrics;
mod mongo;
mod open;
pub mod project;
mod query;
mod rebuild;
mod sqlite;
mod stage;
#[cfg(feature = "testing")]
pub mod testing;
mod transfer;

pub use audit::{AuditFilter, AuditPage};
pub use contract::{Answer, Records, SharedRecords};
pub use document::{Cursor, Derived, Removal, RequestOutcome, RequestRecord, WorkflowRow, WorkflowVersion};
pub use error::{AppendError, RecordsError, Unavailability};
pub use fresh::{fresh_request, fresh_run, fresh_task, fresh_tasks};
pub use kept::Kept;
pub use mongo::{Duty, UserError, make_mongo_user};
pub use open::{Config, Schema, open, open_as_is, schema};
pub use project::Documents;
pub use query::{RunFilter, RunPage, RunSort, RunSortKey, TaskFilter};
pub use rebuild::{catch_up, rebuild};
pub use stage::{Former, Staged, stage};
pub use transfer::{Item, ItemPage, Section, copy_entries};
