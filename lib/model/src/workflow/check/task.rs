//! A task on its own: what it runs, with which amounts, and what it leaves behind.

use indexmap::IndexMap;
use serde_json::Value;

use super::bad_name;
use super::path::check_output_path;
use crate::name::{is_label_name, is_name};
use crate::runtime_spec::SecretForm;
use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::field::{Axis, Scalar, Words};
use crate::workflow::file::WorkflowFile;
use crate::workflow::limits::{MAX_LABEL_CHARS, MAX_LABELS, MAX_SECRETS, MAX_TEXT_BYTES};
use crate::workflow::quantity;
use crate::workflow::render::text_of;
use crate::workflow::suggest::shown;
use crate::workflow::task_spec::{ResourcesSpec, RetrySpec, SecretSpec, StopSpec, TaskSpec, TimeoutsSpec};
use crate::workflow::uploads;

/// Checks the defaults and every task.
pub(super) fn check_all(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    let mut check = Check { document, problems };
    let defaults = &file.defaults;
    check.names_of_variables("/env", file.env.keys());
    check.labels_of_runs("/labels", file);
    check.name("/defaults/queue", defaults.queue.as_deref(), "a queue");
    check.name("/defaults/pool", defaults.pool.as_deref(), "a pool");
    check.names_of_labels("/defaults/labels", defaults.labels.keys());
    check.form("/defaults/image", defaults.image.as_deref().map(Value::from).as_ref(), check_image);
    check.form("/defaults/workdir", defaults.workdir.as_deref().map(Value::from).as_ref(), check_workdir);
    check.form("/defaults/user", defaults.user.as_ref().map(Scalar::value), check_user);
    check.limits("/defaults", &defaults.resources, defaults.timeout.as_ref(), defaults.timeouts.as_ref());
    check.retry_and_stop("/defaults", defaults.retry.as_ref(), defaults.stop.as_ref());
    check.quantity("/defaults/log_limit", defaults.log_limit.as_ref(), quantity::size_bytes);
    for (name, task) in &file.tasks {
        if check.problems.is_full() {
            return;
        }
        let at = join("/tasks", name);
        if !is_name(name) {
            check.problems.push(bad_name(document, &at, name, "a task"));
        }
        check.task(&at, task, file);
    }
}

