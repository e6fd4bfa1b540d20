//! Logs of tasks.

pub(crate) mod search;
pub(crate) mod stream;
