//! Bodies about maintenance.

use std::collections::BTreeMap;

use emboflow_model::PoolName;
use emboflow_model::maintenance::Maintenance;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `PUT /api/v1/maintenance` and `PUT /api/v1/maintenance/{pool}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceBody {
    /// Why, for everybody who has to wait; 1 to 500 characters.
    pub reason: String,
}

/// Answer of `/api/v1/maintenance`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaintenanceView {
    /// The maintenance; none when everything is taken in and started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    /// The maintenance of single pools: nothing is started there, and everything is taken in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<PoolName, Maintenance>,
}
