//! Executors.

pub(crate) mod forget;
pub(crate) mod list;
