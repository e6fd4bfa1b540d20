//! The installation.

pub(crate) mod health;
pub(crate) mod show;
