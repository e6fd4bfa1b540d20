//! Asking the scheduler whether an attempt may go on. Nothing is created and nothing stored without its answer.

use std::sync::Arc;
use std::time::Duration;

use emboflow_model::PoolName;
use emboflow_protocol::call::{Claim, ClaimAnswer, GivenSecret};
use emboflow_protocol::command::Start;

use super::right::Right;
use crate::clerk::Clerk;
use crate::identity::Identity;
use crate::machine;
use crate::outcome::{self, Verdict};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Asks for one attempt, as often as it is needed: a claim may be repeated while the attempt is open.
#[derive(Clone)]
pub(crate) struct Desk {
    clerk: Clerk,
    claim: Claim,
    /// What a granted claim renews, if the attempt is exclusive.
    right: Option<Arc<Right>>,
}

/// What a granted claim brings.
pub(crate) struct Grant {
    /// For the storage gateway.
    pub(crate) token: String,
    /// How long it is good for, from the answer on.
    pub(crate) life: Duration,
    /// The values of its secrets, if they were asked for.
    pub(crate) secrets: Vec<GivenSecret>,
}

/// Why a claim brings nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotGranted {
    /// The attempt is to be forgotten.
    Refused(String),
    /// The attempt is over before it began.
    Denied(Verdict),
}

impl Desk {
    pub(crate) fn new(
        clerk: Clerk,
        pool: PoolName,
        identity: &Identity,
        start: &Start,
        right: Option<Arc<Right>>,
    ) -> Self {
        let claim = Claim {
            pool,
            executor: identity.executor.clone(),
            attempt: start.attempt.clone(),
            fence: start.fence,
            journal: Some(identity.journal.clone()),
            secrets: false,
            again: false,
        };
        Self { clerk, claim, right }
    }

    /// The same, for the values of its secrets too.
    pub(crate) fn with_secrets(&self) -> Self {
        Self { claim: Claim { secrets: true, ..self.claim.clone() }, ..self.clone() }
    }

    /// The same, of an attempt that has begun.
    pub(crate) fn again(&self) -> Self {
        Self { claim: Claim { again: true, ..self.claim.clone() }, ..self.clone() }
    }

    /// Asks until there is an answer: the grant, or why there is none.
    pub(crate) async fn ask(&self) -> Result<Grant, NotGranted> {
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

    /// Asks once. Errors: there is no answer, in words.
    pub(crate) async fn ask_once(&self) -> Result<Result<Grant, NotGranted>, String> {
        // Whoever grants it counts from later on. Without this time it is taken for sent long ago.
        let sent_ms = machine::uptime_ms().unwrap_or_default();
        Ok(match self.clerk.ask(self.claim.clone()).await? {
            ClaimAnswer::Granted { storage_token: token, storage_token_ms, good_for_ms, secrets } => {
                if let (Some(right), Some(good_for_ms)) = (&self.right, good_for_ms) {
                    right.renew(sent_ms, good_for_ms);
                }
                Ok(Grant { token, life: Duration::from_millis(storage_token_ms), secrets })
            }
            ClaimAnswer::Refused { reason } => Err(NotGranted::Refused(reason)),
            ClaimAnswer::Denied { cause, reason, message } => {
                Err(NotGranted::Denied(outcome::denied(cause, reason, message)))
            }
        })
    }
}
