//! Oneself.

pub(crate) mod password;
pub(crate) mod show;
