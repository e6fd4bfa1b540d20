//! The live tail of a log: raw bytes with their offset in a header, lossy by design.

use emboflow_model::{AttemptId, ExecutorId, ProjectName};

use crate::message::Subject;

/// The subject of one attempt's live frames:
/// `emboflow.log.<project>.<run>.<task token>.<number>.<executor>`. The payload is the raw bytes, the header
/// [`crate::header::LOG_OFFSET`] the offset of the first. The executor is the attempt's: only it may publish there, and
/// whoever reads asks for no other's frames.
pub fn live_subject(project: &ProjectName, attempt: &AttemptId, executor: &ExecutorId) -> Subject {
    Subject::new(&[&"log", project, &attempt.run, &attempt.task.token(), &attempt.number, executor])
}

/// The subjects of all attempts' live frames, or of those that one executor may send.
pub fn filter(executor: Option<&ExecutorId>) -> Subject {
    let executor = executor.map_or("*", ExecutorId::as_str);
    Subject::new(&[&"log", &"*", &"*", &"*", &"*", &executor])
}
