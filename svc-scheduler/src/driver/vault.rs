//! Opens the secrets of an attempt: their values are in memory for as long as the answer to its claim takes.

use anyhow::Context;
use emboflow_model::runtime_spec::SecretUse;
use emboflow_model::secret::{KIND, KeptSecret, TASK_BYTES_MAX};
use emboflow_model::{Cause, ProjectName, Reason};
use emboflow_protocol::call::{ClaimAnswer, GivenSecret};
use emboflow_protocol::secret_box::{KeyRing, OpenError, Place};
use emboflow_records::{Records, RecordsError};
use emboflow_service::Keys;

/// The keys of the installation, if it has any.
pub(crate) struct Vault(Option<KeyRing>);

/// Why a secret is not given.
#[derive(Debug)]
pub(super) enum NotGiven {
    /// Asking again changes nothing: this is how the attempt ends.
    Denied(Cause, String),
    /// The records do not answer.
    Away(RecordsError),
}

impl Vault {
    /// Errors: a key is too easy to guess.
    pub(crate) fn new(keys: Option<&Keys>) -> anyhow::Result<Self> {
        let ring = |keys: &Keys| {
            let older = keys.old_keys.iter().map(emboflow_service::Secret::reveal);
            KeyRing::new(keys.key.reveal(), older).context("reading secrets.key and secrets.old_keys")
        };
        Ok(Self(keys.map(ring).transpose()?))
    }

    /// The values of these secrets, in their order.
    pub(super) async fn open(
        &self,
        records: &dyn Records,
        project: &ProjectName,
        uses: &[SecretUse],
    ) -> Result<Vec<GivenSecret>, NotGiven> {
        let mut given = Vec::with_capacity(uses.len());
        for wanted in uses {
            let kept = records.kept(KIND, project.as_str(), wanted.secret.as_str()).await;
            let kept = kept.map_err(NotGiven::Away)?.ok_or_else(|| missing(project, wanted))?;
            given.push(self.open_one(project, wanted, &kept.body)?);
        }
        let bytes: usize = given.iter().map(|secret| secret.value.reveal().len()).sum();
        if bytes > TASK_BYTES_MAX {
            let message = format!(
                "The secrets of the task have {bytes} bytes together; a task gets {TASK_BYTES_MAX} at most. \
                 Give it fewer of them."
            );
            return Err(NotGiven::Denied(Cause::User, message));
        }
        Ok(given)
    }

    fn open_one(
        &self,
        project: &ProjectName,
        wanted: &SecretUse,
        body: &str,
    ) -> Result<GivenSecret, NotGiven> {
        let SecretUse { variable, secret, form } = wanted;
        let denied = |cause, why: &str| {
            let message = format!("The secret `{secret}` of project {project} cannot be opened: {why}.");
            NotGiven::Denied(cause, message)
        };
        let Some(ring) = &self.0 else {
            return Err(denied(Cause::Infra, "the scheduler has no `secrets.key`"));
        };
        let kept: KeptSecret = serde_json::from_str(body)
            .map_err(|error| denied(Cause::System, &format!("its document cannot be read ({error})")))?;
        let place = Place { project, secret, version: kept.version };
        let value = ring.open(place, &kept.sealed).map_err(|error| {
            let cause = match error {
                OpenError::NoKey { .. } => Cause::Infra,
                OpenError::Changed => Cause::User,
            };
            denied(cause, &error.to_string())
        })?;
        Ok(GivenSecret { variable: variable.clone(), form: *form, value })
    }
}

fn missing(project: &ProjectName, wanted: &SecretUse) -> NotGiven {
    let SecretUse { variable, secret, .. } = wanted;
    let message = format!(
        "Project {project} has no secret `{secret}`, which the task gets as `{variable}`. \
         Make it with `emboflow secret set {secret}`, or correct the name in `secrets`."
    );
    NotGiven::Denied(Cause::User, message)
}

