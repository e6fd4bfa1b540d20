//! The caller's idempotency key: what makes it safe to send a request again.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{
    HeaderStyle, Operation, Parameter, ParameterData, ParameterSchemaOrContent, SchemaObject,
};
use aide::operation::add_parameters;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use emboflow_protocol::request::{MAX_KEY_CHARACTERS, bad_idempotency_key, is_idempotency_key};
use emboflow_protocol::{ErrorCode, header};

use crate::problem::{Failure, Outcome};

/// The key, if the caller gave one.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl IdempotencyKey {
    fn read(headers: &HeaderMap) -> Outcome<Self> {
        let Some(value) = headers.get(header::HTTP_IDEMPOTENCY_KEY) else { return Ok(Self(None)) };
        let key = value.to_str().unwrap_or_default();
        check(key)?;
        Ok(Self(Some(key.to_owned())))
    }

    /// The key, or one made up.
    pub(crate) fn or_made_up(self) -> String {
        self.0.unwrap_or_else(|| format!("api-{}", uuid::Uuid::now_v7().simple()))
    }
}

/// Refuses what is no key.
pub(crate) fn check(key: &str) -> Outcome<()> {
    if is_idempotency_key(key) {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::RequestKeyInvalid, bad_idempotency_key()))
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        Self::read(&parts.headers)
    }
}

impl OperationInput for IdempotencyKey {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let json_schema = schemars::json_schema!({
            "type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]+$",
        });
        let schema = SchemaObject { json_schema, example: None, external_docs: None };
        let parameter_data = ParameterData {
            name: header::HTTP_IDEMPOTENCY_KEY.to_owned(),
            description: Some("The same key and body do a thing once, however often they come.".to_owned()),
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(schema),
            example: None,
            examples: Default::default(),
            explode: None,
            extensions: Default::default(),
        };
        add_parameters(ctx, operation, [Parameter::Header { parameter_data, style: HeaderStyle::Simple }]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn key(value: &str) -> Result<Option<String>, u16> {
        let header = (HeaderName::from_static("idempotency-key"), HeaderValue::from_str(value).unwrap());
        let key = IdempotencyKey::read(&[header].into_iter().collect());
        key.map(|key| key.0).map_err(|failure| failure.problem().status)
    }

    #[test]
    fn a_key_is_visible_and_short() {
        assert_eq!(key("a/b:1").unwrap().as_deref(), Some("a/b:1"));
        assert_eq!(IdempotencyKey::read(&HeaderMap::new()).unwrap().0, None);
        for bad in ["", "a b", "a\tb", &"x".repeat(201)] {
            assert_eq!(key(bad), Err(400), "{bad}");
        }
    }
}
