//! The scheduler: decides what runs where. The planner decides, the driver waits, stores and sends.

mod config;
mod driver;
mod forecast;
mod measure;
mod planner;
mod service;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod watch;

pub use config::{Config, Retention, STORAGE_TOKEN_MS};
pub use driver::fail_points;
pub use planner::Policy;
pub use service::{run, start, start_on};
