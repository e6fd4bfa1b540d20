//! Lists: one page and where the next one is, in the body and as a `Link`.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as Documented, StatusCode};
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::http::Page;
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi;

/// One page of a list.
pub(crate) struct Paged<T>(pub(crate) Page<T>);

/// Cursor of the page after an answer.
#[derive(Clone)]
struct NextPage(String);

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let next = self.0.next.clone().map(NextPage);
        let mut response = Json(self.0).into_response();
        if let Some(next) = next {
            response.extensions_mut().insert(next);
        }
        response
    }
}

impl<T: JsonSchema> OperationOutput for Paged<T> {
    type Inner = Page<T>;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<Documented> {
        let mut response = Json::<Page<T>>::operation_response(ctx, operation)?;
        let link = "Where the next page is, when there is one: `<?…>; rel=\"next\"`.";
        response.headers.insert("Link".to_owned(), openapi::answer_header(link));
        Some(response)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<StatusCode>, Documented)> {
        let response = Self::operation_response(ctx, operation);
        response.into_iter().map(|response| (Some(StatusCode::Code(200)), response)).collect()
    }
}

/// The layer that links a page to the next one.
pub(crate) async fn link(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let mut response = next.run(request).await;
    if let Some(NextPage(cursor)) = response.extensions_mut().remove()
        && let Ok(link) = HeaderValue::from_str(&format!("<?{}>; rel=\"next\"", with_cursor(&query, &cursor)))
    {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// The query of the next page. Only a query: the address stays right behind a proxy that puts it into a folder.
fn with_cursor(query: &str, cursor: &str) -> String {
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor");
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("cursor", cursor)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_every_other_parameter() {
        assert_eq!(with_cursor("", "a b"), "cursor=a+b");
        assert_eq!(with_cursor("label=a%3Db&cursor=old&limit=3", "x"), "label=a%3Db&limit=3&cursor=x");
    }
}
