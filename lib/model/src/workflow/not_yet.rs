//! What the format has and this version does not carry out: read, and refused instead of silently ignored.

use serde_json::Value;

use super::code;
use super::document::{Document, Problems, join};
use super::file::WorkflowFile;
use super::suggest;

/// A feature of the format that this version refuses with `workflow.not_yet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotYet {
    /// What people call it.
    pub feature: &'static str,
    /// The field, and the value if only some are refused.
    pub field: &'static str,
    /// What works today instead.
    pub instead: &'static str,
}

/// The closed list.
pub const NOT_YET: &[NotYet] = &[GIT_WORKSPACE, NFS_WORKSPACE, EGRESS_NETWORK, GROUP_NETWORK];

const GIT_WORKSPACE: NotYet = NotYet {
    feature: "a workspace from a git repository",
    field: "tasks.*.workspace: git",
    instead: "clone the repository in `run:`, or put the code into the image",
};
const NFS_WORKSPACE: NotYet = NotYet {
    feature: "a workspace on NFS",
    field: "tasks.*.workspace: nfs",
    instead: "hand files on as `outputs` and `inputs`",
};
const EGRESS_NETWORK: NotYet = NotYet {
    feature: "a network with a list of allowed destinations",
    field: "network: egress",
    instead: "use `none` or `full`",
};
const GROUP_NETWORK: NotYet = NotYet {
    feature: "a network that a group of tasks shares",
    field: "network: group",
    instead: "use `none` or `full`",
};

fn refuse(document: &Document, problems: &mut Problems, pointer: &str, what: &NotYet) {
    let message = format!("{} is not carried out yet by this version (`{}`)", what.feature, what.field);
    problems.push(document.at_key(code::NOT_YET, pointer, message).with_hint(what.instead));
}

/// Collects everything that this version does not carry out.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    let refuse =
        |problems: &mut Problems, pointer: &str, what: &NotYet| refuse(document, problems, pointer, what);
    check_network(document, file.defaults.network.as_ref(), "/defaults/network", problems, &refuse);
    for (name, task) in &file.tasks {
        let at = join("/tasks", name);
        check_network(document, task.network.as_ref(), &join(&at, "network"), problems, &refuse);
        check_workspace(document, task.workspace.as_ref(), &join(&at, "workspace"), problems, &refuse);
    }
}

type Refuse<'a> = dyn Fn(&mut Problems, &str, &NotYet) + 'a;

fn check_network(
    document: &Document,
    network: Option<&Value>,
    pointer: &str,
    problems: &mut Problems,
    refuse: &Refuse<'_>,
) {
    match network.map(kind) {
        None | Some("none" | "full") => {}
        Some("egress") => refuse(problems, pointer, &EGRESS_NETWORK),
        Some("group") => refuse(problems, pointer, &GROUP_NETWORK),
        Some(other) => bad_word(document, pointer, other, &["none", "full"], problems),
    }
}

fn check_workspace(
    document: &Document,
    workspace: Option<&Value>,
    pointer: &str,
    problems: &mut Problems,
    refuse: &Refuse<'_>,
) {
    match workspace.map(kind) {
        None | Some("ephemeral") => {}
        Some("git") => refuse(problems, pointer, &GIT_WORKSPACE),
        Some("nfs") => refuse(problems, pointer, &NFS_WORKSPACE),
        Some(other) => bad_word(document, pointer, other, &["ephemeral"], problems),
    }
}

/// The word of `egress` or of `{ egress: … }`.
fn kind(value: &Value) -> &str {
    match value {
        Value::String(word) => word,
        Value::Object(fields) => {
            let later = ["git", "nfs", "egress", "group"];
            later.into_iter().find(|word| fields.contains_key(*word)).unwrap_or("a mapping")
        }
        _ => "something else",
    }
}

fn bad_word(document: &Document, pointer: &str, given: &str, words: &[&str], problems: &mut Problems) {
    let field = pointer.rsplit('/').next().unwrap_or_default();
    let message = format!("`{field}` is {}, not `{}`", words.join(" or "), suggest::shown(given));
    let hint = suggest::nearest(given, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
    problems.push(document.at_value(code::BAD_VALUE, pointer, message).with_some_hint(hint));
}
