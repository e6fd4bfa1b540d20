//! The executor: claims attempts, carries them out in containers, keeps their logs and outputs, and reports. It holds
//! no database and decides nothing about runs.

mod attempt;
mod commands;
mod config;
mod executor;
mod heartbeat;
mod held;
mod identity;
mod journal;
mod log;
mod machine;
mod metrics;
mod outbox;
mod outcome;
mod reconcile;
pub mod runtime;
mod service;
mod store;

pub use config::{Capacity, Config, DockerChoice, RuntimeChoice};
pub use service::{Started, run, start, start_on};
