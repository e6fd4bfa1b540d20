//! How much a workflow file may ask of the program that reads it.

/// Bytes of source at most.
pub const MAX_SOURCE_BYTES: usize = 256 * 1024;
/// Levels of lists and mappings at most.
pub const MAX_DEPTH: usize = 64;
/// Values in the file at most, with every alias unfolded.
pub const MAX_VALUES: usize = 200_000;
/// Problems reported at once.
pub const MAX_PROBLEMS: usize = 100;
/// Tasks of one run at most, with every matrix unfolded.
pub const MAX_TASKS: u64 = 100_000;
/// Members of a gang at most: all of them start in one decision.
pub const MAX_GANG: u32 = 256;
/// Graphics processors of one task at most.
pub const MAX_GPUS: u64 = 64;
/// Tolerations of a task at most.
pub const MAX_TOLERATIONS: usize = 32;
/// Bytes of matrix values in all tasks of one run at most.
pub const MAX_MATRIX_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of one expression at most.
pub const MAX_EXPRESSION_BYTES: usize = 4 * 1024;
/// Levels of one expression at most.
pub const MAX_EXPRESSION_DEPTH: u16 = 100;
/// Parentheses, brackets and calls inside of each other in one expression at most.
pub const MAX_EXPRESSION_NESTING: u16 = 32;
/// Elements that `range` makes at most.
pub const MAX_RANGE: i64 = 100_000;
/// Steps of evaluation for the matrices of a file, or for one condition, at most.
pub const MAX_STEPS: u64 = 2_000_000;
/// Steps of evaluation for the fields of one task at most: there may be many tasks.
pub const MAX_TASK_STEPS: u64 = 200_000;
/// Bytes of one argument, script or environment value at most: what Linux takes.
pub const MAX_TEXT_BYTES: usize = 128 * 1024 - 1;
/// Bytes of all texts of one task at most.
pub const MAX_TASK_BYTES: usize = 256 * 1024;
/// Secrets of one task at most: their values travel together, in one message.
pub const MAX_SECRETS: usize = 16;
/// Inputs of one approval at most.
pub const MAX_APPROVAL_INPUTS: usize = 32;
/// Tasks of a run that a person decides at most: each row of a list names those that wait.
pub const MAX_APPROVALS: u64 = 100;
/// Tasks of a run that are runs of their own at most.
pub const MAX_CHILDREN: u64 = 1_000;
/// Outputs of a workflow at most.
pub const MAX_OUTPUTS: usize = 64;
/// Entries of one list of exit codes at most.
pub const MAX_EXIT_CODES: usize = 64;
/// Labels of a run at most: those of its file and those of its request.
pub const MAX_LABELS: usize = 64;
/// Characters of a run's label at most.
pub const MAX_LABEL_CHARS: usize = 256;
/// Bytes of a path at most.
pub const MAX_PATH_BYTES: usize = 1024;
/// Bytes of all resolved inputs of a run at most.
pub const MAX_INPUT_BYTES: usize = 256 * 1024;
/// Bytes of one value that a task gives, as JSON, at most.
pub const MAX_VALUE_BYTES: usize = 16 * 1024;
/// Bytes of all values of one task, as JSON, at most: they travel with the end of an attempt.
pub const MAX_TASK_VALUE_BYTES: usize = 64 * 1024;
/// Bytes of all values of one run, as JSON, at most: they are in its history and in the scheduler's memory.
pub const MAX_RUN_VALUE_BYTES: usize = 1024 * 1024;
/// Bytes of the matrix of one fan-out over what other tasks gave, as JSON, at most: it is one entry of the history.
pub const MAX_FAN_OUT_BYTES: u64 = 1024 * 1024;
