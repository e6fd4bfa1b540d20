//! Triggers on real records, a real nats-server and a real scheduler.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asked;
mod borders;
mod ended;
mod killed;
mod messages;
mod objects;
mod outputs;
mod places;
mod schedules;
mod storage;
mod world;
