//! The program as people and scripts use it: the real binary, a real nats-server, the simulated runtime.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod approvals;
mod cli;
mod config;
mod contexts;
mod each;
mod endings;
mod lost_answers;
mod nats;
mod operators;
mod streams;
mod support;
mod tidy;
mod triggers;
mod up;
mod validate;
