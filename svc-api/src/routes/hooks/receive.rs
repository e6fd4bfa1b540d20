//! `POST /hooks/{project}/{trigger}`: a signed request starts a run.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use emboflow_model::trigger::cloud_event;
use emboflow_model::trigger::{Event, TriggerKind};
use emboflow_model::workflow::quantity;
use emboflow_model::workflow::triggers::WebhookSpec;
use emboflow_model::{ProjectName, SecretName, TriggerName};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::trigger::FiredView;
use emboflow_protocol::trigger::{Fire, FireCause};
use serde_json::{Map, Value};

use super::signature::Signed;
use crate::app::{App, now};
use crate::extract::{AnyBody, Params};
use crate::openapi::{self, Doc, WITH_BODY};
use crate::problem::{Failure, Outcome};
use crate::routes::place::HookAddress;
use crate::routes::triggers::ask;
use crate::triggers;

/// How far a timestamp may be off unless the trigger says otherwise: five minutes.
const TOLERANCE_MS: u64 = 5 * 60 * 1000;
/// Headers that a trigger reads: what signs, signs in or routes a request is nobody's business.
const HIDDEN: &[&str] = &["authorization", "cookie", "webhook-signature", "host", "proxy-authorization"];

/// Checks the signature and starts a run; answers once the request for it is safely taken. Whoever cannot sign learns
/// nothing, not even whether there is such a trigger.
pub(crate) async fn receive(
    State(app): State<App>,
    Params(HookAddress { project, trigger }): Params<HookAddress>,
    headers: HeaderMap,
    AnyBody(body): AnyBody,
) -> Outcome<(StatusCode, Json<FiredView>)> {
    let signed = Signed::read(&headers).map_err(|why| Failure::new(ErrorCode::HookSignature, why))?;
    let names = ProjectName::new(&project).ok().zip(TriggerName::new(&trigger).ok());
    let known = match &names {
        Some((project, trigger)) => known(&app, project, trigger).await?,
        None => None,
    };
    // Without a trigger or a secret the work is the same.
    let secret = known.as_ref().map_or("", |(_, secret)| secret.as_str());
    let is_good = signed.is_good(secret, &body) && known.is_some();
    let tolerance_ms = known.as_ref().map_or(TOLERANCE_MS, |(spec, _)| tolerance_ms(spec));
    let (Some((project, trigger)), true) = (names, is_good) else {
        let detail = "the signature is not that of the body with the secret of a webhook at this address";
        return Err(Failure::new(ErrorCode::HookSignature, detail));
    };
    if !signed.is_timely(now(), tolerance_ms) {
        let detail = format!(
            "it says that it was sent at {}; it may be {} s off",
            signed.sent_at,
            tolerance_ms / 1000
        );
        return Err(Failure::new(ErrorCode::HookSignature, detail));
    }
    let (id, event) = event(signed.id, &headers, &body)?;
    ask(&app, Fire { project, trigger, cause: FireCause::Hook { id, event } }).await
}

/// The webhook and the value of its secret.
async fn known(
    app: &App,
    project: &ProjectName,
    trigger: &TriggerName,
) -> Outcome<Option<(WebhookSpec, String)>> {
    let Some(found) = triggers::find(app, project, trigger).await? else { return Ok(None) };
    let TriggerKind::Webhook(spec) = found.document.spec.on else { return Ok(None) };
    let Ok(name) = SecretName::new(&spec.secret) else { return Ok(None) };
    let secret = match app.secrets.open(project, &name).await {
        Err(failure) if failure.code() != ErrorCode::RecordsUnavailable.code() => {
            // Whoever has not signed must not learn by this that there is such a trigger.
            tracing::error!(%project, %trigger, code = failure.code(), "the secret of a webhook cannot be opened");
            return Ok(None);
        }
        opened => opened?,
    };
    Ok(secret.map(|secret| (spec, secret.reveal().to_owned())))
}

fn tolerance_ms(spec: &WebhookSpec) -> u64 {
    let given = spec.tolerance.as_ref().and_then(|given| quantity::duration_ms(given.value()).ok());
    given.unwrap_or(TOLERANCE_MS)
}

/// What names the request, and what the expressions of the trigger read. A CloudEvent names itself.
fn event(id: &str, headers: &HeaderMap, body: &[u8]) -> Outcome<(String, Value)> {
    let plain = || headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let read = cloud_event::read(header, plain(), body)
        .map_err(|error| Failure::new(ErrorCode::RequestMalformed, error.to_string()))?;
    if let Some(event) = read {
        return Ok((id.to_owned(), event.into_event()));
    }
    let shown: Map<String, Value> = plain()
        .filter(|(name, _)| !HIDDEN.contains(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let event = Event::message("webhook", "", now(), shown, body).with("id", id);
    Ok((id.to_owned(), event.into_value()))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "receiveHook",
        tag: "triggers",
        summary: "Start a run by a signed request",
        errors: &[
            ErrorCode::HookSignature,
            ErrorCode::HookReplayed,
            ErrorCode::TriggerPaused,
            ErrorCode::TriggerMapping,
            ErrorCode::TriggerUnavailable,
            ErrorCode::SecretNoKey,
            ErrorCode::RecordsUnavailable,
            ErrorCode::Internal,
        ],
    };
    let operation = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .into_iter()
        .fold(operation, |operation, name| {
            openapi::takes_header(operation, name, "As of Standard Webhooks 1.0.")
        });
    let operation = operation
        .description(
            "The body is signed with the trigger's secret as Standard Webhooks 1.0 says: `webhook-signature` has \
             `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`. A CloudEvent is read in \
             both modes. The same `webhook-id` starts a run once.",
        )
        .response_with::<202, Json<FiredView>, _>(|answer| {
            answer.description("Safely taken; the address tells what became of the request.")
        });
    openapi::describe(openapi::open(operation), &doc, &[WITH_BODY])
}
