//! Reading requests: path, query and body into types, every refusal as a problem.

use std::collections::BTreeMap;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use emboflow_protocol::{ErrorCode, FieldError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Failure, Outcome};

/// The parameters in the path. A value that cannot be the name of such a thing is answered like one that is none.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Outcome<Self> {
        let Path(values) = Path::<BTreeMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Failure::new(ErrorCode::RequestInvalid, rejection.body_text()))?;
        let values = Value::Object(values.into_iter().map(|(name, value)| (name, value.into())).collect());
        serde_path_to_error::deserialize(values).map(Self).map_err(|error| {
            let code = match error.path().to_string().as_str() {
                "project" => ErrorCode::ProjectNotFound,
                "run" => ErrorCode::RunNotFound,
                "task" => ErrorCode::TaskNotFound,
                "workflow" => ErrorCode::WorkflowNotFound,
                _ => ErrorCode::RequestInvalid,
            };
            Failure::new(code, error.inner().to_string())
        })
    }
}

impl<T: JsonSchema> OperationInput for Params<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<T>::operation_input(ctx, operation);
    }
}

/// The parameters in the query.
pub(crate) struct Search<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Search<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Outcome<Self> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Failure::new(ErrorCode::RequestInvalid, rejection.body_text())),
        }
    }
}

impl<T: JsonSchema> OperationInput for Search<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Query::<T>::operation_input(ctx, operation);
    }
}

/// A JSON body, as it came and as it was read.
pub(crate) struct Body<T> {
    /// What it says.
    pub(crate) value: T,
    /// The bytes.
    pub(crate) bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Outcome<Self> {
        let bytes = read(request, state).await?;
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

impl<T: JsonSchema> OperationInput for Body<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
    }
}

/// A JSON body that may be left out.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Outcome<Self> {
        let bytes = read(request, state).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { parse(&bytes).map(Self) }
    }
}

impl<T: JsonSchema> OperationInput for OptionalBody<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
        if let Some(body) = operation.request_body.as_mut().and_then(|body| body.as_item_mut()) {
            body.required = false;
        }
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Outcome<Bytes> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let text = rejection.body_text();
        if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("the body has more than {MAX_REQUEST_BYTES} bytes");
            return Failure::new(ErrorCode::RequestTooLarge, detail)
                .with_hint("put large data into an object or the image, and pass its name as an input");
        }
        Failure::new(ErrorCode::RequestMalformed, text)
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Outcome<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let refuse = |message: String, pointer: Option<String>, error: &serde_json::Error| {
        let field = FieldError {
            line: u32::try_from(error.line()).ok().filter(|line| *line > 0),
            column: u32::try_from(error.column()).ok().filter(|column| *column > 0),
            pointer,
            ..FieldError::new(ErrorCode::RequestMalformed, message.clone())
        };
        Failure::new(ErrorCode::RequestMalformed, message).with_errors(vec![field])
    };
    // Types would also be read from a list of their fields' values.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Failure::new(ErrorCode::RequestMalformed, "the body is a list, not an object"));
    }
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        refuse(error.inner().to_string(), Some(pointer), error.inner())
    })?;
    reader.end().map_err(|error| refuse(error.to_string(), None, &error))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut pointer, segment| {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
            Segment::Unknown => {}
        }
        pointer
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_protocol::request::SubmitBody;

    fn refusal(body: &str) -> emboflow_protocol::Problem {
        parse::<SubmitBody>(body.as_bytes()).unwrap_err().problem().clone()
    }

    #[test]
    fn a_body_that_cannot_be_read_is_refused_with_its_place() {
        let problem = refusal("{\"source\": \"x\",\n \"inptus\": {}}");
        assert_eq!((problem.status, problem.code.as_str()), (400, "request.malformed"));
        assert!(problem.errors[0].message.contains("unknown field `inptus`"), "{problem:?}");
        assert_eq!(problem.errors[0].line, Some(2));
        assert_eq!(refusal("{\"labels\": {\"a\": 1}}").errors[0].pointer.as_deref(), Some("/labels/a"));
        for bad in ["", "{", "[]", "null", "{} x", "\u{0}"] {
            assert_eq!(refusal(bad).status, 400, "{bad:?}");
        }
    }
}
