//! `POST …/what-if`: what would start at once, and when everything would be over, with other executors. Nothing changes.

mod plan;

use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::ExecutorId;
use emboflow_model::executor::Heartbeat;
use emboflow_protocol::forecast::{AskWhatIf, WhatIf};
use emboflow_protocol::http::what_if::WhatIfBody;
use emboflow_protocol::{ErrorCode, FieldError};

use crate::app::App;
use crate::extract::{Body, Params};
use crate::foresight;
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::InProject;

/// The scheduler looks ahead twice, one question after the other.
const WAIT: Duration = Duration::from_secs(20);

/// The route.
pub(crate) fn routes() -> ApiRouter<App> {
    ApiRouter::new().api_route("/api/v1/projects/{project}/what-if", post_with(what_if, document))
}

async fn what_if(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Body { value, .. }: Body<WhatIfBody>,
) -> Outcome<Json<WhatIf>> {
    let beats: Vec<Heartbeat> = app.executors.all().into_iter().map(|view| view.heartbeat).collect();
    known(&value.remove, &beats)?;
    let add = value.add.iter().enumerate().map(|(place, added)| {
        plan::executors(added, &beats).map_err(|(field, why)| invalid(&format!("/add/{place}/{field}"), why))
    });
    let question = AskWhatIf { project, add: add.collect::<Outcome<_>>()?, remove: value.remove };
    question.check().map_err(|why| invalid("", why))?;
    foresight::ask(&app, question, WAIT).await.map(Json)
}

/// Errors: nobody has heard of one of them.
fn known(executors: &[ExecutorId], beats: &[Heartbeat]) -> Outcome<()> {
    match executors.iter().find(|executor| beats.iter().all(|beat| beat.executor != **executor)) {
        None => Ok(()),
        Some(unknown) => {
            let detail = format!("no executor '{unknown}' has been heard of");
            Err(Failure::new(ErrorCode::ExecutorNotFound, detail))
        }
    }
}

fn invalid(pointer: &str, why: String) -> Failure {
    let error = FieldError {
        pointer: Some(pointer.to_owned()),
        ..FieldError::new(ErrorCode::WhatIfInvalid, why.clone())
    };
    Failure::new(ErrorCode::WhatIfInvalid, why).with_errors(vec![error])
}

fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "askWhatIf",
        tag: "executors",
        summary: "Say what would start at once, and when runs would start and end, with more or fewer executors",
        errors: &[
            ErrorCode::WhatIfInvalid,
            ErrorCode::ExecutorNotFound,
            ErrorCode::SchedulerUnavailable,
            ErrorCode::BusUnavailable,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT, WITH_BODY, WRITES])
}
