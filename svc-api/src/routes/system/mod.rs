//! The installation.

pub(crate) mod show;
