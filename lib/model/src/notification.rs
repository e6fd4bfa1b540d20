//! What is told to the outside when a run ends: to whom, of which runs, and how often it is tried.

mod delivery;
mod spec;

pub use delivery::{Delivery, History, MAX_TRIES, Tried, next_try};
pub use spec::{Destination, NotificationSpec, check};

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// The kind of the kept documents; scope and name are the project and the notification's name.
pub const KIND: &str = "notification";
/// The kind of the deliveries that are under way; their name is `<notification>/<run>`.
pub const DELIVERIES: &str = "delivery";
/// The kind of the deliveries that are over; named as the notification.
pub const HISTORIES: &str = "delivery_history";
/// Notifications of a project at most.
pub const MAX_OF_PROJECT: usize = 100;

/// A notification in the records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// To whom, and of what.
    pub spec: NotificationSpec,
    /// Since when nothing is sent, why and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// When it was made: runs that ended before are not told.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// That somebody has stopped something for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Paused {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}
