//! Where a run's objects lie in storage: one place that spells the keys.

use crate::{AttemptId, ProjectName, RunId, UploadName, UploadVersion};

/// `<project>/runs/<run>/`: all objects of a run.
pub fn run_prefix(project: &ProjectName, run: RunId) -> String {
    format!("{project}/runs/{run}/")
}

/// `<project>/runs/<run>/attempts/<task token>/<n>/`: all that one attempt may write.
pub fn attempt_prefix(project: &ProjectName, attempt: &AttemptId) -> String {
    format!("{project}/runs/{}/attempts/{}/{}/", attempt.run, attempt.task.token(), attempt.number)
}

/// The folder with an artifact's files, below an attempt's prefix.
pub fn artifact_prefix(attempt_prefix: &str, artifact: &str) -> String {
    format!("{attempt_prefix}artifacts/{artifact}/")
}

/// The list of an artifact's files with size and checksum.
pub fn artifact_manifest(attempt_prefix: &str, artifact: &str) -> String {
    format!("{attempt_prefix}artifacts/{artifact}.manifest.json")
}

/// The folder with an attempt's log.
pub fn log_prefix(attempt_prefix: &str) -> String {
    format!("{attempt_prefix}logs/")
}

/// The chunk of the log that starts at this byte. Twelve digits, so that a listing is in order.
pub fn log_chunk(attempt_prefix: &str, first_byte: u64) -> String {
    format!("{attempt_prefix}logs/{first_byte:012}.log")
}

/// The seal: written last, and only when the log can no longer grow.
pub fn log_seal(attempt_prefix: &str) -> String {
    format!("{attempt_prefix}logs/seal.json")
}

/// Whether the key is of an attempt's log: what tells how a task went is stored also where nothing else may be.
pub fn is_log(key: &str) -> bool {
    let mut segments = key.split('/');
    let is_of_attempt = segments.nth(1) == Some("runs") && segments.nth(1) == Some("attempts");
    is_of_attempt && segments.nth(2) == Some("logs")
}

/// `<project>/uploads/`: all that people uploaded.
pub fn uploads_prefix(project: &ProjectName) -> String {
    format!("{project}/uploads/")
}

/// `<project>/uploads/<upload>/`: all versions of an upload.
pub fn upload_prefix(project: &ProjectName, upload: &UploadName) -> String {
    format!("{project}/uploads/{upload}/")
}

/// `<project>/uploads/<upload>/<version>/`: one version, laid out as an attempt lays out its artifacts.
pub fn upload_version_prefix(project: &ProjectName, upload: &UploadName, version: UploadVersion) -> String {
    format!("{project}/uploads/{upload}/{version}/")
}

/// The file of a version, below its prefix.
pub fn upload_file(version_prefix: &str, upload: &UploadName) -> String {
    format!("{}{upload}", artifact_prefix(version_prefix, crate::upload::CONTENT))
}

/// The manifest of a version, below its prefix: written last, and only when the file is complete.
pub fn upload_manifest(version_prefix: &str) -> String {
    artifact_manifest(version_prefix, crate::upload::CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_folder_of_an_attempts_log_is_a_log() {
        let project = ProjectName::new("lab").unwrap();
        let attempt = AttemptId { run: RunId::from_bits(7), task: "logs".parse().unwrap(), number: 1 };
        let prefix = attempt_prefix(&project, &attempt);
        assert!(is_log(&log_chunk(&prefix, 0)) && is_log(&log_seal(&prefix)));
        for other in [artifact_prefix(&prefix, "logs") + "logs/x", artifact_manifest(&prefix, "logs"), prefix]
        {
            assert!(!is_log(&other), "{other}");
        }
        assert!(!is_log("lab/uploads/attempts/a/b/logs/x") && !is_log("") && !is_log("logs"));
    }
}
