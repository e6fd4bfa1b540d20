//! The HTTP API and the page: one more publisher of requests, and a reader of the records. It never sees a container
//! engine, and decides nothing.

mod app;
mod config;
mod extract;
mod idempotency;
mod intake;
mod live;
mod log;
mod measure;
mod objects;
mod openapi;
mod page;
mod problem;
mod router;
mod routes;
mod service;
mod sign_in;

pub use config::{Config, Nats, Storage};
pub use openapi::openapi;
pub use service::{Connections, Started, run, start, start_on};
