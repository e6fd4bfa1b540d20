//! Who belongs to a project.

pub(crate) mod list;
pub(crate) mod put;
pub(crate) mod remove;
