//! Keys, rates and mutexes: what of them can be judged before they are evaluated.

use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::file::WorkflowFile;
use crate::workflow::quantity;
use crate::workflow::turn::{MAX_RATE_MS, check_key};
use crate::workflow::turn_spec::{ConcurrencyPolicy, RateLimitSpec};

/// Checks what the file and its tasks say about turns.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    let mut key = |pointer: &str, key: Option<&str>| {
        if let Some(key) = key.filter(|key| !Template::is_in(key))
            && let Err(message) = check_key(key)
        {
            problems.push(document.at_value(code::BAD_VALUE, pointer, message));
        }
    };
    key("/fairness_key", file.fairness_key.as_deref());
    key("/concurrency/key", file.concurrency.as_ref().map(|spec| &*spec.key));
    key("/rate_limit/key", file.rate_limit.as_ref().and_then(|spec| spec.key.as_deref()));
    for (name, task) in &file.tasks {
        let at = join("/tasks", name);
        key(&join(&at, "mutex"), task.mutex.as_deref());
        key(&format!("{at}/concurrency/key"), task.concurrency.as_ref().map(|spec| &*spec.key));
        let rate = task.rate_limit.as_ref().and_then(|spec| spec.key.as_deref());
        key(&format!("{at}/rate_limit/key"), rate);
    }
    rate(document, "/rate_limit", file.rate_limit.as_ref(), problems);
    for (name, task) in &file.tasks {
        let at = join("/tasks", name);
        rate(document, &join(&at, "rate_limit"), task.rate_limit.as_ref(), problems);
        let Some(concurrency) = &task.concurrency else { continue };
        if task.mutex.is_some() {
            let message = "`mutex` and `concurrency` exclude each other: a mutex is a concurrency of 1";
            problems.push(document.at_key(code::CONFLICT, &join(&at, "mutex"), message));
        }
        if concurrency.policy != ConcurrencyPolicy::Queue {
            let message = format!("a task cannot `{}`: it waits for its turn", concurrency.policy.word());
            let problem = document.at_value(code::BAD_VALUE, &format!("{at}/concurrency/policy"), message);
            problems.push(problem.with_hint("leave `policy` out, or write `concurrency` for the whole run"));
        }
    }
}

fn rate(document: &Document, pointer: &str, spec: Option<&RateLimitSpec>, problems: &mut Problems) {
    let Some(spec) = spec else { return };
    let pointer = join(pointer, "per");
    match quantity::duration_ms(spec.per.value()) {
        Ok(1_000..=MAX_RATE_MS) => {}
        Ok(_) => {
            let message = "the time of a rate limit is from `1s` to `1h`";
            problems.push(document.at_value(code::BAD_QUANTITY, &pointer, message));
        }
        Err(message) => problems.push(document.at_value(code::BAD_QUANTITY, &pointer, message)),
    }
}
