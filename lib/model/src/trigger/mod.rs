//! Triggers: what starts runs by itself. Everything here is decided from what is given; the service `svc-trigger`
//! waits, asks and sends.

mod chain;
pub mod cloud_event;
mod document;
mod due;
mod event;
mod key;
mod known_objects;
mod objects;
mod schedule;
mod spec;
#[cfg(test)]
mod tests;

pub use chain::{
    CHAIN_LABEL, CHAIN_ROOM_LABEL, Chain, ChainEnd, MAX_CHAIN_LENGTH, MAX_CHAIN_RUNS, MAX_CHAIN_WIDTH,
};
pub use document::{
    MAX_HISTORY, MAX_OF_PROJECT, MAX_STREAMS, Pause, Start, StartResult, StreamPlace, TRIGGER_STATES,
    TRIGGERS, TriggerDocument, TriggerState,
};
pub use due::{Due, MissedTimes, ON_TIME_MS};
pub use event::{Event, data};
pub use key::{Reason, idempotency_key};
pub use known_objects::{KNOWN_OBJECTS, KnownObject, KnownObjects, MAX_KNOWN, fingerprint};
pub use objects::{BadFilter, ObjectFilter, ObjectPlace, Standing, standing, upload_of};
pub use schedule::{BadSchedule, ClockChange, Schedule};
pub use spec::{TriggerKind, TriggerSpec};
