//! `PUT …/secrets/{secret}`: gives a secret its value.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::http::secret::{SecretBody, SecretView};
use emboflow_protocol::{ErrorCode, SecretValue};

use crate::access::By;
use crate::app::{App, now};
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfSecret;

/// Seals the value and keeps it. No answer has it.
pub(crate) async fn put(
    State(app): State<App>,
    Params(OfSecret { project, secret }): Params<OfSecret>,
    By(caller): By,
    Body { value, .. }: Body<SecretBody>,
) -> Outcome<Json<SecretView>> {
    let value = SecretValue::new(value.value);
    app.secrets.put(&project, &secret, &value, caller.who.to_string(), now()).await.map(Json)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "putSecret",
        tag: "secrets",
        summary: "Give a secret its value, which no answer shows",
        errors: &[
            ErrorCode::SecretNotFound,
            ErrorCode::SecretInvalid,
            ErrorCode::SecretNoKey,
            ErrorCode::SecretTooMany,
            ErrorCode::RequestPrecondition,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
