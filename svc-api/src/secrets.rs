//! Secrets of projects: sealed here before they are kept; opened only to seal them with a newer key, and to check what
//! is signed with one. No answer has a value.

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_model::secret::{KIND, KeptSecret, MAX_OF_PROJECT, check_value};
use emboflow_model::{ProjectName, SecretName, Timestamp};
use emboflow_protocol::http::secret::SecretView;
use emboflow_protocol::notice::Notice;
use emboflow_protocol::secret_box::{KeyRing, NONCE_BYTES, Place};
use emboflow_protocol::{ErrorCode, SecretValue};
use emboflow_records::{Kept, Records, RecordsError, SharedRecords};
use emboflow_service::{Keys, Secret, Shutdown};

use crate::problem::{Failure, Outcome};

/// Times that a change is tried while others change the same secret.
const TRIES: usize = 8;
/// Secrets read at once.
const PAGE: u32 = 100;

/// The secrets of all projects.
pub(crate) struct Secrets {
    records: SharedRecords,
    bus: Bus,
    ring: Option<KeyRing>,
}

impl Secrets {
    /// Errors: a key is too easy to guess.
    pub(crate) fn new(records: SharedRecords, bus: Bus, keys: Option<&Keys>) -> anyhow::Result<Self> {
        let ring = |keys: &Keys| {
            let older = keys.old_keys.iter().map(Secret::reveal);
            KeyRing::new(keys.key.reveal(), older).context("reading secrets.key and secrets.old_keys")
        };
        Ok(Self { records, bus, ring: keys.map(ring).transpose()? })
    }

    /// Gives a secret a value; makes it when there is none.
    pub(crate) async fn put(
        &self,
        project: &ProjectName,
        secret: &SecretName,
        value: &SecretValue,
        by: String,
        now: Timestamp,
    ) -> Outcome<SecretView> {
        check_value(value.reveal()).map_err(|why| Failure::new(ErrorCode::SecretInvalid, why))?;
        let Some(ring) = &self.ring else {
            let detail = "the API has no `secrets.key`, so it cannot seal a value";
            return Err(Failure::new(ErrorCode::SecretNoKey, detail));
        };
        for _ in 0..TRIES {
            let found = self.records.kept(KIND, project.as_str(), secret.as_str()).await?;
            let (expected, before) = match &found {
                Some(found) => (Some(found.version), Some(read(found)?)),
                None => {
                    self.check_room(project).await?;
                    (None, None)
                }
            };
            let version = before.as_ref().map_or(1, |before| before.version + 1);
            let place = Place { project, secret, version };
            let sealed = ring.seal(place, value, rand::random::<[u8; NONCE_BYTES]>());
            let sealed = sealed.map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
            let (created_at, created_by) =
                before.map_or((now, by.clone()), |before| (before.created_at, before.created_by));
            let kept = KeptSecret {
                version,
                sealed,
                created_at,
                created_by,
                changed_at: now,
                changed_by: by.clone(),
            };
            if self.keep(project.as_str(), secret.as_str(), expected, &kept).await?.is_some() {
                self.tell(project, secret).await;
                return Ok(view(secret.as_str(), kept));
            }
        }
        Err(changed_meanwhile(secret))
    }

    /// Two that are made at the same moment may both be the last one: the bound keeps the list short, nothing rests on it.
    async fn check_room(&self, project: &ProjectName) -> Outcome<()> {
        let limit = MAX_OF_PROJECT as u32;
        let kept = self.records.kept_page(KIND, Some(project.as_str()), None, limit).await?;
        if kept.len() < MAX_OF_PROJECT {
            return Ok(());
        }
        let detail = format!("project '{project}' has {} secrets, and may have no more", kept.len());
        Err(Failure::new(ErrorCode::SecretTooMany, detail))
    }

    /// A secret without its value.
    pub(crate) async fn get(&self, project: &ProjectName, secret: &SecretName) -> Outcome<SecretView> {
        let found = self.records.kept(KIND, project.as_str(), secret.as_str()).await?;
        let found = found.ok_or_else(|| no_secret(project, secret))?;
        Ok(view(secret.as_str(), read(&found)?))
    }

