//! SQLite's errors in the terms of the contract.

use rusqlite::{Error, ErrorCode};

use crate::error::{RecordsError, Unavailability};

impl From<Error> for RecordsError {
    fn from(error: Error) -> Self {
        let reason = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Unavailability::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Unavailability::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                return Self::corrupt("the records file", error);
            }
            _ => Unavailability::Failed,
        };
        Self::Unavailable { reason, detail: error.to_string() }
    }
}

/// Whether a row was refused because its key is taken.
pub(super) fn is_taken(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
