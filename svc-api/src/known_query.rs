//! Query parameters: one that an operation does not know is refused, not passed over.

use std::collections::HashMap;
use std::sync::Arc;

use aide::openapi::{OpenApi, Parameter, ReferenceOr};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;

use crate::problem::{Failure, Outcome};

/// Addresses whose query others write, with words of their own.
const OF_OTHERS: &[&str] = &["/oidc"];

/// The query parameters of every documented operation, by method and path. Clones share it.
#[derive(Clone)]
pub(crate) struct KnownQueries(Arc<HashMap<(Method, String), Vec<String>>>);

impl KnownQueries {
    /// As the document says.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut known = HashMap::new();
        let paths = document.paths.iter().flat_map(|paths| paths.iter());
        for (path, item) in paths.filter(|(path, _)| !OF_OTHERS.contains(&path.as_str())) {
            let ReferenceOr::Item(item) = item else { continue };
            for (method, operation) in item.iter() {
                let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
                let names = operation.parameters.iter().filter_map(|parameter| match parameter {
                    ReferenceOr::Item(Parameter::Query { parameter_data, .. }) => {
                        Some(parameter_data.name.clone())
                    }
                    _ => None,
                });
                known.insert((method, path.clone()), names.collect());
            }
        }
        Self(Arc::new(known))
    }

    fn check(&self, method: &Method, path: &str, query: &str) -> Outcome<()> {
        let method = if method == Method::HEAD { Method::GET } else { method.clone() };
        let Some(known) = self.0.get(&(method, path.replace("{*", "{"))) else { return Ok(()) };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !known.iter().any(|known| *known == name) {
                let known: Vec<_> = known.iter().map(String::as_str).collect();
                return Err(Failure::unknown("query parameter of this address", &name, &known));
            }
            if value.contains(char::REPLACEMENT_CHARACTER) && !query.to_uppercase().contains("%EF%BF%BD") {
                let detail = format!("the query parameter '{name}' is not UTF-8");
                return Err(Failure::new(ErrorCode::RequestInvalid, detail));
            }
        }
        Ok(())
    }
}

/// The layer that refuses them.
pub(crate) async fn check(
    State(known): State<KnownQueries>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    match known.check(request.method(), path.as_str(), query) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}