/// The claim's answer with the secrets, or why the attempt ends. Errors: there is no answer yet.
pub(super) fn with_secrets(
    answer: ClaimAnswer,
    opened: Result<Vec<GivenSecret>, NotGiven>,
) -> Result<ClaimAnswer, String> {
    match (answer, opened) {
        (ClaimAnswer::Granted { storage_token, storage_token_ms, good_for_ms, .. }, Ok(secrets)) => {
            Ok(ClaimAnswer::Granted { storage_token, storage_token_ms, good_for_ms, secrets })
        }
        (ClaimAnswer::Granted { .. }, Err(NotGiven::Denied(cause, message))) => {
            Ok(ClaimAnswer::Denied { cause, reason: Reason::SecretUnavailable, message })
        }
        (ClaimAnswer::Granted { .. }, Err(NotGiven::Away(error))) => {
            Err(format!("the records do not answer: {error}"))
        }
        (other, _) => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::Timestamp;
    use emboflow_model::runtime_spec::SecretForm;
    use emboflow_protocol::SecretValue;
    use emboflow_records::{Config, SharedRecords};
    use emboflow_service::Secret;

    const KEY: &str = "a-key-of-at-least-thirty-two-bytes-1";
    const OTHER: &str = "a-key-of-at-least-thirty-two-bytes-2";

    fn keys(key: &str) -> Option<Keys> {
        Some(Keys { key: Secret::new(key), old_keys: Vec::new() })
    }

    async fn records(folder: &tempfile::TempDir) -> SharedRecords {
        let config = Config::Sqlite { path: folder.path().join("records.db") };
        let records = emboflow_records::open(&config).await.unwrap();
        let (project, secret) = ("lab".parse().unwrap(), "token".parse().unwrap());
        let place = Place { project: &project, secret: &secret, version: 1 };
        let ring = KeyRing::new(KEY, []).unwrap();
        let sealed = ring.seal(place, &SecretValue::new("s3cret"), [1; 24]).unwrap();
        let (at, by) = (Timestamp(1), "ada".to_owned());
        let kept = KeptSecret {
            version: 1,
            sealed,
            created_at: at,
            created_by: by.clone(),
            changed_at: at,
            changed_by: by,
        };
        let body = serde_json::to_string(&kept).unwrap();
        assert!(records.keep(KIND, "lab", "token", None, body.clone()).await.unwrap().is_some());
        // Somebody who writes into the records hands it to another project.
        assert!(records.keep(KIND, "other", "token", None, body).await.unwrap().is_some());
        records
    }

    async fn opened(keys: Option<Keys>, project: &str, secret: &str) -> Result<String, (Cause, String)> {
        let folder = tempfile::tempdir().unwrap();
        let records = records(&folder).await;
        let wanted =
            SecretUse { variable: "TOKEN".into(), secret: secret.parse().unwrap(), form: SecretForm::Env };
        let vault = Vault::new(keys.as_ref()).unwrap();
        match vault.open(&*records, &project.parse().unwrap(), &[wanted]).await {
            Ok(given) => Ok(given[0].value.reveal().to_owned()),
            Err(NotGiven::Denied(cause, message)) => Err((cause, message)),
            Err(NotGiven::Away(error)) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn a_secret_opens_for_its_own_project_and_for_no_other() {
        assert_eq!(opened(keys(KEY), "lab", "token").await.unwrap(), "s3cret");
        let (cause, why) = opened(keys(KEY), "other", "token").await.unwrap_err();
        assert!(cause == Cause::User && why.contains("belongs to another secret"), "{why}");
    }

    #[tokio::test]
    async fn what_is_missing_is_said_and_charged_to_whom_it_concerns() {
        let (cause, why) = opened(keys(KEY), "lab", "tokn").await.unwrap_err();
        assert!(cause == Cause::User && why.contains("`tokn`") && why.contains("`TOKEN`"), "{why}");
        let (cause, why) = opened(keys(OTHER), "lab", "token").await.unwrap_err();
        assert!(cause == Cause::Infra && why.contains("secrets.old_keys"), "{why}");
        let (cause, why) = opened(None, "lab", "token").await.unwrap_err();
        assert!(cause == Cause::Infra && why.contains("secrets.key"), "{why}");
    }

    #[test]
    fn a_key_that_can_be_guessed_stops_the_start() {
        assert!(Vault::new(keys("short").as_ref()).is_err());
    }
}
