//! Executors.

pub(crate) mod list;
