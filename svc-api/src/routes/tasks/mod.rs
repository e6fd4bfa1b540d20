//! Tasks of a run.

pub(crate) mod list;
pub(crate) mod show;
mod wait_reason;
