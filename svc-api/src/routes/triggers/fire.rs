//! `POST …/triggers/{trigger}/fire`: tries a trigger out.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_bus::BusError;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::{FireBody, FiredView};
use emboflow_protocol::trigger::{Fire, FireAnswer, FireCause};

use crate::app::App;
use crate::extract::{OptionalBody, Params};
use crate::idempotency::IdempotencyKey;
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfTrigger;
use crate::routes::runs::request_address;
use crate::triggers;

/// How long the trigger service may take.
const ANSWER_WAIT: std::time::Duration = std::time::Duration::from_secs(30);
/// How a call to the trigger service may fail.
pub(super) const AT_SERVICE: &[ErrorCode] =
    &[ErrorCode::TriggerMapping, ErrorCode::TriggerKind, ErrorCode::TriggerUnavailable];

/// Starts a run now, also of one that is paused.
pub(crate) async fn fire(
    State(app): State<App>,
    Params(OfTrigger { project, trigger }): Params<OfTrigger>,
    key: IdempotencyKey,
    OptionalBody(FireBody { data }): OptionalBody<FireBody>,
) -> Outcome<(StatusCode, Json<FiredView>)> {
    triggers::get(&app, &project, &trigger).await?;
    let cause = FireCause::Test { token: key.or_made_up(), data };
    ask(&app, Fire { project, trigger, cause }).await
}

/// Asks the trigger service, and answers with the addresses of the requests.
pub(crate) async fn ask(app: &App, fire: Fire) -> Outcome<(StatusCode, Json<FiredView>)> {
    let project = fire.project.clone();
    match app.bus.call::<_, FireAnswer>(&fire, ANSWER_WAIT).await {
        Ok(FireAnswer::Taken { keys, more_after }) => {
            let requests = keys.iter().map(|key| request_address(&project, key)).collect();
            Ok((StatusCode::ACCEPTED, Json(FiredView { keys, requests, more_after })))
        }
        Ok(FireAnswer::Replayed { key }) => {
            let detail = format!("it was taken as {}", request_address(&project, &key));
            Err(Failure::new(ErrorCode::HookReplayed, detail))
        }
        Ok(FireAnswer::Refused { errors }) => Err(Failure::rejected(errors)),
        // As JSON it may be several times as long as what came: sent again it is no shorter.
        Err(BusError::TooLarge { bytes, .. }) => {
            let detail = format!(
                "with what came the question to the trigger service has {bytes} bytes, which is too much"
            );
            Err(Failure::new(ErrorCode::RequestTooLarge, detail))
        }
        Err(error) => Err(Failure::behind(ErrorCode::TriggerUnavailable, error)),
    }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "fireTrigger",
        tag: "triggers",
        summary: "Try a trigger out: start a run now",
        errors: &[ErrorCode::TriggerNotFound],
    };
    let operation = operation.response_with::<202, Json<FiredView>, _>(|answer| {
        answer.description("Safely taken; each address tells what became of the request.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY, AT_SERVICE])
}
