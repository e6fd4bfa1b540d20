//! The live tail of a log: raw bytes with their offset in a header, lossy by design.

use emboflow_model::{AttemptId, ProjectName};

use crate::message::{ROOT, Subject};

/// The subject of one attempt's live frames: `emboflow.log.<project>.<run>.<task token>.<number>`. The payload is the
/// raw bytes, the header [`crate::header::LOG_OFFSET`] the offset of the first.
pub fn live_subject(project: &ProjectName, attempt: &AttemptId) -> Subject {
    Subject::new(&[&"log", project, &attempt.run, &attempt.task.token(), &attempt.number])
}

/// The subjects of all attempts' live frames.
pub fn filter() -> Subject {
    Subject::new(&[&"log", &"*", &"*", &"*", &"*"])
}

/// Reads [`live_subject`] back.
pub fn parse_live_subject(subject: &str) -> Option<(ProjectName, AttemptId)> {
    let rest = subject.strip_prefix(ROOT)?.strip_prefix(".log.")?;
    let (project, attempt) = rest.split_once('.')?;
    Some((ProjectName::new(project).ok()?, attempt.parse().ok()?))
}
