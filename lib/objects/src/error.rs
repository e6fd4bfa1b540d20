//! What can go wrong with an object, and how the caller is told.

use crate::body::BodyError;
use crate::digest::Digest;
use crate::range::RangeOutside;
use emboflow_protocol::{ErrorCode, Problem};
use std::io;

/// Why a back end did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No object has this key.
    #[error("there is no object `{key}`")]
    NotFound {
        /// The key.
        key: String,
    },
    /// An object has this key, and it was not to be replaced.
    #[error("the object `{key}` exists already")]
    Exists {
        /// The key.
        key: String,
    },
    /// No byte of the object is in the range.
    #[error(transparent)]
    Range(#[from] RangeOutside),
    /// The content is not what the sender announced.
    #[error("announced was SHA-256 {announced}, but the content has {found}; nothing was stored")]
    Checksum {
        /// The sender's.
        announced: Digest,
        /// The content's.
        found: Digest,
    },
    /// No room.
    #[error("{detail}")]
    Full {
        /// How much was needed or is free.
        detail: String,
    },
    /// The content did not come to its end; nothing was stored.
    #[error("{0}; nothing was stored")]
    Content(#[from] BodyError),
    /// What lies under the key is not what was put there.
    #[error("the object `{key}` is damaged: {detail}")]
    Damaged {
        /// The key.
        key: String,
        /// How that shows.
        detail: String,
    },
    /// The back end does not answer or refuses.
    #[error("{doing}: {detail}")]
    Unavailable {
        /// Doing what to which object.
        doing: String,
        /// The exact error.
        detail: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

impl StoreError {
    /// An error of the file system.
    pub fn io(doing: impl Into<String>, error: &io::Error) -> Self {
        let (doing, detail) = (doing.into(), error.to_string());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { detail: format!("{doing}: {detail}; nothing was stored") }
            }
            io::ErrorKind::PermissionDenied => {
                let hint = "give the gateway's user read and write access to the object directory";
                Self::Unavailable { doing, detail, hint: Some(hint.to_owned()) }
            }
            _ => Self::Unavailable { doing, detail, hint: None },
        }
    }

    /// The answer to the caller.
    pub fn problem(&self) -> Problem {
        let (code, hint) = match self {
            Self::NotFound { .. } => (ErrorCode::StorageNotFound, None),
            Self::Exists { .. } => (ErrorCode::StorageExists, None),
            Self::Range(_) => (ErrorCode::StorageRange, None),
            Self::Checksum { .. } => (ErrorCode::StorageChecksum, Some("send the object again".to_owned())),
            Self::Full { .. } => {
                let hint = "free space on the storage's disk, or delete runs that are no longer needed";
                (ErrorCode::StorageDiskFull, Some(hint.to_owned()))
            }
            Self::Content(BodyError::TooLarge { .. }) => (ErrorCode::RequestTooLarge, None),
            Self::Content(_) => (ErrorCode::RequestMalformed, Some("send the object again".to_owned())),
            Self::Damaged { .. } => {
                let hint = "restore the object from a backup, or run the task again";
                (ErrorCode::Internal, Some(hint.to_owned()))
            }
            Self::Unavailable { hint, .. } => (ErrorCode::StorageUnavailable, hint.clone()),
        };
        let problem = Problem::new(code, self.to_string());
        match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }

    /// How metrics count it: `refused` where the caller is the reason, `failed` otherwise.
    pub fn result(&self) -> &'static str {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Range(_)
            | Self::Checksum { .. }
            | Self::Content(_) => "refused",
            Self::Full { .. } | Self::Damaged { .. } | Self::Unavailable { .. } => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_or_quota_has_its_own_code() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let problem = StoreError::io("writing `a`", &io::Error::from(kind)).problem();
            assert_eq!((problem.status, problem.code.as_str()), (507, "storage.disk_full"));
        }
        let problem = StoreError::io("writing `a`", &io::ErrorKind::PermissionDenied.into()).problem();
        assert_eq!((problem.status, problem.code.as_str()), (503, "storage.unavailable"));
        assert!(problem.hint.unwrap().contains("access"));
    }
}
