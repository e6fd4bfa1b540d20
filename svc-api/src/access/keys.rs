//! API keys: random, with a prefix by which scanners of leaked secrets know them; only their SHA-256 is kept.

use emboflow_bus::Bus;
use emboflow_model::access::{ApiKey, UserName};
use emboflow_records::SharedRecords;

use super::shelf::{Found, Shelf};
use super::token;
use crate::app::now;
use crate::problem::Outcome;

/// What every key begins with.
pub(crate) const PREFIX: &str = "emb_";
/// How precisely it is known when a key was last used.
const USED_EVERY_MS: u64 = 60 * 1_000;

/// All keys.
pub(crate) struct Keys(Shelf<ApiKey>);

impl Keys {
    /// Those in the records.
    pub(crate) fn new(records: SharedRecords, bus: &Bus) -> Self {
        Self(Shelf::new(records, "api-key").telling(bus))
    }

    /// Keeps a new key; gives its public id, and its value, which is known only now.
    pub(crate) async fn make(&self, key: &ApiKey) -> Outcome<(String, String)> {
        let value = format!("{PREFIX}{}", token::random());
        let name = token::fingerprint(&value);
        self.0.make(&name, key).await?;
        Ok((token::public_id(&name), value))
    }

    /// The key with this value, and its public id, unless it has ended. Notes that it was used.
    pub(crate) async fn of(&self, value: &str) -> Outcome<Option<(String, ApiKey)>> {
        let Some(found) = self.0.get(&token::fingerprint(value)).await? else { return Ok(None) };
        if found.body.expires_at.is_some_and(|end| end <= now()) {
            return Ok(None);
        }
        self.note_use(&found).await;
        Ok(Some((token::public_id(&found.name), found.body)))
    }

    async fn note_use(&self, found: &Found<ApiKey>) {
        let now = now();
        if found.body.last_used_at.is_none_or(|last| now.ms_since(last) >= USED_EVERY_MS) {
            let used = ApiKey { last_used_at: Some(now), ..found.body.clone() };
            if let Err(failure) = self.0.put(&found.name, Some(found.version), &used).await {
                tracing::debug!(%failure, "the use of a key is not noted");
            }
        }
    }

    /// The keys of a user, or all: public id and key.
    pub(crate) async fn list(&self, owner: Option<&UserName>) -> Outcome<Vec<(String, ApiKey)>> {
        let all = self.0.all().await?;
        let wanted = all.into_iter().filter(|found| owner.is_none_or(|owner| found.body.owner == *owner));
        Ok(wanted.map(|found| (token::public_id(&found.name), found.body)).collect())
    }

    /// Ends the key with this public id, of this user or of anybody; false when there is none.
    pub(crate) async fn end(&self, owner: Option<&UserName>, id: &str) -> Outcome<bool> {
        let all = self.0.all().await?;
        let own = |found: &&Found<ApiKey>| owner.is_none_or(|owner| found.body.owner == *owner);
        let found = all.iter().filter(own).find(|found| token::public_id(&found.name) == id);
        let Some(found) = found else { return Ok(false) };
        self.0.drop_name(&found.name).await?;
        Ok(true)
    }

    /// Ends every key of a user who is removed: one with the same name later is somebody else.
    pub(crate) async fn end_all_of(&self, owner: &UserName) -> Outcome<()> {
        for (id, _) in self.list(Some(owner)).await? {
            self.end(Some(owner), &id).await?;
        }
        Ok(())
    }
}
