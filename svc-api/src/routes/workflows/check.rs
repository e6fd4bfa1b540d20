//! The one validator, off the threads that serve requests: a large file takes milliseconds.

use emboflow_model::workflow::{self, Workflow};
use emboflow_protocol::{ErrorCode, FieldError};

use crate::problem::{Failure, Outcome};

/// Reads and checks a file.
pub(super) async fn check(source: String) -> Outcome<Workflow> {
    let checked = tokio::task::spawn_blocking(move || workflow::parse(&source)).await;
    let checked = checked.map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
    checked.map_err(|problems| Failure::rejected(problems.into_iter().map(FieldError::from).collect()))
}
