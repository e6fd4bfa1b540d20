//! What can go wrong with a backup, with the code that every surface shows.

use emboflow_objects::StoreError;
use emboflow_protocol::ErrorCode;
use emboflow_records::{AppendError, RecordsError, Unavailability};

/// Why a backup was not made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Not in the list.
    #[error("there is no whole backup `{id}` in {place}")]
    NotFound {
        /// Its name.
        id: String,
        /// Where it was looked for.
        place: String,
    },
    /// What is stored is not what was written.
    #[error("`{file}` is damaged: {detail}")]
    Damaged {
        /// The file of the backup.
        file: String,
        /// How that shows.
        detail: String,
    },
    /// Written by a newer program.
    #[error("`{file}` has {what} {found}, this program reads up to {known}")]
    Newer {
        /// The file of the backup.
        file: String,
        /// Of what the version is.
        what: &'static str,
        /// The version found.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// Another key.
    #[error("`{file}` was sealed with key {found}, the given one is {given}")]
    OtherKey {
        /// The file of the backup.
        file: String,
        /// Id of the key that it wants.
        found: String,
        /// Id of the key that was given.
        given: String,
    },
    /// The key file cannot be used.
    #[error("the key file {path}: {detail}")]
    KeyFile {
        /// The file.
        path: String,
        /// Why not.
        detail: String,
    },
    /// The target is not empty.
    #[error("{0}")]
    Target(String),
    /// Somebody else is at work there.
    #[error("{0}")]
    Busy(String),
    /// The records were written by an older program.
    #[error("the records have schema version {found}, this program writes {known}")]
    OlderSource {
        /// Version of the records.
        found: u32,
        /// Version of this program.
        known: u32,
    },
    /// Something does not answer or has no room.
    #[error("{doing}: {detail}")]
    Unavailable {
        /// What was tried.
        doing: String,
        /// What was said.
        detail: String,
    },
}

impl BackupError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::BackupNotFound,
            Self::Damaged { .. } => ErrorCode::BackupDamaged,
            Self::Newer { .. } => ErrorCode::BackupNewer,
            Self::OtherKey { .. } | Self::KeyFile { .. } => ErrorCode::BackupKey,
            Self::Target(_) => ErrorCode::BackupTarget,
            Self::Busy(_) => ErrorCode::BackupBusy,
            Self::OlderSource { .. } => ErrorCode::BackupSource,
            Self::Unavailable { .. } => ErrorCode::BackupUnavailable,
        }
    }

    pub(crate) fn damaged(file: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self::Damaged { file: file.into(), detail: detail.to_string() }
    }

    pub(crate) fn unavailable(doing: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self::Unavailable { doing: doing.into(), detail: detail.to_string() }
    }

    pub(crate) fn records(doing: &str) -> impl Fn(RecordsError) -> Self + '_ {
        move |error| match error {
            RecordsError::Unavailable { reason: Unavailability::Busy, detail } => Self::Busy(detail),
            error => Self::unavailable(doing, error),
        }
    }

    pub(crate) fn append(error: AppendError) -> Self {
        Self::unavailable("writing the decision log", error)
    }

    pub(crate) fn store(file: &str) -> impl Fn(StoreError) -> Self + '_ {
        move |error| match error {
            StoreError::NotFound { .. } => Self::damaged(file, "it is missing"),
            StoreError::Damaged { detail, .. } => Self::damaged(file, detail),
            error => Self::unavailable(format!("using `{file}`"), error),
        }
    }
}
