//! Bodies about maintenance.

use emboflow_model::maintenance::Maintenance;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `PUT /api/v1/maintenance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceBody {
    /// Why, for everybody who has to wait; 1 to 500 characters.
    pub reason: String,
}

/// Answer of `/api/v1/maintenance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaintenanceView {
    /// The maintenance; none when everything is taken in and started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
}
