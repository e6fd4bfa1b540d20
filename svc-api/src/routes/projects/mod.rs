//! Projects.

pub(crate) mod change;
pub(crate) mod list;
pub(crate) mod make;
pub(crate) mod show;
pub(crate) mod usage;
mod view;