struct Check<'a> {
    document: &'a Document,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn task(&mut self, at: &str, task: &TaskSpec, file: &WorkflowFile) {
        let has_image = task.image.is_some() || file.defaults.image.is_some();
        if !has_image && task.uses.is_none() && task.approval.is_none() {
            let problem = self.document.at_key(
                code::NO_IMAGE,
                at,
                "the task has no `image`, and there is none in `defaults`",
            );
            self.problems.push(problem.with_hint("name the container image that the task runs in"));
        }
        self.program(at, task);
        self.form(&join(at, "image"), task.image.as_deref().map(Value::from).as_ref(), check_image);
        self.form(&join(at, "workdir"), task.workdir.as_deref().map(Value::from).as_ref(), check_workdir);
        self.form(&join(at, "user"), task.user.as_ref().map(Scalar::value), check_user);
        self.name(&join(at, "pool"), task.pool.as_deref(), "a pool");
        self.names_of_variables(&join(at, "env"), task.env.keys());
        self.names_of_labels(&join(at, "labels"), task.labels.keys());
        self.limits(at, &task.resources, task.timeout.as_ref(), task.timeouts.as_ref());
        self.retry_and_stop(at, task.retry.as_ref(), task.stop.as_ref());
        self.quantity(&join(at, "log_limit"), task.log_limit.as_ref(), quantity::size_bytes);
        self.matrix(&join(at, "matrix"), task);
        self.secrets(&join(at, "secrets"), task, &file.env);
        for name in task.inputs.keys().filter(|name| !is_name(name)) {
            let pointer = format!("{at}{}", join("/inputs", name));
            self.problems.push(bad_name(self.document, &pointer, name, "an input of a task"));
        }
        uploads::check(self.document, at, task, self.problems);
        for (name, output) in &task.outputs {
            let pointer = format!("{at}{}", join("/outputs", name));
            if !is_name(name) {
                self.problems.push(bad_name(self.document, &pointer, name, "an output"));
            }
            if output.value && output.path.ends_with('/') {
                let message = "a value is read from one file, and this path is that of a folder";
                let problem = self.document.at_value(code::BAD_PATH, &join(&pointer, "path"), message);
                self.problems.push(problem.with_hint("name the JSON file, such as `out/parts.json`"));
            }
            if !Template::is_in(&output.path)
                && let Err(message) = check_output_path(&output.path)
            {
                let problem = self.document.at_value(code::BAD_PATH, &join(&pointer, "path"), message);
                self.problems.push(
                    problem.with_hint(
                        "name a file or folder in the workspace, such as `out/model.bin` or `out/`",
                    ),
                );
            }
        }
    }

    fn program(&mut self, at: &str, task: &TaskSpec) {
        if task.run.is_some() && task.command.is_some() {
            let message = "`run` and `command` exclude each other: both say what the container runs";
            let problem = self.document.at_key(code::CONFLICT, &join(at, "run"), message);
            self.problems.push(
                problem.with_hint("keep `run` for a script, or `command` for a program with arguments"),
            );
        }
        if let Some(script) = &task.run {
            self.text(&join(at, "run"), script);
            if script.trim().is_empty() {
                self.problems.push(self.document.at_value(
                    code::BAD_VALUE,
                    &join(at, "run"),
                    "the script is empty",
                ));
            }
        }
        for (field, words) in [("command", &task.command), ("args", &task.args)] {
            let pointer = join(at, field);
            match words {
                None => {}
                Some(Words::List(words)) => {
                    if words.is_empty() && field == "command" {
                        self.problems.push(self.document.at_value(
                            code::BAD_VALUE,
                            &pointer,
                            "the command has no words",
                        ));
                    }
                    for (index, word) in words.iter().enumerate() {
                        self.text(&join(&pointer, &index.to_string()), word.as_str().unwrap_or_default());
                    }
                }
                Some(Words::Whole(text)) if Template::is_in(text) => {}
                Some(Words::Whole(text)) => {
                    let message = format!("`{field}` must be a list of words, but it is one text");
                    let words: Vec<String> =
                        text.split_whitespace().take(12).map(|word| format!("{word:?}")).collect();
                    let hint =
                        format!("write {field}: [{}], or put a shell line into `run`", words.join(", "));
                    self.problems
                        .push(self.document.at_value(code::WRONG_TYPE, &pointer, message).with_hint(hint));
                }
            }
        }
        for (name, value) in &task.env {
            self.text(&format!("{at}{}", join("/env", name)), value.as_str().unwrap_or_default());
        }
    }

    fn text(&mut self, pointer: &str, text: &str) {
        if text.len() > MAX_TEXT_BYTES {
            let message = format!("the text has {} bytes; Linux takes {MAX_TEXT_BYTES} at most", text.len());
            let hint = "put the text into a file of the image";
            self.problems.push(self.document.at_value(code::TEXT_TOO_LONG, pointer, message).with_hint(hint));
        }
        if text.contains('\0') {
            let message = "the text contains a NUL character, which no program can receive";
            self.problems.push(self.document.at_value(code::BAD_VALUE, pointer, message));
        }
    }

    fn secrets(&mut self, at: &str, task: &TaskSpec, env: &IndexMap<String, Scalar>) {
        let count = task.secrets.len();
        if count > MAX_SECRETS {
            let message = format!("{count} secrets; a task gets at most {MAX_SECRETS}");
            self.problems.push(self.document.at_key(code::BAD_VALUE, at, message));
        }
        self.names_of_variables(at, task.secrets.keys());
        for (variable, secret) in &task.secrets {
            let pointer = join(at, variable);
            if !is_name(secret.name()) {
                let at = match secret {
                    SecretSpec::Name(_) => pointer.clone(),
                    SecretSpec::Formed(_) => join(&pointer, "name"),
                };
                let problem = bad_name(self.document, &at, secret.name(), "a secret");
                self.problems
                    .push(problem.with_hint("secrets are named as they are; nothing is evaluated here"));
            }
            let (name, taken) = match secret.form() {
                SecretForm::Env => {
                    (variable.clone(), task.secrets.keys().any(|other| format!("{other}_FILE") == *variable))
                }
                SecretForm::File => (format!("{variable}_FILE"), false),
            };
            if taken || task.env.contains_key(&name) || env.contains_key(&name) {
                let message = format!(
                    "the variable `{}` is set twice: by this secret, and by `env` or another secret",
                    shown(&name)
                );
                self.problems.push(self.document.at_key(code::CONFLICT, &pointer, message));
            }
        }
    }

    fn matrix(&mut self, at: &str, task: &TaskSpec) {
        for (axis, values) in &task.matrix {
            let pointer = join(at, axis);
            let is_good = axis.starts_with(|c: char| c.is_ascii_alphabetic())
                && axis.len() <= 63
                && axis.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_good {
                let message = format!(
                    "`{}` is not a name of an axis: a letter first, then letters, digits or `_`",
                    shown(axis)
                );
                self.problems.push(self.document.at_key(code::BAD_NAME, &pointer, message));
            }
            match values {
                Axis::List(values) if values.is_empty() => {
                    let message =
                        format!("the axis `{}` has no values, so the task would never run", shown(axis));
                    self.problems.push(self.document.at_value(code::BAD_MATRIX, &pointer, message));
                }
                Axis::Whole(text) if !Template::is_in(text) => {
                    let message = format!("the axis `{}` must be a list of values", shown(axis));
                    let hint = format!("write [{}], or `${{{{ … }}}}` that gives a list", shown(text));
                    self.problems
                        .push(self.document.at_value(code::BAD_MATRIX, &pointer, message).with_hint(hint));
                }
                _ => {}
            }
        }
        if task.max_parallel.is_some() && task.matrix.is_empty() && task.replicas.is_none() {
            let pointer = at.replace("/matrix", "/max_parallel");
            let message = "`max_parallel` means nothing without a `matrix` or `replicas`";
            self.problems.push(self.document.at_key(code::CONFLICT, &pointer, message));
        }
    }

    fn limits(
        &mut self,
        at: &str,
        resources: &ResourcesSpec,
        timeout: Option<&Scalar>,
        timeouts: Option<&TimeoutsSpec>,
    ) {
        let of = format!("{at}/resources");
        self.quantity(&join(&of, "cpu"), resources.cpu.as_ref(), quantity::cpu_millis);
        for (field, value) in
            [("memory", &resources.memory), ("disk", &resources.disk), ("shm", &resources.shm)]
        {
            self.quantity(&join(&of, field), value.as_ref(), quantity::size_bytes);
        }
        self.quantity(&join(&of, "pids"), resources.pids.as_ref(), quantity::count);
        self.quantity(&join(at, "timeout"), timeout, quantity::duration_ms);
        let Some(timeouts) = timeouts else { return };
        let limits = [
            ("queue", &timeouts.queue),
            ("start", &timeouts.start),
            ("run", &timeouts.run),
            ("total", &timeouts.total),
        ];
        for (field, limit) in limits {
            self.quantity(&format!("{at}/timeouts/{field}"), limit.as_ref(), quantity::duration_ms);
        }
        self.quantity(
            &format!("{at}/timeouts/heartbeat"),
            timeouts.heartbeat.as_ref(),
            quantity::heartbeat_ms,
        );
        if timeout.is_some() && timeouts.run.is_some() {
            let message = "`timeout` and `timeouts.run` are the same limit; keep one of them";
            self.problems.push(self.document.at_key(code::CONFLICT, &join(at, "timeout"), message));
        }
    }

    fn retry_and_stop(&mut self, at: &str, retry: Option<&RetrySpec>, stop: Option<&StopSpec>) {
        if let Some(retry) = retry {
            self.quantity(&format!("{at}/retry/delay"), retry.delay.as_ref(), quantity::duration_ms);
            self.quantity(&format!("{at}/retry/max_delay"), retry.max_delay.as_ref(), quantity::duration_ms);
        }
        if let Some(stop) = stop {
            self.quantity(&format!("{at}/stop/grace"), stop.grace.as_ref(), quantity::duration_ms);
        }
    }

    fn quantity<T>(&mut self, pointer: &str, value: Option<&Scalar>, read: fn(&Value) -> Result<T, String>) {
        if let Some(value) = value
            && !value.as_str().is_some_and(Template::is_in)
            && let Err(message) = read(value.value())
        {
            self.problems.push(self.document.at_value(code::BAD_QUANTITY, pointer, message));
        }
    }

    fn form(&mut self, pointer: &str, value: Option<&Value>, check: fn(&Value) -> Result<(), String>) {
        if let Some(value) = value
            && !value.as_str().is_some_and(Template::is_in)
            && let Err(message) = check(value)
        {
            self.problems.push(self.document.at_value(code::BAD_VALUE, pointer, message));
        }
    }

    fn name(&mut self, pointer: &str, name: Option<&str>, of: &str) {
        if let Some(name) = name.filter(|name| !is_name(name) && !Template::is_in(name)) {
            self.problems.push(bad_name(self.document, pointer, name, of));
        }
    }

    fn names_of_variables<'n>(&mut self, at: &str, names: impl Iterator<Item = &'n String>) {
        for name in names {
            let is_good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.len() <= 255
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let message = match is_good {
                true if name.starts_with("EMBOFLOW_") || name.starts_with("INPUT_") => {
                    format!(
                        "variables that start with `EMBOFLOW_` or `INPUT_` are set by EmboFlow, `{}` too",
                        shown(name)
                    )
                }
                true => continue,
                false => format!(
                    "`{}` is not a name of an environment variable: letters, digits and `_`, no digit first",
                    shown(name)
                ),
            };
            self.problems.push(self.document.at_key(code::BAD_NAME, &join(at, name), message));
        }
    }

    /// They are in each row of a list, and in each event.
    fn labels_of_runs(&mut self, at: &str, file: &WorkflowFile) {
        self.names_of_labels(at, file.labels.keys());
        let count = file.labels.len();
        if count > MAX_LABELS {
            let message = format!("{count} labels; a run has at most {MAX_LABELS}");
            self.problems.push(self.document.at_key(code::BAD_VALUE, at, message));
        }
        for (name, value) in &file.labels {
            let chars = text_of(value.value()).chars().count();
            if chars > MAX_LABEL_CHARS {
                let message = format!("the label has {chars} characters; at most {MAX_LABEL_CHARS} are kept");
                self.problems.push(self.document.at_value(code::TEXT_TOO_LONG, &join(at, name), message));
            }
        }
    }

    fn names_of_labels<'n>(&mut self, at: &str, names: impl Iterator<Item = &'n String>) {
        for name in names {
            if !is_label_name(name) {
                let message = format!(
                    "`{}` is not a name of a label: letters, digits, `.`, `_`, `/` and `-`, at most 63",
                    shown(name)
                );
                self.problems.push(self.document.at_key(code::BAD_NAME, &join(at, name), message));
            }
        }
    }
}

