//! The HTTP API and the page: one more publisher of requests, and a reader of the records. It never sees a container
//! engine, and decides nothing.

mod admission;
mod app;
mod conditional;
mod config;
mod error_page;
mod extract;
mod idempotency;
mod intake;
mod known_query;
mod live;
mod log;
mod measure;
mod objects;
mod openapi;
mod page;
mod paged;
mod problem;
mod removal;
mod router;
mod routes;
mod service;
mod sign_in;

pub use config::{Config, Storage, WAITING_BYTES};
pub use openapi::openapi;
pub use service::{Connections, Started, run, start, start_on};
