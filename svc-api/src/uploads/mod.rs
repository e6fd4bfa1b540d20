//! Uploads: files that people bring into a project. The bytes go to the storage gateway and never through here; this
//! mints their tokens, says when a version is complete, and keeps which one is the newest, because that is what the
//! scheduler pins. What lies in storage is the truth about versions and their room.

mod store;

use emboflow_bus::Bus;
use emboflow_model::artifact::ArtifactManifest;
use emboflow_model::hold::Hold;
use emboflow_model::upload::{self, KIND, KeptUpload, PinnedUpload, TOKEN_MS};
use emboflow_model::{ProjectName, Timestamp, UploadName, UploadVersion, object_key};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::upload::{
    NewUpload, UPLOAD_BYTES_MAX, UploadDetail, UploadDone, UploadTicket, UploadVersionView, UploadView,
};
use emboflow_protocol::notice::Notice;
use emboflow_protocol::storage_token::StoredQuota;
use emboflow_protocol::upload_token::{UPLOAD_PATH, UploadClaims};
use emboflow_records::{Kept, SharedRecords};
use sha2::{Digest, Sha256};
use store::Stored;

use crate::objects::Objects;
use crate::problem::{Failure, Outcome};

/// Versions of all uploads of a project at most: they are listed for each new one.
const VERSIONS_MAX: usize = 10_000;
/// What is not complete after that long never will be.
const GIVEN_UP_MS: u64 = 24 * 60 * 60 * 1_000;
/// Times that a change is tried while others change the same upload.
const TRIES: usize = 8;
/// Holds looked at; each is of one backup.
const HOLDS: u32 = 100;

/// The uploads of all projects.
pub(crate) struct Uploads {
    records: SharedRecords,
    bus: Bus,
    objects: Objects,
}

impl Uploads {
    pub(crate) fn new(records: SharedRecords, bus: Bus, objects: Objects) -> Self {
        Self { records, bus, objects }
    }

    /// A token for the bytes of a new version. `quota` is in bytes, for everything that the project stores: the gateway
    /// holds it when the bytes come.
    pub(crate) async fn ask(
        &self,
        project: &ProjectName,
        asked: NewUpload,
        quota: Option<u64>,
        by: &str,
        now: Timestamp,
    ) -> Outcome<UploadTicket> {
        let NewUpload { name, size_bytes, sha256 } = asked;
        if size_bytes > UPLOAD_BYTES_MAX {
            let detail = format!("`size_bytes` is at most {UPLOAD_BYTES_MAX}, not {size_bytes}");
            return Err(Failure::new(ErrorCode::RequestInvalid, detail));
        }
        sha256.as_deref().map_or(Ok(()), check_sum)?;
        let stored = self.tidied(project, now).await?;
        if stored.len() >= VERSIONS_MAX {
            let detail = format!("project '{project}' has {} versions of uploads", stored.len());
            return Err(Failure::new(ErrorCode::UploadTooMany, detail));
        }
        let version = UploadVersion::from_bits(uuid::Uuid::now_v7().as_u128());
        let prefix = object_key::upload_version_prefix(project, &name, version);
        let expires_at = now.plus_ms(TOKEN_MS);
        let claims = UploadClaims {
            sub: by.to_owned(),
            exp: u64::try_from(expires_at.0 / 1_000).unwrap_or(0),
            key: object_key::upload_file(&prefix, &name),
            size_bytes,
            sha256,
            quota: quota.map(|bytes| StoredQuota { project: project.clone(), bytes }),
        };
        let token = self.objects.upload_token(&claims)?;
        Ok(UploadTicket { name, version, url: UPLOAD_PATH.to_owned(), token, expires_at })
    }

    /// Takes a version whose bytes are there for complete; to do it again changes nothing. The manifest comes last: what
    /// waits for new objects finds it when the scheduler finds the version.
    pub(crate) async fn finish(
        &self,
        project: &ProjectName,
        place: (&UploadName, UploadVersion),
        done: UploadDone,
        by: String,
        now: Timestamp,
    ) -> Outcome<UploadView> {
        let (name, version) = place;
        check_sum(&done.sha256)?;
        check_content_type(done.content_type.as_deref())?;
        let prefix = object_key::upload_version_prefix(project, name, version);
        let size_bytes = self.look_at(&prefix, name, &done.sha256).await?;
        let manifest = json(&upload::manifest(name, size_bytes, &done.sha256))?;
        let pinned = PinnedUpload {
            version,
            size_bytes,
            sha256: done.sha256,
            manifest_sha256: hex::encode(Sha256::digest(&manifest)),
        };
        let kept = KeptUpload { pinned, content_type: done.content_type, uploaded_at: now, uploaded_by: by };
        let kept = self.keep_newest(project, name, kept).await?;
        self.objects.put(&object_key::upload_manifest(&prefix), manifest).await?;
        self.tell(project, name).await;
        Ok(UploadView::of(name.clone(), kept))
    }

