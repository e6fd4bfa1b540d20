//! What a trigger may take of other systems' subjects and streams.

use emboflow_model::ProjectName;
use emboflow_model::workflow::triggers::NatsSpec;
use emboflow_protocol::message::ROOT;
use emboflow_protocol::rights::{is_foreign_stream, is_foreign_subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the triggers of one project may take of other systems.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// The project.
    pub project: ProjectName,
    /// Subjects, with `*` and `>`, that its triggers may listen to.
    #[serde(default)]
    pub subjects: Vec<String>,
    /// Streams that its triggers may follow.
    #[serde(default)]
    pub streams: Vec<String>,
}

/// Whether a trigger may take what it wants. What the platform says to itself is about every project and for none; the
/// rest is for the projects that the operator names, or for all when he names none. Errors: why not, in words.
pub(crate) fn check(given: Option<&[Foreign]>, project: &ProjectName, spec: &NatsSpec) -> Result<(), String> {
    let own =
        |what: &str, name: &str| format!("the {what} '{name}' is the platform's own, and starts no runs");
    match (&spec.stream, &spec.subject) {
        (Some(stream), _) if !is_foreign_stream(stream) => return Err(own("stream", stream)),
        (Some(_), Some(filter)) if filter.split('.').next() == Some(ROOT) => {
            return Err(own("subject", filter));
        }
        (None, Some(subject)) if !is_foreign_subject(subject) => return Err(own("subject", subject)),
        _ => {}
    }
    let Some(given) = given else { return Ok(()) };
    let mut of_project = given.iter().filter(|one| one.project == *project);
    let (is_given, what, name) = match (&spec.stream, &spec.subject) {
        (Some(stream), _) => (of_project.any(|one| one.streams.contains(stream)), "stream", stream),
        (None, Some(subject)) => {
            let covers = |one: &Foreign| one.subjects.iter().any(|filter| covers(filter, subject));
            (of_project.any(covers), "subject", subject)
        }
        (None, None) => return Ok(()),
    };
    match is_given {
        true => Ok(()),
        false => Err(format!(
            "the {what} '{name}' is not for project '{project}': whoever runs the trigger service names it under `foreign`"
        )),
    }
}

/// Whether everything that `wanted` stands for is in `filter`.
fn covers(filter: &str, wanted: &str) -> bool {
    let (mut filter, mut wanted) = (filter.split('.'), wanted.split('.'));
    loop {
        match (filter.next(), wanted.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(known), Some(token)) if known == token => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_filter_covers_what_it_would_hear_anyway_and_nothing_wider() {
        let yes = [
            ("a.>", "a.b"),
            ("a.>", "a.*.c"),
            ("a.>", "a.>"),
            ("a.*", "a.b"),
            ("a.*", "a.*"),
            ("a.b", "a.b"),
        ];
        assert!(yes.iter().all(|(filter, wanted)| covers(filter, wanted)));
        let no = [
            ("a.>", "a"),
            ("a.>", "*.b"),
            ("a.>", ">"),
            ("a.*", "a.>"),
            ("a.*", "a.b.c"),
            ("a.b", "a.*"),
            ("a.b", "a"),
            ("a", "a.b"),
        ];
        assert!(no.iter().all(|(filter, wanted)| !covers(filter, wanted)));
    }
}
