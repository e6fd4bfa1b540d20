//! Runs.

mod answer;
pub(crate) mod batch;
pub(crate) mod cancel;
pub(crate) mod counts;
pub(crate) mod explain;
pub(crate) mod forecast;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod rerun_preview;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod show;
pub(crate) mod source;
mod steer;
pub(crate) mod submit;

pub(crate) use answer::{of_changed_run, request_address};
