//! The workflow file: types, reading with positions, expressions, the one validator, and its JSON Schema.
//!
//! [`parse`] takes the text of a file and gives a [`Workflow`] that passed every check, or all that is wrong with it.

mod approval;
mod cache;
mod check;
pub mod code;
mod condition;
mod context;
mod deserialize;
mod document;
pub mod exit_codes;
mod expand;
mod expression;
mod fan_out;
pub mod field;
pub mod file;
mod finally;
mod input;
mod layout;
pub mod limits;
mod mapping;
mod not_yet;
mod outputs;
mod problem;
pub mod quantity;
mod reads;
mod render;
mod scalar;
mod schema;
mod source;
mod structure;
mod sub_workflow;
mod suggest;
pub mod task_spec;
mod trigger_file;
pub mod triggers;
pub mod turn;
pub mod turn_spec;
mod uploads;
mod yaml;

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

pub use approval::{ApprovalSpec, OnTimeout};
pub use cache::{CacheSpec, CacheTerms, RenderedCache};
pub use check::check_output_path;
pub use check::triggers::{InputProblem, input_problems};
pub use context::Context;
use document::{Document, Problems};
pub use exit_codes::{ExitAction, ExitCodes};
pub use expand::PlannedTask;
pub use fan_out::Others;
pub use file::{InputSpec, InputType, WorkflowFile};
pub use finally::Finally;
pub use layout::Layout;
pub use mapping::{MappingError, map_inputs};
pub use not_yet::{NOT_YET, NotYet};
pub use outputs::{GivenArtifact, OutputKind};
pub use problem::Problem;
pub use render::{
    DEFAULT_CPU_MILLIS, DEFAULT_MAX_RETRY_DELAY_MS, DEFAULT_MEMORY_BYTES, DEFAULT_RETRY_DELAY_MS,
    InputReference, RenderedPlacement, RenderedRetry, RenderedTask, TaskLimits,
};
pub use schema::json_schema;
pub use sub_workflow::UsesSpec;
pub use suggest::nearest;
pub use task_spec::{Backoff, GpuChoice, GpuSpec, PlacementSpec, TaskSpec};
pub use trigger_file::{TriggerFile, parse_trigger, trigger_json_schema};
pub use uploads::UploadReference;

/// A workflow file that passed every check. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Name of the workflow in its project.
    pub name: String,
    /// `sha256:` and the hex digest of the source text.
    pub digest: String,
    /// The source text, byte for byte.
    pub source: Arc<str>,
    /// The file as types.
    pub file: Arc<WorkflowFile>,
    document: Arc<Document>,
    needs: Arc<IndexMap<String, Vec<String>>>,
    dependents: Arc<IndexMap<String, Vec<String>>>,
    order: Arc<[String]>,
    /// What it takes of the tasks that runs of other workflows carry out.
    taken: Arc<outputs::TakenOf>,
    /// What `workflow` is in an expression.
    facts: Arc<Value>,
    /// What every run is made of, where the inputs do not decide it; once it was asked for.
    only_layout: Arc<OnceLock<Layout>>,
}

/// Reads and checks a workflow file, YAML or JSON. Errors: everything that is wrong, in the order of the file, at most
/// [`limits::MAX_PROBLEMS`].
pub fn parse(source: &str) -> Result<Workflow, Vec<Problem>> {
    let document = yaml::read(source)?;
    let mut problems = Problems::default();
    structure::check(&document, schema::schema(), &mut problems);
    problems.into_result()?;
    let file: WorkflowFile = typed(&document).map_err(|problem| vec![problem])?;
    let graph = check::check(&document, &file)?;
    let workflow = Workflow {
        name: file.name.clone(),
        digest: digest(source),
        source: document.source.text.clone(),
        facts: Arc::new(serde_json::json!({ "name": file.name })),
        file: Arc::new(file),
        document: Arc::new(document),
        needs: Arc::new(graph.needs),
        dependents: Arc::new(graph.dependents),
        order: graph.order.into(),
        taken: Arc::new(graph.taken),
        only_layout: Arc::default(),
    };
    // With the defaults alone the size of the run is known already, and so is what is wrong with it.
    if let Ok(inputs) = workflow.resolve_inputs(&Map::new()) {
        workflow.count_tasks(&inputs)?;
    }
    Ok(workflow)
}

/// `sha256:` and the hex digest of a source text: what names a version of a workflow.
pub fn digest(source: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(source.as_bytes())))
}

fn typed<T: serde::de::DeserializeOwned>(document: &Document) -> Result<T, Problem> {
    serde_path_to_error::deserialize(&document.root).map_err(|error| {
        use serde_path_to_error::Segment;
        let pointer = error.path().iter().fold(String::new(), |pointer, segment| match segment {
            Segment::Seq { index } => document::join(&pointer, &index.to_string()),
            Segment::Map { key } => document::join(&pointer, key),
            Segment::Enum { variant } => document::join(&pointer, variant),
            Segment::Unknown => pointer,
        });
        document.at_value(code::BAD_VALUE, &pointer, error.inner().to_string())
    })
}

impl Workflow {
    /// A task of the file.
    pub fn task(&self, spec: &str) -> Option<&TaskSpec> {
        self.file.tasks.get(spec)
    }

    /// The tasks that this one needs: those it lists, and those that its expressions mention.
    pub fn needs(&self, spec: &str) -> &[String] {
        self.needs.get(spec).map_or(&[], Vec::as_slice)
    }

    /// The tasks that need this one, in the order of the file.
    pub fn dependents(&self, spec: &str) -> &[String] {
        self.dependents.get(spec).map_or(&[], Vec::as_slice)
    }

    /// All tasks of the file, each after all that it needs.
    pub fn topological_order(&self) -> &[String] {
        &self.order
    }

    /// The queue in which the runs wait, if the file names one.
    pub fn queue(&self) -> Option<&str> {
        self.file.defaults.queue.as_deref()
    }

    /// Time limit of the whole run in milliseconds.
    pub fn timeout_ms(&self) -> Option<u64> {
        self.file.timeout.as_ref().and_then(|timeout| quantity::duration_ms(timeout.value()).ok())
    }

    /// The labels that the file gives to every run.
    pub fn labels(&self) -> IndexMap<String, String> {
        self.file.labels.iter().map(|(name, value)| (name.clone(), render::text_of(value.value()))).collect()
    }

    /// The value of every declared input: given, default, or null where it is optional.
    /// Errors: every given or missing value that is wrong; `line` is 0, `pointer` is `/inputs/<name>`.
    pub fn resolve_inputs(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<Problem>> {
        input::resolve(&self.file.inputs, given, "the workflow")
    }
}
