//! The driver's errors in the terms of the contract.

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::error::{RecordsError, Unavailability};

/// The server's code for a key that is taken.
pub(super) const DUPLICATE_KEY: i32 = 11000;
const OUT_OF_DISK_SPACE: i32 = 14031;
const MAX_TIME_EXPIRED: i32 = 50;
const WRITE_CONCERN_TIMEOUT: i32 = 64;

impl From<Error> for RecordsError {
    fn from(error: Error) -> Self {
        let reason = match error.kind.as_ref() {
            ErrorKind::ServerSelection { .. }
            | ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. } => Unavailability::Unreachable,
            _ => code(&error).map_or(Unavailability::Failed, reason_of),
        };
        Self::Unavailable { reason, detail: error.to_string() }
    }
}

/// What a code of the server means to the caller.
pub(super) fn reason_of(code: i32) -> Unavailability {
    match code {
        OUT_OF_DISK_SPACE => Unavailability::DiskFull,
        MAX_TIME_EXPIRED | WRITE_CONCERN_TIMEOUT => Unavailability::Timeout,
        _ => Unavailability::Failed,
    }
}

/// Whether one document was refused because its key is taken.
pub(super) fn is_taken(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Write(WriteFailure::WriteError(write)) if write.code == DUPLICATE_KEY)
}

/// The index of the document that an ordered insert stopped at because a key is taken.
pub(super) fn taken_index(error: &Error) -> Option<usize> {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(failure) => {
            let first = failure.write_errors.as_ref()?.first()?;
            (first.code == DUPLICATE_KEY).then_some(first.index)
        }
        _ => None,
    }
}

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(failure) => {
            let write =
                failure.write_errors.as_ref().and_then(|errors| errors.first()).map(|error| error.code);
            write.or_else(|| failure.write_concern_error.as_ref().map(|concern| concern.code))
        }
        _ => None,
    }
}
