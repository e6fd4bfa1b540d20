//! The API over real HTTP, with a real nats-server, SQLite records and the storage gateway; only the scheduler is a
//! script.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod approvals;
mod artifacts;
mod clearings;
mod cordons;
mod errors;
mod events;
mod foresight;
mod limits;
mod lists;
mod logs;
mod notifications;
mod oidc;
mod outline;
mod queues;
mod reading;
mod refusals;
mod removal;
mod requests;
mod rerun;
mod secrets;
mod session;
mod submitting;
mod support;
mod triggers;
mod uploads;
mod validators;
