//! An object that is listed: known, new, or not to be started for yet.

use emboflow_model::Timestamp;
use emboflow_model::trigger::{
    Chain, ChainEnd, Event, KnownObject, KnownObjects, Reason, Standing, fingerprint, standing, upload_of,
};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::object::ObjectEntry;
use emboflow_storage::Error;
use serde_json::json;

use super::look::Look;
use super::makers::Maker;
use crate::requester::{For, failed, refused};

/// What an object turns out to be.
pub(crate) enum Finding {
    /// It has been dealt with, or came before the trigger did.
    Known(KnownObject),
    /// It starts a run, or there is something to say about why not.
    New(KnownObject, New),
    /// It is not whole, or no longer there.
    NotYet,
}

/// A new object.
pub(crate) enum New {
    /// Its content.
    Content {
        /// Its checksum, or the store's own word for it.
        version: String,
        content_type: Option<String>,
        /// Its place among runs that lead to each other.
        chain: Result<Chain, ChainEnd>,
    },
    /// Its name is one that the storage gateway gives nobody.
    Unreachable(String),
}

impl From<KnownObject> for Finding {
    fn from(object: KnownObject) -> Self {
        Self::Known(object)
    }
}

impl Look<'_> {
    pub(crate) async fn examine(
        &self,
        known: &KnownObjects,
        key: &str,
        entry: &ObjectEntry,
    ) -> anyhow::Result<Finding> {
        let mark = match entry.mark.as_str() {
            "" => entry.modified_at.to_string(),
            mark => mark.to_owned(),
        };
        let listed = fingerprint(key, entry.size_bytes, &mark);
        if let Some(object) = known.listed(listed) {
            return Ok(object.into());
        }
        let Some((created_at, chain)) = self.made(key, entry).await? else { return Ok(Finding::NotYet) };
        let is_old = created_at < self.new_from;
        let meta = match self.storage.head(&self.trigger.project, &entry.key).await? {
            Ok(Some(meta)) => meta,
            Ok(None) => return Ok(Finding::NotYet),
            Err(error) if is_unreachable(&error) => {
                let object = KnownObject { listed, content: 0 };
                return Ok(match is_old {
                    true => object.into(),
                    false => Finding::New(object, New::Unreachable(error.to_string())),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let version = meta.etag.or(meta.sha256).unwrap_or(mark);
        let object = KnownObject { listed, content: fingerprint(key, meta.size_bytes, &version) };
        // The same bytes under the same key, put again, or brought back by a restore.
        if is_old || known.has_content(object.content) {
            return Ok(object.into());
        }
        Ok(Finding::New(object, New::Content { version, content_type: meta.content_type, chain }))
    }

    /// When an object became one that counts, and what its run is led to by; none while it does not.
    async fn made(
        &self,
        key: &str,
        entry: &ObjectEntry,
    ) -> anyhow::Result<Option<(Timestamp, Result<Chain, ChainEnd>)>> {
        let first = Ok(Chain::default());
        let (artifact, run) = match standing(key) {
            Standing::Whole => return Ok(Some((entry.modified_at, first))),
            Standing::Own => return Ok(None),
            Standing::File { artifact, run } => (artifact, run),
        };
        let (ended_at, chain) = match run {
            None => (entry.modified_at, first),
            Some(run) => match self.makers.of(run, key).await? {
                Maker::Ended(at, chain) => (at, chain),
                Maker::GoesOn => return Ok(None),
            },
        };
        let is_whole = self.makers.is_whole(artifact).await?;
        Ok(is_whole.then(|| (entry.modified_at.max(ended_at), chain)))
    }

    /// Starts the run of a new object, or notes why there is none. Errors: its request is not taken now.
    pub(crate) async fn start(&self, key: &str, entry: &ObjectEntry, new: New) -> anyhow::Result<()> {
        let cause = format!("object {key}");
        let journal = &self.hands.journal;
        let (version, content_type, chain) = match new {
            New::Content { version, content_type, chain: Ok(chain) } => (version, content_type, chain),
            New::Content { chain: Err(end), .. } => {
                journal.note(self.trigger, refused(ErrorCode::TriggerChain, cause, end.to_string()));
                return Ok(());
            }
            New::Unreachable(why) => {
                journal.note(self.trigger, failed(cause, why));
                return Ok(());
            }
        };
        let ObjectEntry { size_bytes, modified_at, .. } = *entry;
        let data = json!({
            "key": key,
            "name": key.rsplit('/').next(),
            "size_bytes": size_bytes,
            "etag": version,
            "content_type": content_type,
            "modified_at": modified_at,
            "upload": upload_of(key),
        });
        let event = Event::plain("object_created", modified_at, data)
            .with("subject", key)
            .with("source", format!("/projects/{}", self.trigger.project));
        let reason = Reason::Object { key, version: &version, size_bytes, modified_at };
        let what = For { reason, cause, event: event.into_value(), chain };
        self.hands.requester.start(self.trigger, what).await?;
        Ok(())
    }
}

/// Whether the gateway has no words for such a key: it was put into the store by somebody else.
fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::BadKey { .. }) || error.code() == Some(ErrorCode::StorageBadKey)
}
