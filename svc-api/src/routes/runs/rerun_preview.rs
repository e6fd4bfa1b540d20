//! `POST …/runs/{run}/retry/preview`: what a new run would repeat of this one. Nothing changes.

use std::collections::BTreeMap;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::{Run, rerun, run, workflow};
use emboflow_protocol::http::RetryBody;
use emboflow_protocol::http::rerun::{RerunPreview, SpecPreview, refusal};
use emboflow_protocol::{ErrorCode, FieldError};

use crate::app::App;
use crate::extract::{OptionalBody, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfRun;

/// Plans as the scheduler would, from the records as they are now.
pub(crate) async fn preview(
    State(app): State<App>,
    Params(OfRun { project, run: id }): Params<OfRun>,
    OptionalBody(body): OptionalBody<RetryBody>,
) -> Outcome<Json<RerunPreview>> {
    app.run(&project, id).await?;
    let history = app.records.histories(vec![id]).await?.pop().unwrap_or_default();
    let folded = Run::fold(&history).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
    let (Some(old), Some(first)) = (folded, history.first().and_then(run::accepted)) else {
        // It has been removed meanwhile.
        return Err(Failure::new(ErrorCode::RunNotFound, format!("project {project} has no run {id}")));
    };
    let invalid = |problems: Vec<workflow::Problem>| {
        Failure::rejected(problems.into_iter().map(FieldError::from).collect())
    };
    let workflow = workflow::parse(&first.source).map_err(invalid)?;
    let inputs = rerun::check(&old, &workflow, &body.tasks, &body.inputs)
        .map_err(|refused| Failure::rejected(refusal(id, refused)))?;
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for task in workflow.expand(&inputs).map_err(invalid)? {
        *counts.entry(task.spec_name).or_default() += 1;
    }
    let plan = rerun::plan(&old, &workflow, &body.tasks, &inputs);
    let specs = plan.iter().map(|spec| SpecPreview::of(spec, &counts)).collect();
    let changed = rerun::changed_inputs(&old, &inputs).into_iter().collect();
    Ok(Json(RerunPreview { inputs, changed, specs }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "previewRetry",
        tag: "runs",
        summary: "Say what a retry with this body would repeat and what it would take over",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::RunStateConflict,
            ErrorCode::RunNothingToRetry,
            ErrorCode::TaskNotFound,
            ErrorCode::WorkflowInvalid,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT, WITH_BODY, WRITES])
}