    /// The size of the bytes that came. Errors: none did, or others than the caller knows of.
    async fn look_at(&self, prefix: &str, name: &UploadName, sha256: &str) -> Outcome<u64> {
        let file = object_key::upload_file(prefix, name);
        let Some((size_bytes, found)) = self.objects.look_at(&file).await? else {
            let detail = format!("nothing has come for this version of '{name}', or not all of it");
            return Err(Failure::new(ErrorCode::UploadIncomplete, detail));
        };
        match found {
            Some(found) if found != sha256 => {
                let detail = format!("the bytes that came have SHA-256 {found}, not {sha256}");
                Err(Failure::new(ErrorCode::StorageChecksum, detail))
            }
            _ => Ok(size_bytes),
        }
    }

    /// Keeps a version as the newest, unless there is a newer one; gives what was kept of it.
    async fn keep_newest(
        &self,
        project: &ProjectName,
        name: &UploadName,
        new: KeptUpload,
    ) -> Outcome<KeptUpload> {
        let body =
            serde_json::to_string(&new).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
        for _ in 0..TRIES {
            let found = self.records.kept(KIND, project.as_str(), name.as_str()).await?;
            let expected = found.as_ref().map(|found| found.version);
            if let Some(before) = found.as_ref().map(read).transpose()? {
                match before.pinned.version.cmp(&new.pinned.version) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => return Ok(before),
                    std::cmp::Ordering::Greater => return Ok(new),
                }
            }
            let (scope, name) = (project.as_str(), name.as_str());
            if self.records.keep(KIND, scope, name, expected, body.clone()).await?.is_some() {
                return Ok(new);
            }
        }
        Err(changed_meanwhile(name))
    }

    /// The uploads of a project by name, after one of them, at most `limit`.
    pub(crate) async fn page(
        &self,
        project: &ProjectName,
        after: Option<&UploadName>,
        limit: u32,
    ) -> Outcome<Vec<UploadView>> {
        let after = after.map(|after| (project.as_str(), after.as_str()));
        let found = self.records.kept_page(KIND, Some(project.as_str()), after, limit).await?;
        found
            .iter()
            .map(|found| {
                let name = UploadName::new(&found.name);
                let name = name.map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
                Ok(UploadView::of(name, read(found)?))
            })
            .collect()
    }

    /// An upload with the versions that lie in storage.
    pub(crate) async fn show(&self, project: &ProjectName, name: &UploadName) -> Outcome<UploadDetail> {
        let found = self.records.kept(KIND, project.as_str(), name.as_str()).await?;
        let newest = read(&found.ok_or_else(|| no_upload(project, name))?)?;
        let prefix = object_key::upload_prefix(project, name);
        let stored = store::read(project, &self.objects.entries(&prefix).await?);
        let versions = stored.iter().rev().filter(|stored| stored.is_complete());
        let versions = versions.map(|stored| UploadVersionView {
            version: stored.version,
            size_bytes: stored.size_bytes,
            stored_at: stored.stored_at,
        });
        Ok(UploadDetail { versions: versions.collect(), newest: UploadView::of(name.clone(), newest) })
    }

    /// Removes an upload with all its versions: first what runs pin, then what they read. Attempts that have fetched it
    /// go on.
    pub(crate) async fn remove(
        &self,
        project: &ProjectName,
        name: &UploadName,
        now: Timestamp,
    ) -> Outcome<()> {
        self.refuse_while_held(now).await?;
        let mut was_kept = false;
        for tries in 0.. {
            let Some(found) = self.records.kept(KIND, project.as_str(), name.as_str()).await? else { break };
            was_kept = true;
            if self.records.drop_kept(KIND, project.as_str(), name.as_str(), found.version).await? {
                break;
            }
            if tries == TRIES {
                return Err(changed_meanwhile(name));
            }
        }
        let removed = self.objects.remove_all_below(&object_key::upload_prefix(project, name)).await?;
        if !was_kept && removed == 0 {
            return Err(no_upload(project, name));
        }
        self.tell(project, name).await;
        Ok(())
    }

    /// Removes a version that is not the newest.
    pub(crate) async fn remove_version(
        &self,
        project: &ProjectName,
        name: &UploadName,
        version: UploadVersion,
        now: Timestamp,
    ) -> Outcome<()> {
        self.refuse_while_held(now).await?;
        let found = self.records.kept(KIND, project.as_str(), name.as_str()).await?;
        if found.as_ref().map(read).transpose()?.is_some_and(|newest| newest.pinned.version == version) {
            let detail = format!("{version} is what runs with '{name}' use from now on");
            return Err(Failure::new(ErrorCode::UploadNewest, detail));
        }
        let prefix = object_key::upload_version_prefix(project, name, version);
        match self.objects.remove_all_below(&prefix).await? {
            0 => {
                let detail = format!("'{name}' of project '{project}' has no version {version}");
                Err(Failure::new(ErrorCode::UploadNotFound, detail))
            }
            _ => Ok(()),
        }
    }

    /// What lies in storage, without what was begun more than a day ago and never came to its end.
    async fn tidied(&self, project: &ProjectName, now: Timestamp) -> Outcome<Vec<Stored>> {
        let stored = self.stored(project).await?;
        let is_left = |stored: &Stored| !stored.is_complete() && stored.is_older_than(GIVEN_UP_MS, now);
        if !stored.iter().any(is_left) || self.is_held(now).await? {
            return Ok(stored);
        }
        let (left, mut stay): (Vec<_>, Vec<_>) = stored.into_iter().partition(is_left);
        for left in left {
            match self.manifest_of(project, &left).await? {
                // Whoever said that it is complete was cut off before its last step.
                Some(manifest) => {
                    self.objects.put(&object_key::upload_manifest(&left.prefix(project)), manifest).await?;
                    stay.push(left);
                }
                None => {
                    self.objects.remove_all_below(&left.prefix(project)).await?;
                }
            }
        }
        Ok(stay)
    }

    /// The manifest of a version that has none although it is kept as the newest.
    async fn manifest_of(&self, project: &ProjectName, stored: &Stored) -> Outcome<Option<Vec<u8>>> {
        let found = self.records.kept(KIND, project.as_str(), stored.name.as_str()).await?;
        let newest = found.as_ref().map(read).transpose()?.map(|kept| kept.pinned);
        let own = newest.filter(|pinned| pinned.version == stored.version);
        own.map(|own| json(&upload::manifest(&stored.name, own.size_bytes, &own.sha256))).transpose()
    }

    async fn stored(&self, project: &ProjectName) -> Outcome<Vec<Stored>> {
        let entries = self.objects.entries(&object_key::uploads_prefix(project)).await?;
        Ok(store::read(project, &entries))
    }

    async fn is_held(&self, now: Timestamp) -> Outcome<bool> {
        let holds = self.records.kept_page(Hold::KIND, Some(""), None, HOLDS).await?;
        Ok(Hold::is_any_in_force(holds.iter().map(|hold| &*hold.body), now))
    }

    async fn refuse_while_held(&self, now: Timestamp) -> Outcome<()> {
        match self.is_held(now).await? {
            true => Err(Failure::new(ErrorCode::UploadHeld, "a backup is being taken, and may need it")),
            false => Ok(()),
        }
    }

    async fn tell(&self, project: &ProjectName, name: &UploadName) {
        let notice = Notice::new(KIND, project.as_str(), name.as_str());
        let _readers_look_by_themselves = self.bus.publish_live(&notice).await;
    }
}

