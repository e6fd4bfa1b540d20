//! `PUT …/triggers/{trigger}`: makes or changes a trigger by its file.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use emboflow_model::workflow::parse_trigger;
use emboflow_protocol::http::trigger::{TriggerBody, TriggerView};
use emboflow_protocol::{ErrorCode, FieldError};

use crate::app::App;
use crate::conditional::Precondition;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfTrigger;
use crate::triggers;

/// Keeps the trigger; a pause goes on.
pub(crate) async fn apply(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
    wanted: Precondition,
    Body { value, .. }: Body<TriggerBody>,
) -> Outcome<Response> {
    let spec = parse_trigger(&value.source)
        .map_err(|problems| Failure::rejected(problems.into_iter().map(FieldError::from).collect()))?;
    if spec.name != trigger {
        let message = format!("the file says that its name is '{}', the address says '{trigger}'", spec.name);
        let pointer = Some("/name".to_owned());
        let error = FieldError { pointer, ..FieldError::new(ErrorCode::WorkflowInvalid, message) };
        return Err(Failure::rejected(vec![error]));
    }
    let before = triggers::find(&app, &project, &trigger).await?;
    let tag = before.as_ref().map(|before| triggers::tag(before.version));
    wanted.check(&format!("trigger '{trigger}'"), tag.as_ref())?;
    if let Some(before) = &before {
        triggers::check_own(before)?;
    }
    triggers::check_room(&app, &project, usize::from(before.is_none())).await?;
    triggers::check_declared(&app, &project, &spec).await?;
    let expected = before.as_ref().map(|before| before.version);
    let document = triggers::changed(spec, before.map(|before| before.document), Some(value.source), None);
    let version = triggers::keep(&app, &project, expected, &document).await?;
    let kept = triggers::KeptTrigger { name: trigger, version, document };
    Ok(triggers::answer(&project, &kept))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "applyTrigger",
        tag: "triggers",
        summary: "Make or change a trigger by its file",
        errors: &[
            ErrorCode::WorkflowInvalid,
            ErrorCode::WorkflowNotFound,
            ErrorCode::TriggerNotFound,
            ErrorCode::TriggerConflict,
            ErrorCode::RequestPrecondition,
        ],
    };
    let operation = operation.response_with::<200, Json<TriggerView>, _>(|answer| {
        answer.description("The trigger as it is kept.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
