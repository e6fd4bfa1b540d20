//! What can go wrong between a caller and the gateway.

use emboflow_protocol::{ErrorCode, Problem};
use std::path::PathBuf;

/// Why a call to the gateway failed, after what could be repeated was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The gateway cannot be reached, or the connection broke.
    #[error("{doing}: the storage gateway at {url} did not answer: {reason}")]
    Unreachable {
        /// Doing what to which object.
        doing: String,
        /// The gateway's base URL.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// The gateway refused.
    #[error("{doing}: {}", sentence(problem))]
    Refused {
        /// Doing what to which object.
        doing: String,
        /// Its answer.
        problem: Box<Problem>,
    },
    /// The bytes that arrived are not those that were stored or expected.
    #[error("`{key}` should have SHA-256 {expected}, but what arrived has {found}")]
    Checksum {
        /// The object.
        key: String,
        /// In hex.
        expected: String,
        /// In hex.
        found: String,
    },
    /// The object is larger than the caller takes into memory.
    #[error("`{key}` has {size_bytes} bytes; at most {limit_bytes} were wanted")]
    TooLarge {
        /// The object.
        key: String,
        /// Its size.
        size_bytes: u64,
        /// The caller's limit.
        limit_bytes: u64,
    },
    /// A key that no object can have.
    #[error("`{key}` is not an object key")]
    BadKey {
        /// The text.
        key: String,
    },
    /// A local file cannot be read or written.
    #[error("{doing} {path}: {source}", path = path.display())]
    File {
        /// `reading` or `writing`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The gateway answered something that it should not.
    #[error("{doing}: the storage gateway's answer cannot be read: {reason}")]
    Answer {
        /// Doing what to which object.
        doing: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client's settings cannot be used.
    #[error("the storage client cannot be set up: {reason}")]
    Setup {
        /// Why.
        reason: String,
    },
}

fn sentence(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or(&problem.title);
    match &problem.hint {
        Some(hint) => format!("{detail} ({}; {hint})", problem.code),
        None => format!("{detail} ({})", problem.code),
    }
}

impl Error {
    /// The gateway's code, where it answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { problem, .. } => ErrorCode::from_code(&problem.code),
            _ => None,
        }
    }

    /// Whether there is no such object.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(ErrorCode::StorageNotFound)
    }

    /// Whether the same call may succeed later without a change: the gateway is away, busy or full.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { problem, .. } => problem.retryable || problem.status >= 500,
            _ => false,
        }
    }
}
