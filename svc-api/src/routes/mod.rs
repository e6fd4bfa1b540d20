//! One file an operation: extract, check, one call, answer.

pub(crate) mod artifacts;
pub(crate) mod audit;
pub(crate) mod events;
pub(crate) mod executors;
pub(crate) mod hooks;
pub(crate) mod keys;
mod limit;
pub(crate) mod logs;
pub(crate) mod maintenance;
pub(crate) mod me;
pub(crate) mod members;
pub(crate) mod notifications;
mod owned;
pub(crate) mod place;
pub(crate) mod projects;
pub(crate) mod requests;
pub(crate) mod runs;
pub(crate) mod secrets;
pub(crate) mod services;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod system;
pub(crate) mod tasks;
pub(crate) mod triggers;
pub(crate) mod uploads;
pub(crate) mod users;
pub(crate) mod workflows;
