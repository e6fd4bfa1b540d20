//! The HTTP API and the page: one more publisher of requests, and a reader of the records. It never sees a container
//! engine, and decides nothing.

mod access;
mod admission;
mod app;
mod clearings;
mod conditional;
mod config;
mod cordons;
mod error_page;
mod extract;
mod foresight;
mod host;
mod idempotency;
mod intake;
mod known_query;
mod limits;
mod listener;
mod live;
mod log;
mod maintenance;
mod measure;
mod objects;
mod oidc;
mod openapi;
mod page;
mod paged;
mod problem;
mod queues;
mod removal;
mod router;
mod routes;
mod secrets;
mod service;
mod trace;
mod triggers;
mod uploads;
mod watch;

pub use config::{AUDIT_DAYS, Config, Storage, WAITING_BYTES, Watch};
pub use limits::Limits;
pub use oidc::{OidcConfig, RoleRule};
pub use openapi::openapi;
pub use service::{Connections, Started, run, start, start_on};
