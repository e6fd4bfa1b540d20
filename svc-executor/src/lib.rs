//! The executor: claims attempts, carries them out in containers, keeps their logs and outputs, and reports. It holds
//! no database and decides nothing about runs.

mod at_hand;
mod attempt;
mod clerk;
mod commands;
mod config;
mod devices;
mod discard;
mod disk_use;
mod executor;
mod fail_point;
pub mod guard;
mod heartbeat;
mod held;
mod identity;
mod journal;
mod kept_files;
mod log;
mod machine;
mod metrics;
mod outbox;
mod outcome;
mod reconcile;
mod removals;
pub mod runtime;
mod seat;
mod secrets;
mod service;
mod store;
mod survey;

pub use config::{Capacity, Config, DockerChoice, RuntimeChoice};
pub use fail_point::fail_points;
pub use identity::id_of;
pub use service::{Started, run, start, start_on};
