//! Where a task may run and how many of it there are: replicas, gangs, tolerations, graphics processors.

use serde_json::Value;

use crate::name::is_label_name;
use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::field::Scalar;
use crate::workflow::file::WorkflowFile;
use crate::workflow::limits::{MAX_GANG, MAX_TOLERATIONS};
use crate::workflow::quantity;
use crate::workflow::suggest::shown;
use crate::workflow::task_spec::{GpuSpec, PlacementSpec, ResourcesSpec, TaskSpec};

/// Characters of a toleration at most: a key, `=` and a value.
const MAX_TOLERATION_CHARS: usize = 320;
/// Characters of a model at most.
const MAX_MODEL_CHARS: usize = 128;

/// Checks the defaults and every task.
pub(super) fn check_all(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    let mut check = Check { document, problems };
    let defaults = &file.defaults;
    check.gpu("/defaults", &defaults.resources);
    check.tolerations("/defaults", defaults.tolerations.as_deref());
    check.words("/defaults", defaults.placement.as_ref());
    for (name, task) in &file.tasks {
        let at = join("/tasks", name);
        check.gpu(&at, &task.resources);
        check.tolerations(&at, task.tolerations.as_deref());
        check.words(&at, task.placement.as_ref());
        check.replicas(&at, task);
    }
}

struct Check<'a> {
    document: &'a Document,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn replicas(&mut self, at: &str, task: &TaskSpec) {
        let pointer = join(at, "replicas");
        if task.replicas.is_some() && !task.matrix.is_empty() {
            let message = "`replicas` and `matrix` exclude each other: both say how many tasks there are";
            let problem = self.document.at_key(code::CONFLICT, &pointer, message);
            self.problems.push(problem.with_hint("write the replicas as one more axis of the matrix"));
        }
        if let Some(count) = plain(task.replicas.as_ref()) {
            let wrong = match quantity::count(count) {
                Err(message) => Some(message),
                Ok(count) if task.gang && count > MAX_GANG => {
                    Some(format!("a gang has at most {MAX_GANG} replicas, not {count}"))
                }
                Ok(_) => None,
            };
            if let Some(message) = wrong {
                self.problems.push(self.document.at_value(code::BAD_QUANTITY, &pointer, message));
            }
        }
        if task.gang && task.replicas.is_none() {
            let message = "`gang` means nothing without `replicas`";
            let problem = self.document.at_key(code::CONFLICT, &join(at, "gang"), message);
            self.problems.push(problem.with_hint("say how many start together: `replicas: 2`"));
        }
        if task.gang && task.max_parallel.is_some() {
            let message = "`max_parallel` and `gang` exclude each other: a gang starts as a whole";
            self.problems.push(self.document.at_key(code::CONFLICT, &join(at, "max_parallel"), message));
        }
    }

    fn gpu(&mut self, at: &str, resources: &ResourcesSpec) {
        let pointer = format!("{at}/resources/gpu");
        let (count, pointer) = match &resources.gpu {
            None => return,
            Some(GpuSpec::Any(count)) => (Some(count), pointer),
            Some(GpuSpec::Model(choice)) => {
                self.model(&join(&pointer, "model"), choice.model.as_ref());
                (choice.count.as_ref(), join(&pointer, "count"))
            }
        };
        if let Some(Err(message)) = plain(count).map(quantity::gpus) {
            self.problems.push(self.document.at_value(code::BAD_QUANTITY, &pointer, message));
        }
    }

    fn model(&mut self, pointer: &str, model: Option<&Scalar>) {
        let says_nothing =
            |text: &str| !text.chars().any(char::is_alphanumeric) || text.len() > MAX_MODEL_CHARS;
        if plain(model).and_then(Value::as_str).is_some_and(says_nothing) {
            let message = "the model is a word or some words of its name, such as `a100`";
            self.problems.push(self.document.at_value(code::BAD_VALUE, pointer, message));
        }
    }

    fn tolerations(&mut self, at: &str, tolerations: Option<&[String]>) {
        let (at, tolerations) = (join(at, "tolerations"), tolerations.unwrap_or_default());
        if tolerations.len() > MAX_TOLERATIONS {
            let message = format!("{} tolerations; a task has at most {MAX_TOLERATIONS}", tolerations.len());
            self.problems.push(self.document.at_key(code::BAD_VALUE, &at, message));
        }
        for (index, toleration) in tolerations.iter().enumerate() {
            let key = toleration.split_once('=').map_or(toleration.as_str(), |(key, _)| key);
            if !is_label_name(key) || toleration.len() > MAX_TOLERATION_CHARS {
                let message = format!("`{}` is no toleration such as `gpu` or `team=red`", shown(toleration));
                let pointer = join(&at, &index.to_string());
                self.problems.push(self.document.at_value(code::BAD_VALUE, &pointer, message));
            }
        }
    }

    fn words(&mut self, at: &str, placement: Option<&PlacementSpec>) {
        let Some(placement) = placement else { return };
        let at = join(at, "placement");
        for (field, word) in [("spread", &placement.spread), ("anti_affinity", &placement.anti_affinity)] {
            let Some(word) = word.as_deref().filter(|word| !is_label_name(word)) else { continue };
            let message = format!("`{field}` is `host` or the name of a label, not `{}`", shown(word));
            self.problems.push(self.document.at_value(code::BAD_VALUE, &join(&at, field), message));
        }
    }
}

/// The value, unless an expression gives it.
fn plain(given: Option<&Scalar>) -> Option<&Value> {
    given.map(Scalar::value).filter(|value| !value.as_str().is_some_and(Template::is_in))
}
