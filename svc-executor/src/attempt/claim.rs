//! Asking the scheduler whether an attempt may go on. Nothing is created and nothing stored without its answer.

use std::time::Duration;

use emboflow_bus::{Bus, BusError};
use emboflow_model::{ExecutorId, PoolName};
use emboflow_protocol::call::{Claim, ClaimAnswer};
use emboflow_protocol::command::Start;

const ANSWER: Duration = Duration::from_secs(3);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Asks for one attempt, as often as it is needed: a claim may be repeated while the attempt is open.
#[derive(Clone)]
pub(crate) struct Desk {
    bus: Bus,
    claim: Claim,
}

/// What a granted claim brings.
pub(crate) struct Grant {
    /// For the storage gateway.
    pub(crate) token: String,
    /// How long it is good for, from the answer on.
    pub(crate) life: Duration,
}

impl Desk {
    pub(crate) fn new(bus: Bus, pool: PoolName, executor: ExecutorId, start: &Start) -> Self {
        let claim = Claim { pool, executor, attempt: start.attempt.clone(), fence: start.fence };
        Self { bus, claim }
    }

    /// Asks until there is an answer: the grant, or why the attempt is to be forgotten.
    pub(crate) async fn ask(&self) -> Result<Grant, String> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.ask_once().await {
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::warn!(attempt = %self.claim.attempt, %error, "a claim has no answer yet")
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Asks once, for three seconds at most.
    pub(crate) async fn ask_once(&self) -> Result<Result<Grant, String>, BusError> {
        Ok(match self.bus.call(&self.claim, ANSWER).await? {
            ClaimAnswer::Granted { storage_token: token, storage_token_ms } => {
                Ok(Grant { token, life: Duration::from_millis(storage_token_ms) })
            }
            ClaimAnswer::Refused { reason } => Err(reason),
        })
    }
}
