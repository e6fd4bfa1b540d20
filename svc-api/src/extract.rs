//! Reading requests: path, query and body into types, every refusal as a problem.

use std::collections::BTreeMap;
use std::time::Duration;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use emboflow_protocol::{ErrorCode, FieldError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Failure, Outcome};

/// How long a body may take to come: whoever sends slower holds room that others need.
const BODY_WAIT: Duration = Duration::from_secs(30);

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
                "secret" => ErrorCode::SecretNotFound,
                "workflow" => ErrorCode::WorkflowNotFound,
                "executor" => ErrorCode::ExecutorNotFound,
                "trigger" => ErrorCode::TriggerNotFound,
                "upload" | "version" => ErrorCode::UploadNotFound,
                "user" => ErrorCode::UserNotFound,
                "service" => ErrorCode::ServiceNotFound,
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

/// A body of any type, as it came.
pub(crate) struct AnyBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for AnyBody {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Outcome<Self> {
        bytes(request, state).await.map(Self)
    }
}

impl OperationInput for AnyBody {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<Value>::operation_input(ctx, operation);
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Outcome<Bytes> {
    check_media_type(request.headers())?;
    bytes(request, state).await
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Outcome<Bytes> {
    let body = tokio::time::timeout(BODY_WAIT, Bytes::from_request(request, state)).await.map_err(|_| {
        let detail = format!("the body did not come within {} s", BODY_WAIT.as_secs());
        Failure::new(ErrorCode::RequestTimeout, detail)
    })?;
    body.map_err(|rejection| {
        let text = rejection.body_text();
        if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("the body has more than {MAX_REQUEST_BYTES} bytes");
            return Failure::new(ErrorCode::RequestTooLarge, detail)
                .with_hint("put large data into an object or the image, and pass its name as an input");
        }
        Failure::new(ErrorCode::RequestMalformed, text)
    })
}

/// A body that is announced as something else than JSON is not guessed at. A form is what the simplest clients announce
/// whatever they send, so that it says nothing.
fn check_media_type(headers: &HeaderMap) -> Outcome<()> {
    let Some(media) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let media = media.to_str().unwrap_or_default();
    let plain = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(plain.as_str(), "application/json" | "application/x-www-form-urlencoded")
        || plain.ends_with("+json")
    {
        return Ok(());
    }
    let shown: String = media.chars().take(80).collect();
    Err(Failure::new(ErrorCode::RequestMediaType, format!("the body is announced as '{shown}', not as JSON"))
        .with_hint("send JSON with `Content-Type: application/json`; a workflow file goes into its `source`"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Outcome<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let refuse = |message: String, pointer: Option<String>, error: &serde_json::Error| {
        let field = FieldError {
            line: u32::try_from(error.line()).ok().filter(|line| *line > 0),
            column: u32::try_from(error.column()).ok().filter(|column| *column > 0),
            pointer,
            hint: nearest_field(&message),
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

/// The field that was probably meant, from words such as "unknown field `a`, expected one of `b`, `c`".
fn nearest_field(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let given = quoted.next()?;
    emboflow_model::workflow::nearest(given, quoted).map(|nearest| format!("did you mean `{nearest}`?"))
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
        assert_eq!(problem.errors[0].hint.as_deref(), Some("did you mean `inputs`?"));
        assert_eq!(refusal("{\"labels\": {\"a\": 1}}").errors[0].pointer.as_deref(), Some("/labels/a"));
        for bad in ["", "{", "[]", "null", "{} x", "\u{0}"] {
            assert_eq!(refusal(bad).status, 400, "{bad:?}");
        }
    }

    #[test]
    fn a_body_is_taken_as_json_unless_it_is_announced_as_something_else() {
        let check = |media: &str| {
            let headers = [(header::CONTENT_TYPE, media.parse().unwrap())].into_iter().collect();
            check_media_type(&headers).map_err(|failure| failure.problem().status)
        };
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check("application/x-www-form-urlencoded"), Ok(()), "what curl says without being told");
        assert!(check_media_type(&HeaderMap::new()).is_ok());
        for bad in ["text/yaml", "application/xml", "", "multipart/form-data; boundary=x", "json"] {
            assert_eq!(check(bad), Err(415), "{bad}");
        }
    }
}
