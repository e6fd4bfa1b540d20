//! Services show themselves as NATS micro services: `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` find them.

use std::collections::HashMap;

use async_nats::service::{Service, ServiceExt};

use crate::bus::Bus;
use crate::error::BusError;

/// A registered service. It answers until it is stopped or the bus is dropped.
#[derive(Debug)]
pub struct Registration {
    service: Service,
}

impl Registration {
    /// The id that this instance has in the answers.
    pub async fn id(&self) -> String {
        self.service.info().await.id
    }

    /// Answers no more.
    pub async fn stop(self) {
        if let Err(error) = self.service.stop().await {
            tracing::debug!(%error, "a service registration did not end cleanly");
        }
    }
}

impl Bus {
    /// Registers this process as a service. `name` consists of letters, digits, `-` and `_`, `version` is a semantic
    /// version; `details` are shown as they are. Waits for the connection as long as configured.
    pub async fn register_service(
        &self,
        name: &str,
        version: &str,
        description: &str,
        details: HashMap<String, String>,
    ) -> Result<Registration, BusError> {
        self.ready().await?;
        let service = self
            .inner
            .client
            .service_builder()
            .description(description)
            .metadata(details)
            .start(name, version)
            .await
            .map_err(|error| BusError::Server {
                doing: format!("registering service {name}"),
                code: 0,
                status: 0,
                detail: error.to_string(),
            })?;
        Ok(Registration { service })
    }
}
