//! Which names an expression has, by the place where it stands.

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workflow) enum Place<'p> {
    /// In a field of a task that is evaluated before each attempt.
    Task(&'p str),
    /// In `if`.
    Condition(&'p str),
    /// In a matrix, which is unfolded when the run begins, or when the tasks that it reads have ended.
    Matrix(&'p str),
    /// In the number of replicas, which is looked at when the run begins.
    Replicas(&'p str),
    /// In an input of a task.
    TaskInput(&'p str),
    /// In the name of an upload, which is looked up when the run begins.
    Upload(&'p str),
    /// In an output of the workflow, which is evaluated when the run has succeeded.
    Outputs,
    /// In something that holds for every task.
    Shared,
    /// In a value that a trigger gives.
    Event,
    /// In a script.
    Script(&'p str),
    /// In a text for people.
    Prose,
    /// Anywhere else.
    Nowhere,
}

impl Place<'_> {
    /// The place of a value, from the path to it.
    pub(in crate::workflow) fn of<'p>(path: &[&'p str]) -> Place<'p> {
        match path {
            [.., "description"] => Place::Prose,
            ["tasks", task, "run"] => Place::Script(task),
            ["tasks", task, "if"] => Place::Condition(task),
            ["tasks", task, "matrix", _, ..] => Place::Matrix(task),
            ["tasks", task, "replicas"] => Place::Replicas(task),
            ["tasks", task, "inputs", _] => Place::TaskInput(task),
            ["tasks", task, "inputs", _, "upload"] => Place::Upload(task),
            ["tasks", task, "outputs", _, "path"] => Place::Task(task),
            ["tasks", task, "env" | "labels" | "resources" | "timeouts", _]
            | ["tasks", task, "resources", "gpu", _] => Place::Task(task),
            ["tasks", task, "command" | "args", ..] => Place::Task(task),
            ["tasks", task, "image" | "workdir" | "user" | "timeout" | "pool" | "log_limit"] => {
                Place::Task(task)
            }
            ["tasks", task, "cache", "key"] => Place::Task(task),
            ["tasks", task, "approval", "message" | "timeout"] | ["tasks", task, "uses", "inputs", _, ..] => {
                Place::Task(task)
            }
            ["tasks", task, "mutex"] | ["tasks", task, "concurrency" | "rate_limit", "key"] => {
                Place::Task(task)
            }
            ["outputs", _, ..] => Place::Outputs,
            ["env", _] | ["fairness_key"] | ["concurrency" | "rate_limit", "key"] => Place::Shared,
            ["on", _, "inputs", _, ..] | ["on", _, _, "inputs", _, ..] => Place::Event,
            ["defaults", "labels" | "resources" | "timeouts", _] | ["defaults", "resources", "gpu", _] => {
                Place::Shared
            }
            ["defaults", "image" | "workdir" | "user" | "timeout" | "pool" | "log_limit"] => Place::Shared,
            ["tasks", _, "secrets" | "workspace" | "network", ..] | ["on", ..] => Place::Prose,
            _ => Place::Nowhere,
        }
    }

    /// The first parts of names that there are in this place.
    pub(in crate::workflow) fn roots(self) -> &'static [&'static str] {
        match self {
            Place::Task(_) => &["inputs", "matrix", "tasks", "run", "workflow"],
            Place::Condition(_) | Place::Outputs => &["inputs", "tasks", "run", "workflow"],
            Place::Matrix(_) => &["inputs", "tasks", "workflow"],
            Place::Replicas(_) => &["inputs", "workflow"],
            Place::TaskInput(_) => &["tasks"],
            Place::Upload(_) => &["inputs", "matrix", "workflow"],
            Place::Shared => &["inputs", "run", "workflow"],
            Place::Event => &["event"],
            Place::Script(_) | Place::Prose | Place::Nowhere => &[],
        }
    }
}

/// The fields of `run`.
pub(in crate::workflow) const RUN_FIELDS: &[&str] = &["id", "project"];
/// The fields of `workflow`.
pub(in crate::workflow) const WORKFLOW_FIELDS: &[&str] = &["name"];
