//! Answers that need only the planner's memory: claims and explanations.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emboflow_model::object_key;
use emboflow_protocol::call::{Claim, ClaimAnswer, Explain, Explanation};
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};

use crate::planner::Planner;

/// How long an attempt may use its storage token. A container that runs longer renews nothing today, so it is long.
const TOKEN_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Grants or refuses a claim.
pub(super) fn answer_claim(planner: &Planner, key: &TokenKey, claim: &Claim) -> ClaimAnswer {
    let granted = planner.claim(claim).and_then(|grant| {
        let expires = SystemTime::now() + TOKEN_LIFE;
        let claims = StorageClaims {
            sub: claim.attempt.to_string(),
            exp: expires.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            read: grant.read_prefixes,
            write: vec![object_key::attempt_prefix(&grant.project, &claim.attempt)],
            delete: false,
        };
        mint(key, &claims).map_err(|error| error.to_string())
    });
    match granted {
        Ok(storage_token) => ClaimAnswer::Granted { storage_token },
        Err(reason) => ClaimAnswer::Refused { reason },
    }
}

/// Says why the tasks of a run wait.
pub(super) fn explain(planner: &Planner, question: &Explain, now: emboflow_model::Timestamp) -> Explanation {
    Explanation { waits: planner.explain(question.run, now) }
}
