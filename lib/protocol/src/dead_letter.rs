//! Where a message goes that nobody could read or carry out.

use emboflow_model::ProjectName;

use crate::message::{ROOT, Subject};

/// Characters of a reason's token at most.
const MAX_REASON: usize = 40;

/// `emboflow.dead.<project>.<reason>`; a message that names no project goes to `unknown`, and what could not be part
/// of a subject's token is replaced in the reason.
pub fn dead_subject(project: Option<&ProjectName>, reason: &str) -> Subject {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    let token: String = reason.chars().take(MAX_REASON).map(plain).collect();
    let token = if token.is_empty() { "unnamed".to_owned() } else { token };
    match project {
        Some(project) => Subject::new(&[&"dead", project, &token]),
        None => Subject::new(&[&"dead", &"unknown", &token]),
    }
}

/// The subjects of all dead letters, or of those under one token in the place of the project.
pub fn dead_filter(project: Option<&str>) -> Subject {
    match project {
        None => Subject::new(&[&"dead", &">"]),
        Some(project) => Subject::new(&[&"dead", &project, &"*"]),
    }
}

/// The project that a subject names: that of requests, replies, events, logs and dead letters.
pub fn project_of_subject(subject: &str) -> Option<ProjectName> {
    let rest = subject.strip_prefix(ROOT)?.strip_prefix('.')?;
    let mut tokens = rest.split('.');
    let kind = tokens.next()?;
    if !["request", "decision", "reply", "event", "log", "dead"].contains(&kind) {
        return None;
    }
    ProjectName::new(tokens.next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_always_one_token() {
        let project = ProjectName::new("lab").unwrap();
        assert_eq!(dead_subject(Some(&project), "not json").as_str(), "emboflow.dead.lab.not_json");
        assert_eq!(dead_subject(None, "a.*>\n").as_str(), "emboflow.dead.unknown.a____");
        assert_eq!(dead_subject(None, "").as_str(), "emboflow.dead.unknown.unnamed");
    }

    #[test]
    fn only_subjects_of_projects_name_one() {
        assert_eq!(project_of_subject("emboflow.request.lab.submit").unwrap().as_str(), "lab");
        for none in [
            "emboflow.report.pool.ex-1",
            "emboflow.request.Lab.submit",
            "emboflow.request",
            "x.request.lab",
            "",
        ] {
            assert!(project_of_subject(none).is_none(), "{none}");
        }
    }
}
