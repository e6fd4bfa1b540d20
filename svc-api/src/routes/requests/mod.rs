//! Requests.

pub(crate) mod show;
