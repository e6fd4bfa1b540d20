//! Executors.

pub(crate) mod cordon;
pub(crate) mod forget;
pub(crate) mod list;
