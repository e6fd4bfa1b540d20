//! Stories about the whole system, each on cells of {SQLite, MongoDB wire} × {simulated, Docker}.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod after;
mod approvals;
mod bad_files;
mod bad_tasks;
mod batches;
mod cancelling;
mod digits;
mod draining;
mod dynamic;
mod exclusive;
mod fan_out;
mod full_disks;
mod garbage;
mod hanging;
mod huge_log;
mod killed_engine;
mod killed_processes;
mod killed_scheduler;
mod lost_executor;
mod maintenance;
mod nats_users;
mod nemesis;
mod new_objects;
mod observed;
mod outages;
mod outsider;
mod placement;
mod removed_runs;
mod requests;
mod reruns;
mod restored;
mod secrets;
mod triggers;
mod two_schedulers;
mod uploads;
