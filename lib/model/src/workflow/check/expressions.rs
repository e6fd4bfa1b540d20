//! Every `${{ … }}` of the file: whether one may stand there, whether it is CEL, and whether its names exist.

use std::collections::HashMap;

use super::scope::{Place, RUN_FIELDS, WORKFLOW_FIELDS};
use crate::workflow::code;
use crate::workflow::document::{Data, Document, Node, Problems, join};
use crate::workflow::expression::functions::{self, Form};
use crate::workflow::expression::{Expression, Kind, Template};
use crate::workflow::fan_out;
use crate::workflow::file::WorkflowFile;
use crate::workflow::outputs::TakenOf;
use crate::workflow::suggest::{self, shown};

/// Checks all expressions. Gives for each task the tasks that its expressions mention, and what is taken of those that runs
/// of other workflows carry out.
pub(super) fn check(
    document: &Document,
    file: &WorkflowFile,
    problems: &mut Problems,
) -> (HashMap<String, Vec<String>>, TakenOf) {
    let (mentioned, taken) = (HashMap::new(), TakenOf::new());
    let mut walk = Walk { document, file, problems, mentioned, taken };
    walk.node(&document.root, &mut Vec::new());
    (walk.mentioned, walk.taken)
}

pub(super) struct Walk<'a> {
    document: &'a Document,
    pub(super) file: &'a WorkflowFile,
    problems: &'a mut Problems,
    mentioned: HashMap<String, Vec<String>>,
    taken: TakenOf,
}

/// A text in the file: what a problem in it is pinned to.
#[derive(Clone, Copy)]
pub(super) struct Text<'t> {
    node: &'t Node,
    pub(super) text: &'t str,
    path: &'t [String],
    place: Place<'t>,
}