/// An image reference: the characters that one can have. Errors: what is wrong, in words.
pub(in crate::workflow) fn check_image(value: &Value) -> Result<(), String> {
    let image = value.as_str().unwrap_or_default();
    let is_good = image.starts_with(|c: char| c.is_ascii_alphanumeric())
        && image.len() <= 512
        && image.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./:@_-".contains(&byte));
    match is_good {
        true => Ok(()),
        false => Err(format!(
            "`{}` is not an image such as `python:3.13` or `registry.example/team/tool@sha256:…`",
            shown(image)
        )),
    }
}

/// An absolute path in the container. Errors: what is wrong, in words.
pub(in crate::workflow) fn check_workdir(value: &Value) -> Result<(), String> {
    let path = value.as_str().unwrap_or_default();
    match path.starts_with('/') && path.len() <= 1024 && !path.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(format!("`{}` is not an absolute path in the container, such as `/app`", shown(path))),
    }
}

/// `uid` or `uid:gid`. Errors: what is wrong, in words.
pub(in crate::workflow) fn check_user(value: &Value) -> Result<(), String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_id = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && part.parse::<u32>().is_ok()
    };
    let is_good = match text.split_once(':') {
        Some((user, group)) => is_id(user) && is_id(group),
        None => is_id(&text),
    };
    match is_good {
        true => Ok(()),
        false => {
            Err(format!("`{}` is not a user: write numbers, such as `1000` or `1000:1000`", shown(&text)))
        }
    }
}
