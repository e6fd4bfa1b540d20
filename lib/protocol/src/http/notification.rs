//! Bodies about notifications.

use emboflow_model::Timestamp;
use emboflow_model::name::NotificationName;
use emboflow_model::notification::{Delivery, NotificationSpec, Paused};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationView {
    /// Its name in the project.
    pub name: NotificationName,
    /// To whom, and of which runs.
    pub spec: NotificationSpec,
    /// That nothing is sent at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// The newest deliveries first, 50 at most; those under way before those that are over.
    pub deliveries: Vec<Delivery>,
}

/// A notification in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationRow {
    /// Its name in the project.
    pub name: NotificationName,
    /// To whom, and of which runs.
    pub spec: NotificationSpec,
    /// That nothing is sent at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// What became of the newest delivery that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Delivery>,
    /// Deliveries under way.
    pub under_way: u32,
}

/// Body of `POST …/notifications/{name}/pause`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// Why; whoever looks at it later wants to know.
    #[schemars(length(min = 1, max = 300))]
    pub reason: String,
}
