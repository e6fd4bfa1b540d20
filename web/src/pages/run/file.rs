//! The run's workflow file, read once, and what it says of each task of a fan-out.

use std::collections::HashMap;

use dioxus::prelude::*;
use emboflow_model::Task;
use serde_json::Value;

use super::RunView;
use crate::api::{self, ApiError};
use crate::parts::definition::Values;
use crate::reader;

/// What has been read; every part of the page shares it.
#[derive(Clone, Copy)]
pub(super) struct RunFile {
    source: Resource<Result<String, ApiError>>,
    values: Resource<HashMap<String, Values>>,
}

/// Reads the file of the run as soon as somebody wants it; called once, by the page of the run.
pub(super) fn use_run_file(view: RunView, run: &str) -> RunFile {
    let run = run.to_owned();
    let source = use_resource(move || {
        let address = api::of_run(&run, "source");
        async move { api::get_text(&address).await }
    });
    // Only a fan-out has values, and only they need the reader.
    let inputs = use_memo(move || {
        let summary = view.summary.read();
        let run = summary.as_ref().filter(|run| run.graph.iter().any(|spec| spec.fan_out.is_some()));
        run.map(|run| run.inputs.clone())
    });
    let values = use_resource(move || async move {
        let (Some(Ok(source)), Some(inputs)) = (source.read().clone(), inputs()) else {
            return HashMap::new();
        };
        // Without them a task is told by its number alone.
        let matrices = reader::matrices(&source, &inputs).await.unwrap_or_default();
        matrices.into_iter().map(|(task, values)| (task, values.into())).collect()
    });
    use_context_provider(|| RunFile { source, values })
}

impl RunFile {
    /// The file, once the answer is there.
    pub(super) fn source(&self) -> Option<Result<String, ApiError>> {
        self.source.read().clone()
    }

    /// The values of a task of a fan-out, axis by axis; none for another task, and before the file is there.
    pub(super) fn values(&self, task: &Task) -> Values {
        if !task.matrix.is_empty() {
            // What other tasks gave is not in the file.
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return task.matrix.iter().map(|(axis, value)| (axis.clone(), text(value))).collect();
        }
        let key = task.key.to_string();
        self.values.read().as_ref().and_then(|values| values.get(&key).cloned()).unwrap_or_default()
    }

    /// Asks for the file again.
    pub(super) fn read_again(&mut self) {
        self.source.restart();
    }
}
