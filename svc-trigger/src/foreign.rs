//! What a trigger may take of other systems' subjects and streams.

use emboflow_model::workflow::triggers::NatsSpec;
use emboflow_protocol::message::ROOT;
use emboflow_protocol::rights::{is_foreign_stream, is_foreign_subject};

/// Whether it is other systems' at all: what the platform says to itself is about every project. Errors: why not, in
/// words.
pub(crate) fn check(spec: &NatsSpec) -> Result<(), String> {
    let own =
        |what: &str, name: &str| format!("the {what} '{name}' is the platform's own, and starts no runs");
    match (&spec.stream, &spec.subject) {
        (Some(stream), _) if !is_foreign_stream(stream) => Err(own("stream", stream)),
        (Some(_), Some(filter)) if filter.split('.').next() == Some(ROOT) => Err(own("subject", filter)),
        (None, Some(subject)) if !is_foreign_subject(subject) => Err(own("subject", subject)),
        _ => Ok(()),
    }
}
