//! The whole system under test: every service as a process of its own, on real NATS, real records and a real engine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cell;
mod client;
mod containers;
mod programs;
mod service;
mod stack;
mod up;
mod waiting;
mod workflows;

pub use cell::{Cell, RecordsKind, RuntimeKind};
pub use client::{Client, Submitted};
pub use containers::Containers;
pub use service::Service;
pub use stack::{Part, Stack};
pub use up::Up;
pub use waiting::{DEADLINE, eventually, within};
pub use workflows::{fan_out, long_task, one_task, pair};

use std::path::PathBuf;

/// The repository's root.
pub fn repository() -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    PathBuf::from(root).canonicalize().expect("the package lies in the repository")
}
