//! The services, and the type that holds each one's configuration.

use std::fmt;
use std::path::Path;

use clap::ValueEnum;
use emboflow_service::config::{ConfigError, Setting, settings};
use schemars::{Schema, schema_for};
use serde::Serialize;

/// A service that has a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Service {
    /// The API
    Api,
    /// The scheduler
    Scheduler,
    /// An executor
    Executor,
    /// The storage gateway
    StorageGw,
    /// The service that starts runs by itself
    Trigger,
}

impl Service {
    /// Every one.
    pub(super) const ALL: &'static [Self] =
        &[Self::Api, Self::Scheduler, Self::Executor, Self::StorageGw, Self::Trigger];

    /// The service of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("svc-").unwrap_or(name);
        Self::ALL.iter().copied().find(|service| service.to_string() == name)
    }

    /// Its configuration, key by key. Errors: it cannot be used.
    pub(super) fn settings(
        self,
        file: Option<&Path>,
        environment: Vec<(String, String)>,
        flags: Vec<(String, String)>,
    ) -> Result<Vec<Setting>, ConfigError> {
        match self {
            Self::Api => settings::<svc_api::Config>(file, environment, flags),
            Self::Scheduler => settings::<svc_scheduler::Config>(file, environment, flags),
            Self::Executor => settings::<svc_executor::Config>(file, environment, flags),
            Self::StorageGw => settings::<svc_storage_gw::Config>(file, environment, flags),
            Self::Trigger => settings::<svc_trigger::Config>(file, environment, flags),
        }
    }

    /// The form of its configuration.
    pub(super) fn schema(self) -> Schema {
        match self {
            Self::Api => schema_for!(svc_api::Config),
            Self::Scheduler => schema_for!(svc_scheduler::Config),
            Self::Executor => schema_for!(svc_executor::Config),
            Self::StorageGw => schema_for!(svc_storage_gw::Config),
            Self::Trigger => schema_for!(svc_trigger::Config),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Executor => "executor",
            Self::StorageGw => "storage-gw",
            Self::Trigger => "trigger",
        })
    }
}