    /// The value of a secret, for what signs with it; none when there is no such secret. Errors: it cannot be opened here.
    pub(crate) async fn open(
        &self,
        project: &ProjectName,
        secret: &SecretName,
    ) -> Outcome<Option<SecretValue>> {
        let Some(found) = self.records.kept(KIND, project.as_str(), secret.as_str()).await? else {
            return Ok(None);
        };
        let kept = read(&found)?;
        let no_key =
            || Failure::new(ErrorCode::SecretNoKey, "the API has no `secrets.key`, so it opens no secret");
        let ring = self.ring.as_ref().ok_or_else(no_key)?;
        let place = Place { project, secret, version: kept.version };
        let value = ring.open(place, &kept.sealed);
        value.map(Some).map_err(|error| Failure::behind(ErrorCode::SecretNoKey, error))
    }

    /// The secrets of a project by name, after one of them, at most `limit`.
    pub(crate) async fn page(
        &self,
        project: &ProjectName,
        after: Option<&SecretName>,
        limit: u32,
    ) -> Outcome<Vec<SecretView>> {
        let after = after.map(|after| (project.as_str(), after.as_str()));
        let found = self.records.kept_page(KIND, Some(project.as_str()), after, limit).await?;
        found.iter().map(|found| Ok(view(&found.name, read(found)?))).collect()
    }

    /// Removes a secret with its value.
    pub(crate) async fn remove(&self, project: &ProjectName, secret: &SecretName) -> Outcome<()> {
        for _ in 0..TRIES {
            let found = self.records.kept(KIND, project.as_str(), secret.as_str()).await?;
            let found = found.ok_or_else(|| no_secret(project, secret))?;
            if self.records.drop_kept(KIND, project.as_str(), secret.as_str(), found.version).await? {
                self.tell(project, secret).await;
                return Ok(());
            }
        }
        Err(changed_meanwhile(secret))
    }

    async fn keep(
        &self,
        scope: &str,
        name: &str,
        expected: Option<u64>,
        kept: &KeptSecret,
    ) -> Outcome<Option<u64>> {
        let body =
            serde_json::to_string(kept).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
        Ok(self.records.keep(KIND, scope, name, expected, body).await?)
    }

    async fn tell(&self, project: &ProjectName, secret: &SecretName) {
        let notice = Notice::new(KIND, project.as_str(), secret.as_str());
        let _readers_look_by_themselves = self.bus.publish_live(&notice).await;
    }
}

fn read(found: &Kept) -> Outcome<KeptSecret> {
    serde_json::from_str(&found.body).map_err(|error| {
        let (scope, name) = (&found.scope, &found.name);
        Failure::behind(ErrorCode::Internal, format!("the secret {name} of project {scope}: {error}"))
    })
}

fn view(name: &str, kept: KeptSecret) -> SecretView {
    let KeptSecret { version, created_at, created_by, changed_at, changed_by, sealed: _ } = kept;
    SecretView { name: name.to_owned(), version, created_at, created_by, changed_at, changed_by }
}

fn no_secret(project: &ProjectName, secret: &SecretName) -> Failure {
    Failure::new(ErrorCode::SecretNotFound, format!("project '{project}' has no secret '{secret}'"))
}

fn changed_meanwhile(secret: &SecretName) -> Failure {
    let detail = format!("others change the secret '{secret}' at the same time");
    Failure::new(ErrorCode::RequestPrecondition, detail)
}

/// Seals anew, beside everything else, what older keys have sealed: after it the old keys can go.
pub(crate) fn seal_anew(
    records: SharedRecords,
    keys: Option<&Keys>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let Some(keys) = keys.filter(|keys| !keys.old_keys.is_empty()) else { return Ok(()) };
    let older = keys.old_keys.iter().map(Secret::reveal);
    let ring = KeyRing::new(keys.key.reveal(), older).context("reading secrets.key and secrets.old_keys")?;
    let stop = shutdown.token();
    shutdown.spawn("sealing secrets anew", async move {
        let sealing = seal_all_anew(&*records, &ring);
        match stop.run_until_cancelled(sealing).await {
            None => {}
            Some(Ok((sealed, left))) => {
                tracing::info!(
                    sealed,
                    left,
                    "secrets are sealed with the newest key; those left need another key"
                );
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "secrets are not all sealed with the newest key: keep the old keys");
            }
        }
    });
    Ok(())
}