fn check_sum(text: &str) -> Outcome<()> {
    let is_one = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match is_one {
        true => Ok(()),
        false => Err(Failure::new(ErrorCode::RequestInvalid, "`sha256` has 64 digits 0-9 and a-f")),
    }
}

fn check_content_type(text: Option<&str>) -> Outcome<()> {
    let is_one = |text: &str| {
        (1..=100).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    match text.is_none_or(is_one) {
        true => Ok(()),
        false => {
            let detail = "`content_type` has 1 to 100 visible ASCII characters, such as `text/csv`";
            Err(Failure::new(ErrorCode::RequestInvalid, detail))
        }
    }
}

fn json(manifest: &ArtifactManifest) -> Outcome<Vec<u8>> {
    serde_json::to_vec(manifest).map_err(|error| Failure::behind(ErrorCode::Internal, error))
}

fn read(found: &Kept) -> Outcome<KeptUpload> {
    serde_json::from_str(&found.body).map_err(|error| {
        let (scope, name) = (&found.scope, &found.name);
        Failure::behind(ErrorCode::Internal, format!("the upload {name} of project {scope}: {error}"))
    })
}

fn no_upload(project: &ProjectName, name: &UploadName) -> Failure {
    Failure::new(ErrorCode::UploadNotFound, format!("project '{project}' has no upload '{name}'"))
}

fn changed_meanwhile(name: &UploadName) -> Failure {
    let detail = format!("others change the upload '{name}' at the same time");
    Failure::new(ErrorCode::RequestPrecondition, detail)
}
