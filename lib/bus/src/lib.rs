//! NATS for every service: streams and consumers with the settings that survived measurement, calls, heartbeats and
//! dead letters. The only crate that knows `async-nats`.
//!
//! No correctness rests on an acknowledgement, a deduplication window or a heartbeat: a message may come twice or
//! late, and the records decide.

mod backoff;
mod bus;
mod call;
mod config;
mod connection;
mod consumer;
mod credentials;
mod dead_letter;
mod delivery;
mod error;
mod foreign;
mod foreign_stream;
mod gather;
mod headers;
mod heartbeat;
mod jetstream;
mod keep;
mod metrics;
mod publish;
mod pull;
mod registration;
mod replay;
pub mod server;
mod subscription;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use bus::Bus;
pub use config::Config;
pub use connection::Connection;
pub use consumer::{Consumer, ConsumerSpec};
pub use dead_letter::DeadLetter;
pub use delivery::{Delivery, MAX_DELIVERIES, ack_all};
pub use error::BusError;
pub use foreign::{ForeignBatch, ForeignConsumer, ForeignMessage, ForeignSpec};
pub use foreign_stream::ForeignStream;
pub use gather::{Answered, StreamUse};
pub use headers::Headers;
pub use heartbeat::{Garbage, HeartbeatChange, Heartbeats};
pub use jetstream::StreamState;
pub use keep::Pulse;
pub use publish::OutgoingRequest;
pub use registration::Registration;
pub use replay::Replay;
pub use subscription::{Frame, Subscription};
