//! Workflow files kept by name.

pub(crate) mod apply;
mod check;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod show;
pub(crate) mod validate;
mod view;
