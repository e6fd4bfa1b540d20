//! One file an operation: extract, check, one call, answer.

pub(crate) mod artifacts;
pub(crate) mod events;
pub(crate) mod executors;
mod limit;
pub(crate) mod logs;
pub(crate) mod place;
pub(crate) mod requests;
pub(crate) mod runs;
pub(crate) mod session;
pub(crate) mod system;
pub(crate) mod tasks;
pub(crate) mod workflows;
