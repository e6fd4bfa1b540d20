//! Asking the scheduler whether an attempt may go on. Nothing is created and nothing stored without its answer.

use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::{ExecutorId, PoolName};
use emboflow_protocol::call::{Claim, ClaimAnswer};
use emboflow_protocol::command::Start;

const ANSWER: Duration = Duration::from_secs(3);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Asks for one attempt.
#[derive(Clone)]
pub(crate) struct Desk {
    bus: Bus,
    claim: Claim,
}

impl Desk {
    pub(crate) fn new(bus: Bus, pool: PoolName, executor: ExecutorId, start: &Start) -> Self {
        let claim = Claim { pool, executor, attempt: start.attempt.clone(), fence: start.fence };
        Self { bus, claim }
    }

    /// Asks until there is an answer: the token for storage, or why the attempt is to be forgotten.
    pub(crate) async fn ask(&self) -> Result<String, String> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.bus.call(&self.claim, ANSWER).await {
                Ok(ClaimAnswer::Granted { storage_token }) => return Ok(storage_token),
                Ok(ClaimAnswer::Refused { reason }) => return Err(reason),
                Err(error) => {
                    tracing::warn!(attempt = %self.claim.attempt, %error, "a claim has no answer yet")
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}
