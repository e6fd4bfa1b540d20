//! What people decide.

pub(crate) mod decide;
pub(crate) mod list;
