//! People.

pub(crate) mod change;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod make;
pub(crate) mod powers;
pub(crate) mod remove;
pub(crate) mod show;
mod view;
