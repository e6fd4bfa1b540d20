//! Exit codes: each of them means one thing, and none of the lists is idle.

use crate::CodeRange;
use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::exit_codes::{CodesSpec, ExitCodesSpec};
use crate::workflow::expression::Template;
use crate::workflow::file::WorkflowFile;
use crate::workflow::limits::MAX_EXIT_CODES;

/// Checks what the defaults and the tasks say about exit codes.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    let defaults = &file.defaults;
    if let Some(codes) = &defaults.exit_codes {
        lists(document, "/defaults/exit_codes", codes, problems);
    }
    for (name, task) in &file.tasks {
        let Some(codes) = &task.exit_codes else { continue };
        let at = join(&join("/tasks", name), "exit_codes");
        lists(document, &at, codes, problems);
        let retry = task.retry.as_ref().or(defaults.retry.as_ref());
        let attempts = retry.and_then(|retry| retry.attempts).unwrap_or(1);
        if !codes.retry.is_empty() && attempts < 2 {
            let message = format!("`exit_codes.retry` means nothing: `{name}` has one attempt");
            let problem = document.at_key(code::CONFLICT, &join(&at, "retry"), message);
            problems.push(problem.with_hint("write retry: { attempts: 3 } beside `exit_codes`"));
        }
    }
}

fn lists(document: &Document, at: &str, codes: &ExitCodesSpec, problems: &mut Problems) {
    let lists = [("complete", &codes.complete), ("retry", &codes.retry), ("fail_run", &codes.fail_run)];
    let mut known: Vec<(&str, CodeRange)> = Vec::new();
    for (list, given) in lists {
        let pointer = join(at, list);
        if given.len() > MAX_EXIT_CODES {
            let message =
                format!("{} entries; a list of exit codes has {MAX_EXIT_CODES} at most", given.len());
            problems
                .push(document.at_key(code::BAD_VALUE, &pointer, message).with_hint("write ranges: `10-19`"));
            continue;
        }
        for (index, codes) in given.iter().enumerate() {
            let pointer = join(&pointer, &index.to_string());
            match codes.range() {
                // An expression here is refused with the other expressions.
                Err(_) if matches!(codes, CodesSpec::Several(text) if Template::is_in(text)) => {}
                Err(message) => problems.push(document.at_value(code::BAD_VALUE, &pointer, message)),
                Ok(range) => {
                    let other = known.iter().find(|(other, taken)| *other != list && taken.overlaps(&range));
                    if let Some((other, taken)) = other {
                        let code = range.first.max(taken.first);
                        let message = format!("the exit code {code} is under `{other}` and under `{list}`");
                        problems.push(document.at_value(code::CONFLICT, &pointer, message));
                    }
                    known.push((list, range));
                }
            }
        }
    }
}
