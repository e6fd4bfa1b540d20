//! The storage gateway: one HTTP front with scoped tokens for objects that lie in a local directory or in S3.
//! Objects are streamed and never held in memory; `lib/objects` keeps them.

mod config;
mod created;
mod fail_point;
mod http;
mod ledger;
mod measure;
mod service;

pub use config::{Config, Limits};
pub use emboflow_objects::{Backend, DirectoryBackend, S3Backend};
pub use fail_point::fail_points;
pub use service::{Started, run, start};
