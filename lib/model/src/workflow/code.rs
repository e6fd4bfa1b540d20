//! The stable codes of everything that can be wrong with a workflow file, its inputs or its expressions.

macro_rules! codes {
    ($(#[doc = $meaning:literal] $name:ident = $code:literal;)+) => {
        $(#[doc = $meaning] pub const $name: &str = $code;)+

        /// Every code, in the order of the checks.
        pub const ALL: &[&str] = &[$($name,)+];

        /// What a code means, in a sentence; none for a text that is no code.
        pub fn meaning(code: &str) -> Option<&'static str> {
            match code { $($code => Some($meaning.trim_ascii()),)+ _ => None }
        }
    };
}

codes! {
    /// The source is longer than 256 KiB.
    TOO_LARGE = "workflow.too_large";
    /// There is nothing in the source.
    EMPTY = "workflow.empty";
    /// Not YAML (nor JSON, which is a part of it).
    YAML_SYNTAX = "workflow.yaml_syntax";
    /// More than one document in the source.
    MULTIPLE_DOCUMENTS = "workflow.multiple_documents";
    /// Lists and mappings are nested too deeply.
    TOO_DEEP = "workflow.too_deep";
    /// Aliases unfold into too many values.
    ALIAS_BOMB = "workflow.alias_bomb";
    /// A `!tag`.
    YAML_TAG = "workflow.yaml_tag";
    /// `yes`, `no`, `on` or `off` without quotes.
    YAML_BOOLEAN = "workflow.yaml_boolean";
    /// A number that tools read differently, or that no 64 bits can hold.
    YAML_NUMBER = "workflow.yaml_number";
    /// A key that is not a text, or a merge key.
    YAML_KEY = "workflow.yaml_key";
    /// The same key twice in one mapping.
    DUPLICATE_KEY = "workflow.duplicate_key";
    /// A field that the workflow file does not have.
    UNKNOWN_FIELD = "workflow.unknown_field";
    /// A required field is missing.
    MISSING_FIELD = "workflow.missing_field";
    /// A value of the wrong type.
    WRONG_TYPE = "workflow.wrong_type";
    /// A word or number that the field does not take.
    BAD_VALUE = "workflow.bad_value";
    /// A version of the format that this program does not know.
    UNSUPPORTED_VERSION = "workflow.unsupported_version";
    /// A feature of the format that this version does not carry out.
    NOT_YET = "workflow.not_yet";
    /// A name with a form that is not allowed.
    BAD_NAME = "workflow.bad_name";
    /// No tasks.
    NO_TASKS = "workflow.no_tasks";
    /// A task that the file does not have.
    UNKNOWN_TASK = "workflow.unknown_task";
    /// Tasks that wait for each other.
    CYCLE = "workflow.cycle";
    /// A task without an image.
    NO_IMAGE = "workflow.no_image";
    /// Two fields that exclude each other.
    CONFLICT = "workflow.conflict";
    /// A duration, memory size or CPU amount that cannot be read.
    BAD_QUANTITY = "workflow.bad_quantity";
    /// An output path that leaves the workspace or cannot be stored.
    BAD_PATH = "workflow.bad_path";
    /// An expression that is not CEL, or too long or too deep.
    BAD_EXPRESSION = "workflow.bad_expression";
    /// A name or function that an expression does not have here.
    UNKNOWN_NAME = "workflow.unknown_name";
    /// An expression where none is evaluated.
    EXPRESSION_NOT_ALLOWED = "workflow.expression_not_allowed";
    /// An expression inside a script.
    EXPRESSION_IN_SCRIPT = "workflow.expression_in_script";
    /// A task input that is not exactly one output of a task.
    BAD_TASK_INPUT = "workflow.bad_task_input";
    /// An output that the task does not have.
    UNKNOWN_OUTPUT = "workflow.unknown_output";
    /// A matrix without values, or with something that is no list.
    BAD_MATRIX = "workflow.bad_matrix";
    /// The matrices unfold into too many tasks.
    TOO_MANY_TASKS = "workflow.too_many_tasks";
    /// An input's declaration contradicts itself.
    BAD_INPUT_DECLARATION = "workflow.bad_input_declaration";
    /// A given input that the workflow does not have.
    UNKNOWN_INPUT = "workflow.unknown_input";
    /// A required input was not given.
    MISSING_INPUT = "workflow.missing_input";
    /// A given input breaks its declaration.
    BAD_INPUT = "workflow.bad_input";
    /// An expression failed when it was evaluated.
    EVALUATION_FAILED = "workflow.evaluation_failed";
    /// A text, or all texts of a task together, are too long.
    TEXT_TOO_LONG = "workflow.text_too_long";
}
