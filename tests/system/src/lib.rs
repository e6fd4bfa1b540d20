//! The whole system under test: every service as a process of its own, on real NATS, real records and a real engine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod cell;
mod client;
mod containers;
mod engine;
mod network;
pub mod otlp;
mod programs;
mod service;
mod small_disk;
mod stack;
mod up;
mod waiting;
mod wire;
mod workflows;

pub use backup::Backup;
pub use cell::{Cell, RecordsKind, RuntimeKind};
pub use client::{Client, Submitted};
pub use containers::Containers;
pub use engine::Engine;
pub use network::{Home, Network, Way};
pub use service::Service;
pub use small_disk::SmallDisk;
pub use stack::{FOLLOWED_STREAM, Part, Stack};
pub use up::Up;
pub use waiting::{DEADLINE, eventually, eventually_ok, within};
pub use wire::Wire;
pub use workflows::{fan_out, found, long_task, one_task, pair, task, workflow_of};

use std::path::PathBuf;

/// The repository's root.
pub fn repository() -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    PathBuf::from(root).canonicalize().expect("the package lies in the repository")
}