impl Text<'_> {
    fn pointer(&self) -> String {
        self.path.iter().fold(String::new(), |pointer, part| join(&pointer, part))
    }
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, path: &mut Vec<String>) {
        if self.problems.is_full() {
            return;
        }
        match &node.data {
            Data::Text(text) => {
                let parts: Vec<&str> = path.iter().map(String::as_str).collect();
                let place = Place::of(&parts);
                self.text(Text { node, text, path, place });
            }
            Data::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.node(item, path);
                    path.pop();
                }
            }
            Data::Map(entries) => {
                for (key, entry) in entries {
                    path.push(key.to_string());
                    self.node(&entry.value, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: Text<'_>) {
        match (text.place, Template::is_in(text.text)) {
            (Place::Prose, _) => {}
            (Place::TaskInput(task), _) => self.task_input(task, text),
            (Place::Outputs, true) if text.path.len() == 2 && referenced_output(text.text).is_some() => {
                self.output_artifact(text);
            }
            (Place::Condition(_), false) => {
                let message = "`if` is true, false or one `${{ … }}`";
                let hint = format!("write if: ${{{{ {} }}}}", shown(text.text.trim()));
                self.report(code::BAD_EXPRESSION, text, 0, message, Some(hint));
            }
            (_, false) => {}
            (Place::Script(_), true) => {
                let at = text.text.find("${{").unwrap_or_default();
                let message = "an expression inside of a script would paste a value into program code";
                let hint =
                    "set a variable with `env: { VALUE: \"${{ … }}\" }` and write \"$VALUE\" in the script";
                self.report(code::EXPRESSION_IN_SCRIPT, text, at, message, Some(hint.to_owned()));
            }
            (Place::Nowhere, true) => {
                let field = text.path.iter().rev().find(|part| !part.bytes().all(|b| b.is_ascii_digit()));
                let message =
                    format!("`{}` cannot hold an expression", shown(field.map_or("this", String::as_str)));
                let hint = "write the value itself".to_owned();
                let at = text.text.find("${{").unwrap_or_default();
                self.report(code::EXPRESSION_NOT_ALLOWED, text, at, message, Some(hint));
            }
            _ => self.template(text),
        }
    }

    fn template(&mut self, text: Text<'_>) {
        let template = match Template::parse(text.text) {
            Ok(template) => template,
            Err(error) => return self.report(code::BAD_EXPRESSION, text, error.at, error.message, None),
        };
        if matches!(text.place, Place::Condition(_)) && template.whole().is_none() {
            let hint =
                "write one `${{ … }}` with nothing around it; `&&` and `||` connect conditions".to_owned();
            let at = text.text.find("${{").unwrap_or_default();
            return self.report(code::BAD_EXPRESSION, text, at, "`if` is one `${{ … }}`", Some(hint));
        }
        for (offset, expression) in template.expressions() {
            self.names(text, offset, expression, &mut Vec::new());
        }
    }

    /// An input of a task names one output of one task, and nothing else.
    fn task_input(&mut self, task: &str, text: Text<'_>) {
        const HINT: &str =
            "write exactly `${{ tasks.NAME.outputs.NAME }}`, or `{ upload: NAME }` for a file of the project";
        let template = match Template::parse(text.text) {
            Ok(template) => template,
            Err(error) => {
                return self.report(
                    code::BAD_EXPRESSION,
                    text,
                    error.at,
                    error.message,
                    Some(HINT.to_owned()),
                );
            }
        };
        let Some((offset, expression)) = template.whole() else {
            let message = "an input of a task is one output of another task";
            return self.report(code::BAD_TASK_INPUT, text, 0, message, Some(HINT.to_owned()));
        };
        let path = path_of(expression);
        let Some([("tasks", _), (from, at), ("outputs", _), (output, output_at)]) = path.as_deref() else {
            let message = "an input of a task is one output of another task";
            return self.report(code::BAD_TASK_INPUT, text, 0, message, Some(HINT.to_owned()));
        };
        self.output_of(text, Some(task), (from, offset + at), (output, offset + output_at));
    }

    /// An output of a task that `task`, or the run, takes. Gives false when there is no such task.
    pub(super) fn output_of(
        &mut self,
        text: Text<'_>,
        task: Option<&str>,
        (from, at): (&str, usize),
        (output, output_at): (&str, usize),
    ) -> bool {
        if !self.mention(text, task, from, at) {
            return false;
        }
        let Some(made_by) = self.file.tasks.get(from) else { return false };
        if made_by.uses.is_some() {
            let taken = self.taken.entry(from.to_owned()).or_default();
            taken.artifacts.entry(output.to_owned()).or_insert_with(|| text.pointer());
        } else if !made_by.outputs.contains_key(output) {
            let names = made_by.outputs.keys().map(String::as_str);
            let hint =
                suggest::hint(output, names).unwrap_or_else(|| format!("add it under `outputs` of `{from}`"));
            let message = format!("the task `{from}` has no output `{}`", shown(output));
            self.report(code::UNKNOWN_OUTPUT, text, output_at, message, Some(hint));
        }
        true
    }

    fn names<'e>(
        &mut self,
        text: Text<'_>,
        offset: usize,
        expression: &'e Expression,
        locals: &mut Vec<&'e str>,
    ) {
        if let Some(path) = path_of(expression)
            && path.first().is_some_and(|(root, _)| !locals.contains(root))
        {
            return self.path(text, offset, &path);
        }
        match &expression.kind {
            Kind::Loop { over, variable, body, .. } => {
                self.names(text, offset, over, locals);
                locals.push(variable);
                self.names(text, offset, body, locals);
                locals.pop();
            }
            Kind::Call { name, receiver, arguments } => {
                self.call(text, offset + expression.at, name, receiver.is_some(), arguments.len());
                for argument in receiver.iter().map(|receiver| &**receiver).chain(arguments) {
                    self.names(text, offset, argument, locals);
                }
            }
            _ => expression.children(&mut |child| self.names(text, offset, child, locals)),
        }
    }

    fn path(&mut self, text: Text<'_>, offset: usize, path: &[(&str, usize)]) {
        let Some((root, at)) = path.first().copied() else { return };
        if !text.place.roots().contains(&root) {
            return self.unknown_root(text, root, offset + at);
        }
        let (member, at) = match (path.get(1), root) {
            (Some((member, at)), _) => (*member, offset + at),
            (None, "tasks") => {
                let hint = "name one task: `tasks.NAME.state`".to_owned();
                let message = "`tasks` cannot be read as a whole";
                return self.report(code::UNKNOWN_NAME, text, offset + at, message, Some(hint));
            }
            (None, _) => return,
        };
        let known: Vec<&str> = match (root, text.place) {
            ("inputs", _) => self.file.inputs.keys().map(String::as_str).collect(),
            ("run", place) => self.run_fields(place),
            ("workflow", _) => WORKFLOW_FIELDS.to_vec(),
            ("matrix", Place::Upload(task)) if self.is_dynamic(task) => {
                let message = "uploads are looked up when the run begins, and this matrix is known later";
                let hint = Some(
                    "give the matrix without `tasks`, or let a task before it take the upload in".to_owned(),
                );
                return self.report(code::UNKNOWN_NAME, text, at, message, hint);
            }
            ("matrix", Place::Task(task) | Place::Upload(task)) => self
                .file
                .tasks
                .get(task)
                .into_iter()
                .flat_map(|task| task.matrix.keys().map(String::as_str))
                .collect(),
            ("tasks", Place::Task(task) | Place::Condition(task) | Place::Matrix(task)) => {
                return self.task_fact(text, Some(task), offset, (member, at), &path[2..]);
            }
            ("tasks", Place::Outputs) => {
                return self.task_fact(text, None, offset, (member, at), &path[2..]);
            }
            _ => return,
        };
        if !known.contains(&member) {
            let message = format!("there is no `{root}.{}`", shown(member));
            let hint = match (root, known.is_empty()) {
                ("inputs", true) => Some("declare it under `inputs` of the workflow".to_owned()),
                ("matrix", true) => Some("this task has no `matrix`".to_owned()),
                _ => suggest::hint(member, known),
            };
            self.report(code::UNKNOWN_NAME, text, at, message, hint);
        }
    }

    fn is_dynamic(&self, task: &str) -> bool {
        self.file.tasks.get(task).is_some_and(fan_out::is_dynamic)
    }

    /// What has become of a run is known to what follows its other tasks.
    fn run_fields(&self, place: Place<'_>) -> Vec<&'static str> {
        let is_final = |task: &str| self.file.tasks.get(task).is_some_and(|task| task.finally.is_some());
        let outcome = matches!(place, Place::Task(task) | Place::Condition(task) if is_final(task));
        RUN_FIELDS.iter().copied().chain(outcome.then_some("outcome")).collect()
    }

    fn task_fact(
        &mut self,
        text: Text<'_>,
        task: Option<&str>,
        offset: usize,
        (other, at): (&str, usize),
        rest: &[(&str, usize)],
    ) {
        if !self.mention(text, task, other, at) {
            return;
        }
        match rest.first() {
            Some(("state", _)) => {}
            Some(("values", _)) => self.task_value(text, offset, (other, at), rest.get(1)),
            Some(("outputs", field_at)) if task.is_none() => {
                let message = "an artifact of a task is an output by itself";
                let hint =
                    format!("write exactly `${{{{ tasks.{other}.outputs.NAME }}}}`, with nothing around it");
                self.report(code::UNKNOWN_NAME, text, offset + field_at, message, Some(hint));
            }
            Some(("outputs", field_at)) => {
                let message = "outputs of other tasks are files: they are staged in through `inputs`";
                let hint = format!(
                    "add `inputs: {{ NAME: \"${{{{ tasks.{other}.outputs.NAME }}}}\" }}` and read the path from `$INPUT_NAME`"
                );
                self.report(code::UNKNOWN_NAME, text, offset + field_at, message, Some(hint));
            }
            Some((field, field_at)) => {
                let message = format!("a task has no `{}`", shown(field));
                let hint = suggest::hint(field, ["state", "values", "outputs"]);
                self.report(code::UNKNOWN_NAME, text, offset + field_at, message, hint);
            }
            None => {
                let hint = format!("write `tasks.{other}.state` or `tasks.{other}.values.NAME`");
                self.report(code::UNKNOWN_NAME, text, at, "a task cannot be read as a whole", Some(hint));
            }
        }
    }

    /// A value is one that the other task gives.
    fn task_value(
        &mut self,
        text: Text<'_>,
        offset: usize,
        (other, at): (&str, usize),
        name: Option<&(&str, usize)>,
    ) {
        let is_run = self.file.tasks.get(other).is_some_and(|other| other.uses.is_some());
        if let (true, Some((name, _))) = (is_run, name) {
            let taken = self.taken.entry(other.to_owned()).or_default();
            taken.values.entry((*name).to_owned()).or_insert_with(|| text.pointer());
            return;
        }
        let names: Vec<&str> =
            self.file.tasks.get(other).into_iter().flat_map(|other| other.value_names()).collect();
        let (message, at, given) = match name {
            Some((name, _)) if names.contains(name) => return,
            Some((name, at)) => {
                (format!("the task `{other}` gives no value `{}`", shown(name)), offset + at, *name)
            }
            None => ("the values of a task cannot be read as a whole".to_owned(), at, ""),
        };
        let is_approval = self.file.tasks.get(other).is_some_and(|other| other.approval.is_some());
        let hint = match names.is_empty() {
            true if is_run => Some(format!("name one: `tasks.{other}.values.NAME`")),
            true if is_approval => {
                Some(format!("declare what the person fills in as `inputs` below `approval` of `{other}`"))
            }
            true => Some(format!(
                "give an output of `{other}` that is a JSON file `value: true`: `outputs: {{ NAME: {{ path: name.json, value: true }} }}`"
            )),
            false => suggest::hint(given, names),
        };
        self.report(code::UNKNOWN_NAME, text, at, message, hint);
    }

    /// Notes that an expression of `task`, or of an output of the run, mentions `other`. Gives false when there is no such
    /// task.
    fn mention(&mut self, text: Text<'_>, task: Option<&str>, other: &str, at: usize) -> bool {
        if self.file.tasks.contains_key(other) {
            let Some(task) = task else { return true };
            let mentioned = self.mentioned.entry(task.to_owned()).or_default();
            if !mentioned.iter().any(|name| name == other) {
                mentioned.push(other.to_owned());
            }
            return true;
        }
        let names = self.file.tasks.keys().map(String::as_str).filter(|name| Some(*name) != task);
        let dashed = self.file.tasks.keys().find(|name| name.starts_with(&format!("{other}-")));
        let hint = match dashed {
            Some(name) => Some(format!("a name with `-` is written tasks[\"{name}\"] in an expression")),
            None => suggest::hint(other, names),
        };
        self.report(code::UNKNOWN_TASK, text, at, format!("there is no task `{}`", shown(other)), hint);
        false
    }

    fn unknown_root(&mut self, text: Text<'_>, root: &str, at: usize) {
        let (message, hint) = match (root, text.place) {
            ("matrix", Place::Condition(_)) => {
                ("`if` is decided once for the whole task, so it has no `matrix`".to_owned(), None)
            }
            ("run" | "matrix", Place::Matrix(_)) => (
                format!("the matrix says which tasks there are, so it has no `{root}`"),
                Some("there is `inputs`, `workflow` and `tasks.NAME.values.KEY`".to_owned()),
            ),
            ("tasks" | "run" | "matrix", Place::Replicas(_)) => (
                format!("replicas are counted when the run begins, so this has no `{root}`"),
                Some("there is `inputs` and `workflow`".to_owned()),
            ),
            ("tasks" | "run", Place::Upload(_)) => (
                format!("uploads are looked up when the run begins, so this has no `{root}`"),
                Some("there is `inputs`, `matrix` and `workflow`".to_owned()),
            ),
            ("tasks" | "matrix", Place::Shared) => (
                format!("this holds for every task, so it has no `{root}`"),
                Some("move it into the task".to_owned()),
            ),
            _ => {
                let hint = suggest::hint(root, text.place.roots().iter().copied());
                (format!("there is no `{}` here", shown(root)), hint)
            }
        };
        self.report(code::UNKNOWN_NAME, text, at, message, hint);
    }

    fn call(&mut self, text: Text<'_>, at: usize, name: &str, is_method: bool, arguments: usize) {
        let Some(function) = functions::ALL.iter().find(|function| function.name == name) else {
            let names = functions::ALL
                .iter()
                .map(|function| function.name)
                .chain(["has", "map", "filter", "all", "exists"]);
            let hint = suggest::nearest(name, names).map(|name| format!("did you mean `{name}`?"));
            let message = format!("there is no function `{}`", shown(name));
            return self.report(code::UNKNOWN_NAME, text, at, message, hint);
        };
        let in_condition = matches!(text.place, Place::Condition(_));
        let given = arguments + usize::from(is_method);
        let (fewest, most) = function.arguments;
        let message = match function.form {
            Form::Condition if !in_condition => format!("`{name}()` is for `if` only"),
            Form::Global | Form::Condition if is_method => format!("write `{name}(…)`, not `….{name}()`"),
            Form::Method if !is_method => format!("write `….{name}(…)`, with the value before the dot"),
            _ if given < fewest || given > most => {
                let before = usize::from(is_method);
                format!("`{name}` takes {} argument(s) here, not {arguments}", fewest.saturating_sub(before))
            }
            _ => return,
        };
        self.report(code::BAD_EXPRESSION, text, at, message, None);
    }

    pub(super) fn report(
        &mut self,
        code: &'static str,
        text: Text<'_>,
        at: usize,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let span = self.document.inside(text.node, text.text, at);
        let problem = self.document.at_span(code, &text.pointer(), span, message).with_some_hint(hint);
        self.problems.push(problem);
    }
}

/// The task and the output of `${{ tasks.NAME.outputs.NAME }}`.
pub(in crate::workflow) fn referenced_output(text: &str) -> Option<(String, String)> {
    let template = Template::parse(text).ok()?;
    match path_of(template.whole()?.1)?.as_slice() {
        [("tasks", _), (task, _), ("outputs", _), (output, _)] => {
            Some(((*task).to_owned(), (*output).to_owned()))
        }
        _ => None,
    }
}

/// `a.b["c"]` as names with their offsets, when it is nothing else.
pub(in crate::workflow) fn path_of(expression: &Expression) -> Option<Vec<(&str, usize)>> {
    match &expression.kind {
        Kind::Name(name) => Some(vec![(name, expression.at)]),
        Kind::Field { of, name } | Kind::Has { of, name } => {
            let mut path = path_of(of)?;
            path.push((name, expression.at));
            Some(path)
        }
        Kind::Index { of, index } => {
            let mut path = path_of(of)?;
            match &index.kind {
                Kind::Literal(serde_json::Value::String(name)) => path.push((name, index.at)),
                _ => return None,
            }
            Some(path)
        }
        _ => None,
    }
}
