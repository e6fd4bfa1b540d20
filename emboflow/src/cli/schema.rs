//! `emboflow schema`

use crate::failure::Failure;
use crate::output::Output;

/// Prints the JSON Schema of the workflow file.
pub(super) fn print(output: &mut Output) -> Result<(), Failure> {
    Ok(output.json(&emboflow_model::workflow::json_schema())?)
}
