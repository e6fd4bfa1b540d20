//! Kept documents of one kind, as their type.

use std::marker::PhantomData;

use axum::http::HeaderValue;
use emboflow_bus::Bus;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::notice::Notice;
use emboflow_records::{Kept, SharedRecords};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::unreadable;
use crate::problem::{Failure, Outcome};

/// Documents read at a time.
const PAGE: u32 = 500;
/// How often a change is tried while others are first.
const TRIES: u32 = 20;

/// The installation's own documents of one kind.
pub(crate) struct Shelf<T> {
    records: SharedRecords,
    kind: &'static str,
    /// Where changes are told.
    told: Option<Bus>,
    body: PhantomData<fn() -> T>,
}

/// A document, and the version that a change of it names.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) name: String,
    pub(crate) body: T,
    pub(crate) version: u64,
}

impl<T> Found<T> {
    /// The `ETag` of the document.
    pub(crate) fn tag(&self) -> HeaderValue {
        tag_of_version(self.version)
    }
}

/// The `ETag` of a document with this version.
pub(crate) fn tag_of_version(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"v{version}\"")).expect("digits in quotes are a valid header")
}

impl<T: Serialize + DeserializeOwned> Shelf<T> {
    /// Those of this kind.
    pub(crate) fn new(records: SharedRecords, kind: &'static str) -> Self {
        Self { records, kind, told: None, body: PhantomData }
    }

    /// The same, and every change is told to those who show the list.
    #[must_use]
    pub(crate) fn telling(self, bus: &Bus) -> Self {
        Self { told: Some(bus.clone()), ..self }
    }

    /// A list that does not hear it is older. The name stays here: that of a key is its fingerprint.
    async fn tell(&self) {
        if let Some(bus) = &self.told {
            let _lossy = bus.publish_live(&Notice::new(self.kind, "", "")).await;
        }
    }

    /// The document with this name.
    pub(crate) async fn get(&self, name: &str) -> Outcome<Option<Found<T>>> {
        let kept = self.records.kept(self.kind, "", name).await?;
        kept.map(|kept| self.read(kept)).transpose()
    }

    /// Puts a document where there is none; false when there is one.
    pub(crate) async fn make(&self, name: &str, body: &T) -> Outcome<bool> {
        Ok(self.put(name, None, body).await?.is_some())
    }

    /// Puts a document in place of the version that was read; the new version, or none when somebody was first.
    pub(crate) async fn put(&self, name: &str, expected: Option<u64>, body: &T) -> Outcome<Option<u64>> {
        let body = serde_json::to_string(body).map_err(|error| self.unreadable(name, &error))?;
        let version = self.records.keep(self.kind, "", name, expected, body).await?;
        if version.is_some() {
            self.tell().await;
        }
        Ok(version)
    }

    /// Changes a document as it is at that moment; `change` is called again when somebody else was first. None: there
    /// is no such document.
    pub(crate) async fn change(
        &self,
        name: &str,
        mut change: impl FnMut(&mut Found<T>) -> Outcome<()>,
    ) -> Outcome<Option<Found<T>>> {
        for _ in 0..TRIES {
            let Some(mut found) = self.get(name).await? else { return Ok(None) };
            change(&mut found)?;
            if let Some(version) = self.put(name, Some(found.version), &found.body).await? {
                return Ok(Some(Found { version, ..found }));
            }
        }
        let detail = format!("others change the {} '{name}' all the time", self.kind);
        Err(Failure::new(ErrorCode::RequestPrecondition, detail))
    }

    /// Drops the version that was read; false when it is not there any more.
    pub(crate) async fn drop(&self, found: &Found<T>) -> Outcome<bool> {
        let dropped = self.records.drop_kept(self.kind, "", &found.name, found.version).await?;
        if dropped {
            self.tell().await;
        }
        Ok(dropped)
    }

    /// Drops the document with this name, in whatever version and whether it can be read or not.
    pub(crate) async fn drop_name(&self, name: &str) -> Outcome<()> {
        // It may be changed at this moment.
        while let Some(kept) = self.records.kept(self.kind, "", name).await? {
            if self.records.drop_kept(self.kind, "", name, kept.version).await? {
                self.tell().await;
                break;
            }
        }
        Ok(())
    }

    /// At most `limit` documents whose names come after this one. One that cannot be read is passed over: a newer
    /// version wrote it, or a disk lost it, and the others must not be lost with it.
    pub(crate) async fn after(&self, name: &str, limit: u32) -> Outcome<Vec<Found<T>>> {
        let (mut all, mut after) = (Vec::new(), name.to_owned());
        loop {
            let wanted = limit.saturating_sub(all.len() as u32);
            let page = self.page(&after, wanted).await?;
            let is_last = page.len() < wanted as usize;
            if let Some(last) = page.last() {
                after.clone_from(&last.name);
            }
            all.extend(page.into_iter().filter_map(|kept| self.readable(kept)));
            if is_last || all.len() >= limit as usize {
                return Ok(all);
            }
        }
    }

    /// All documents whose names begin with this, but for those that cannot be read.
    pub(crate) async fn beginning_with(&self, prefix: &str) -> Outcome<Vec<Found<T>>> {
        let all = self.kept_beginning_with(prefix).await?;
        Ok(all.into_iter().filter_map(|kept| self.readable(kept)).collect())
    }

    /// The names of all documents that begin with this, also of those that cannot be read.
    pub(crate) async fn names_beginning_with(&self, prefix: &str) -> Outcome<Vec<String>> {
        Ok(self.kept_beginning_with(prefix).await?.into_iter().map(|kept| kept.name).collect())
    }

    /// Whether one of all documents cannot be read.
    pub(crate) async fn has_unreadable(&self) -> Outcome<bool> {
        let all = self.kept_beginning_with("").await?;
        Ok(all.into_iter().any(|kept| self.readable(kept).is_none()))
    }

    async fn kept_beginning_with(&self, prefix: &str) -> Outcome<Vec<Kept>> {
        let (mut all, mut after) = (Vec::new(), prefix.to_owned());
        loop {
            let page = self.page(&after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            for kept in page {
                if !kept.name.starts_with(prefix) {
                    return Ok(all);
                }
                after.clone_from(&kept.name);
                all.push(kept);
            }
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn page(&self, after: &str, limit: u32) -> Outcome<Vec<Kept>> {
        Ok(self.records.kept_page(self.kind, Some(""), Some(("", after)), limit).await?)
    }

    /// Every document.
    pub(crate) async fn all(&self) -> Outcome<Vec<Found<T>>> {
        self.beginning_with("").await
    }

    /// The document with this name; none also when it cannot be read.
    pub(crate) async fn get_readable(&self, name: &str) -> Outcome<Option<Found<T>>> {
        let kept = self.records.kept(self.kind, "", name).await?;
        Ok(kept.and_then(|kept| self.readable(kept)))
    }

    fn readable(&self, kept: Kept) -> Option<Found<T>> {
        match serde_json::from_str(&kept.body) {
            Ok(body) => Some(Found { name: kept.name, body, version: kept.version }),
            Err(error) => {
                unreadable::note(self.kind, &kept, &error);
                None
            }
        }
    }

    fn read(&self, kept: Kept) -> Outcome<Found<T>> {
        let body = serde_json::from_str(&kept.body).map_err(|error| self.unreadable(&kept.name, &error))?;
        Ok(Found { name: kept.name, body, version: kept.version })
    }

    fn unreadable(&self, name: &str, error: &serde_json::Error) -> Failure {
        Failure::behind(ErrorCode::Internal, format!("the {} '{name}' cannot be read: {error}", self.kind))
    }
}
