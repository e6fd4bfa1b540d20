//! Artifacts: what tasks made.

pub(crate) mod files;
mod find;
pub(crate) mod get;
pub(crate) mod list;
