//! Stories about the whole system, each on cells of {SQLite, MongoDB wire} × {simulated, Docker}.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod after;
mod cancelling;
mod digits;
mod fan_out;
mod garbage;
mod killed_processes;
mod killed_scheduler;
mod lost_executor;
mod outsider;
mod requests;
