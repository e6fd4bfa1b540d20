//! Tasks at the end: what they may follow, and what may not follow them.

use indexmap::IndexMap;

use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::file::WorkflowFile;

type Needs = IndexMap<String, Vec<String>>;

/// Checks the tasks at the end, and lets those that need no other of them follow the last of the rest.
pub(super) fn follow(document: &Document, file: &WorkflowFile, needs: &mut Needs, problems: &mut Problems) {
    let is_final = |name: &str| file.tasks.get(name).is_some_and(|task| task.finally.is_some());
    if !file.tasks.keys().any(|name| is_final(name)) {
        return;
    }
    if file.tasks.keys().all(|name| is_final(name)) {
        let message = "every task is a `finally` task, so there is nothing that they could follow";
        let problem = document.at_key(code::NO_TASKS, "/tasks", message);
        return problems.push(problem.with_hint("take `finally` away from the tasks that do the work"));
    }
    let mut is_good = true;
    for (name, task) in file.tasks.iter().filter(|(name, _)| !is_final(name)) {
        let Some(late) = needs.get(name).and_then(|needs| needs.iter().find(|need| is_final(need))) else {
            continue;
        };
        is_good = false;
        let at = join("/tasks", name);
        let message =
            format!("`{name}` cannot need `{late}`, which runs when all others have ended (`finally`)");
        let problem = match task.needs.iter().position(|need| need == late) {
            Some(index) => document.at_value(code::CONFLICT, &format!("{at}/needs/{index}"), message),
            None => document.at_key(code::CONFLICT, &at, message),
        };
        problems
            .push(problem.with_hint(format!("give `{name}` a `finally` too, or take it away from `{late}`")));
    }
    if is_good {
        let last = last_of_the_others(file, needs, is_final);
        for (name, needs) in needs.iter_mut().filter(|(name, _)| is_final(name)) {
            let follows_another = needs.iter().any(|need| is_final(need));
            let missing = last.iter().filter(|_| !follows_another).filter(|task| !needs.contains(task));
            let missing: Vec<String> = missing.cloned().collect();
            debug_assert!(!missing.contains(name));
            needs.extend(missing);
        }
    }
}

/// The tasks that no other of theirs needs.
fn last_of_the_others(file: &WorkflowFile, needs: &Needs, is_final: impl Fn(&str) -> bool) -> Vec<String> {
    let is_needed = |task: &String| needs.iter().any(|(name, needs)| !is_final(name) && needs.contains(task));
    file.tasks.keys().filter(|name| !is_final(name) && !is_needed(name)).cloned().collect()
}
