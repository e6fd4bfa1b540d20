//! Answers that need only the planner's memory: claims and explanations.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emboflow_model::runtime_spec::SecretUse;
use emboflow_model::{ProjectName, object_key};
use emboflow_protocol::call::{Claim, ClaimAnswer, Explain, Explanation};
use emboflow_protocol::storage_token::{StorageClaims, StoredQuota, TokenError, TokenKey, mint};

use crate::planner::Planner;

/// A token of more prefixes would be larger than the gateway takes.
const PREFIXES_MAX: usize = 24;
const ATTEMPTS: &str = "/attempts/";

/// What the planner's memory says to a claim.
pub(super) enum Answered {
    /// Granted, with the secrets still to be opened.
    Granted {
        answer: ClaimAnswer,
        project: ProjectName,
        secrets: Vec<SecretUse>,
        /// Only whoever surely leads may grant it.
        is_exclusive: bool,
    },
    Refused {
        reason: String,
    },
}

/// Grants or refuses a claim. A repeated one is granted as the first was, as long as the attempt is open: that is how an
/// executor renews its token, which is good for `life`. Errors: there is no token; the attempt is not refused for that.
pub(super) fn answer_claim(
    planner: &Planner,
    key: &TokenKey,
    life: Duration,
    claim: &Claim,
) -> Result<Answered, TokenError> {
    let grant = match planner.claim(claim) {
        Ok(grant) => grant,
        Err(reason) => return Ok(Answered::Refused { reason }),
    };
    let expires = SystemTime::now() + life;
    let claims = StorageClaims {
        sub: claim.attempt.to_string(),
        exp: expires.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() + 1),
        read: readable(grant.read_prefixes),
        write: vec![object_key::attempt_prefix(&grant.project, &claim.attempt)],
        delete: false,
        quota: planner
            .stored_bytes(&grant.project)
            .map(|bytes| StoredQuota { project: grant.project.clone(), bytes }),
    };
    let storage_token = mint(key, &claims)?;
    let answer = ClaimAnswer::Granted {
        storage_token,
        storage_token_ms: life.as_millis() as u64,
        good_for_ms: grant.good_for_ms,
        secrets: Vec::new(),
    };
    let secrets = if claim.secrets { grant.secrets } else { Vec::new() };
    let is_exclusive = grant.good_for_ms.is_some();
    Ok(Answered::Granted { answer, project: grant.project, secrets, is_exclusive })
}

/// What a token lets its holder read: the declared inputs, as long as they fit into a token. A task that gathers the
/// artifacts of many others may read all attempts of their runs instead.
fn readable(prefixes: Vec<String>) -> Vec<String> {
    if prefixes.len() <= PREFIXES_MAX {
        return prefixes;
    }
    let of_run = |prefix: String| match prefix.split_once(ATTEMPTS) {
        Some((run, _)) => format!("{run}{ATTEMPTS}"),
        None => prefix,
    };
    prefixes.into_iter().map(of_run).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Says why the tasks of a run wait; of a task that is named also where it stands, and what each executor lacks.
pub(super) fn explain(planner: &Planner, question: &Explain, now: emboflow_model::Timestamp) -> Explanation {
    let run = question.run;
    let mut waits = planner.explain(run, now);
    let Some(task) = &question.task else { return Explanation { waits, ..Explanation::default() } };
    if !waits.iter().any(|wait| wait.task == *task) {
        // It comes after those that an answer has room for, or does not wait.
        waits.extend(planner.wait_of(run, task, now));
    }
    Explanation {
        waits,
        verdicts: planner.verdicts(run, task, now),
        position: planner.position(run, task, now),
        advice: planner.advice(run, task, now).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{AttemptId, RunId, TaskKey};

    fn prefixes(count: u32) -> Vec<String> {
        let project = ProjectName::new("lab").unwrap();
        let attempt = |index| {
            let task: TaskKey = format!("record[{index}]").parse().unwrap();
            AttemptId { run: RunId::from_bits(7), task, number: 1 }
        };
        (0..count).map(|index| object_key::attempt_prefix(&project, &attempt(index))).collect()
    }

    #[test]
    fn a_task_with_as_many_uploads_as_may_be_still_gets_a_token() {
        let key = TokenKey::new(&[1; 32]).unwrap();
        let project = ProjectName::new("p".repeat(63)).unwrap();
        let name = "n".repeat(emboflow_model::upload::NAME_MAX).parse().unwrap();
        let version = |bits| emboflow_model::UploadVersion::from_bits(bits);
        let uploads: Vec<_> = (0..emboflow_model::upload::TASK_MAX as u128)
            .map(|bits| object_key::upload_version_prefix(&project, &name, version(bits)))
            .collect();
        for others in [0, 8, 9, 10_000] {
            let read = readable(uploads.iter().cloned().chain(prefixes(others)).collect());
            let claims = StorageClaims { sub: "x".into(), exp: 1, read, ..StorageClaims::default() };
            assert!(uploads.iter().all(|prefix| claims.may_read(&format!("{prefix}artifacts/content/a"))));
            assert!(!claims.may_read(&object_key::upload_version_prefix(&project, &name, version(99))));
            assert!(mint(&key, &claims).is_ok(), "{others}");
        }
    }

    #[test]
    fn a_task_that_gathers_thousands_of_artifacts_still_gets_a_token() {
        let key = TokenKey::new(&[1; 32]).unwrap();
        for count in [1, 24, 25, 10_000] {
            let read = readable(prefixes(count));
            let claims = StorageClaims { sub: "x".into(), exp: 1, read, ..StorageClaims::default() };
            assert!(prefixes(count).iter().all(|prefix| claims.may_read(&format!("{prefix}artifacts/a/b"))));
            assert!(!claims.may_read("lab/runs/other/attempts/record_1/1/artifacts/a"));
            assert!(!claims.may_read("lab/secrets"), "{count}");
            assert!(mint(&key, &claims).is_ok(), "{count}");
        }
        assert_eq!(readable(prefixes(24)), prefixes(24), "few are named one by one");
    }
}