/// How many were sealed anew, and how many open with no key that is here.
async fn seal_all_anew(records: &dyn Records, ring: &KeyRing) -> Result<(usize, usize), RecordsError> {
    let (mut sealed, mut left) = (0, 0);
    let mut after: Option<(String, String)> = None;
    loop {
        let from = after.as_ref().map(|(scope, name)| (scope.as_str(), name.as_str()));
        let page = records.kept_page(KIND, None, from, PAGE).await?;
        let Some(last) = page.last() else { return Ok((sealed, left)) };
        after = Some((last.scope.clone(), last.name.clone()));
        for found in &page {
            match sealed_anew(ring, found) {
                Ok(None) => {}
                Ok(Some(body)) => {
                    // Whoever was first has sealed it with the newest key, too.
                    let expected = Some(found.version);
                    let kept = records.keep(KIND, &found.scope, &found.name, expected, body).await?;
                    sealed += usize::from(kept.is_some());
                }
                Err(error) => {
                    tracing::warn!(
                        project = found.scope,
                        secret = found.name,
                        error,
                        "a secret cannot be opened"
                    );
                    left += 1;
                }
            }
        }
    }
}

/// The document with the newest key; none when it has it. Errors: why it does not open.
fn sealed_anew(ring: &KeyRing, found: &Kept) -> Result<Option<String>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut kept: KeptSecret = serde_json::from_str(&found.body).map_err(|error| text(&error))?;
    if ring.is_current(&kept.sealed) {
        return Ok(None);
    }
    let project: ProjectName = found.scope.parse().map_err(|error| text(&error))?;
    let secret: SecretName = found.name.parse().map_err(|error| text(&error))?;
    let place = Place { project: &project, secret: &secret, version: kept.version };
    let value = ring.open(place, &kept.sealed).map_err(|error| text(&error))?;
    let nonce = rand::random::<[u8; NONCE_BYTES]>();
    kept.sealed = ring.seal(place, &value, nonce).map_err(|error| text(&error))?;
    serde_json::to_string(&kept).map(Some).map_err(|error| text(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_records::Config;

    const OLD: &str = "an-old-key-of-at-least-thirty-two-bytes";
    const NEW: &str = "a-newer-key-of-at-least-thirty-two-bytes";

    fn sealed(ring: &KeyRing, project: &str, name: &str) -> String {
        let (project, secret) = (project.parse().unwrap(), name.parse().unwrap());
        let place = Place { project: &project, secret: &secret, version: 4 };
        let sealed = ring.seal(place, &SecretValue::new(format!("value of {name}")), [3; 24]).unwrap();
        let (at, by) = (Timestamp(9), String::from("ada"));
        let (created_by, changed_by) = (by.clone(), by);
        let kept = KeptSecret { version: 4, sealed, created_at: at, created_by, changed_at: at, changed_by };
        serde_json::to_string(&kept).unwrap()
    }

    #[tokio::test]
    async fn after_a_change_of_the_key_the_new_one_alone_opens_every_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.db");
        let records = emboflow_records::open(&Config::Sqlite { path }).await.unwrap();
        let (old, both) = (KeyRing::new(OLD, []).unwrap(), KeyRing::new(NEW, [OLD]).unwrap());
        let count = PAGE as usize + 20;
        for index in 0..count {
            let (project, name) = (format!("p{}", index % 3), format!("s{index}"));
            let body = sealed(&old, &project, &name);
            records.keep(KIND, &project, &name, None, body).await.unwrap().unwrap();
        }
        let lost = KeyRing::new("a-key-that-nobody-has-any-more-at-all", []).unwrap();
        records.keep(KIND, "p9", "lost", None, sealed(&lost, "p9", "lost")).await.unwrap().unwrap();
        assert_eq!(seal_all_anew(&*records, &both).await.unwrap(), (count, 1));
        assert_eq!(seal_all_anew(&*records, &both).await.unwrap(), (0, 1), "once is enough");
        let new = KeyRing::new(NEW, []).unwrap();
        let kept = records.kept(KIND, "p1", "s1").await.unwrap().unwrap();
        let kept: KeptSecret = serde_json::from_str(&kept.body).unwrap();
        let (project, secret) = ("p1".parse().unwrap(), "s1".parse().unwrap());
        let place = Place { project: &project, secret: &secret, version: kept.version };
        assert_eq!(new.open(place, &kept.sealed).unwrap().reveal(), "value of s1");
        assert_eq!((kept.version, kept.changed_at), (4, Timestamp(9)), "it is the same value");
    }
}
