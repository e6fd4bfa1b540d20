//! Validators: every answer that is read has an `ETag`; what the caller has already is not sent again, and a change
//! may be bound to the version that the caller has seen.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use aide::operation::add_parameters;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use sha2::{Digest, Sha256};

use crate::openapi;
use crate::problem::{Failure, Outcome};

/// Larger answers get no tag, unless their handler knows one.
const TAGGED_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The tag of a content.
pub(crate) fn tag_of(content: &[u8]) -> HeaderValue {
    tag_of_digest(&Sha256::digest(content))
}

/// The tag of a content with this digest.
pub(crate) fn tag_of_digest(digest: &[u8]) -> HeaderValue {
    let tag = hex::encode(&digest[..16]);
    HeaderValue::from_str(&format!("\"{tag}\"")).expect("hex digits in quotes are a valid header")
}

/// The tags in a header.
enum Tags {
    /// `*`: any.
    Any,
    /// These, as they are written.
    These(Vec<String>),
}

impl Tags {
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        let tags: Vec<_> =
            values.iter().flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned()).collect();
        match tags.as_slice() {
            [] => None,
            [only] if only == "*" => Some(Self::Any),
            _ => Some(Self::These(tags)),
        }
    }

    /// Whether this tag is among them; `weak`: a weak tag is as good as a strong one.
    fn have(&self, tag: &HeaderValue, weak: bool) -> bool {
        let plain = |tag: &str| if weak { tag.trim_start_matches("W/").to_owned() } else { tag.to_owned() };
        match (self, tag.to_str()) {
            (Self::Any, _) => true,
            (Self::These(tags), Ok(tag)) => tags.iter().any(|known| plain(known) == plain(tag)),
            (Self::These(_), Err(_)) => false,
        }
    }
}

/// The layer that tags answers and leaves out what the caller has.
pub(crate) async fn answer(mut request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let known = Tags::of(request.headers(), header::IF_NONE_MATCH);
    let is_api = request.uri().path().starts_with("/api/");
    if is_api {
        // The headers of a HEAD are those of the whole answer; its body is left out further outside.
        *request.method_mut() = Method::GET;
    }
    let mut response = next.run(request).await;
    if is_api {
        response = tagged(response).await;
    }
    match (known, response.headers().get(header::ETAG)) {
        (Some(known), Some(tag)) if is_content(&response) && known.have(tag, true) => not_modified(response),
        _ => response,
    }
}

fn is_content(response: &Response) -> bool {
    matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT)
}

/// Tags a content that is at hand as a whole.
async fn tagged(response: Response) -> Response {
    let size = response.body().size_hint().exact();
    let is_whole = size.is_some_and(|size| size <= TAGGED_MAX_BYTES as u64);
    if response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) || !is_whole {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    match to_bytes(body, TAGGED_MAX_BYTES).await {
        Ok(content) => {
            parts.headers.insert(header::ETAG, tag_of(&content));
            // To be kept, and to be asked for every time.
            parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
            Response::from_parts(parts, Body::from(content))
        }
        Err(error) => Failure::behind(ErrorCode::Internal, error).into_response(),
    }
}

fn not_modified(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_RANGE);
    parts.headers.remove(header::CONTENT_TYPE);
    if let Some(size) = body.size_hint().exact() {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(size));
    }
    Response::from_parts(parts, Body::empty())
}

/// What the caller wants to be true before something is changed.
pub(crate) struct Precondition {
    matches: Option<Tags>,
    matches_none: Option<Tags>,
}

impl Precondition {
    /// Holds what is there now, if anything, against it.
    ///
    /// # Errors
    /// It does not hold.
    pub(crate) fn check(&self, what: &str, now: Option<&HeaderValue>) -> Outcome<()> {
        let has = |tags: &Tags, weak| now.is_some_and(|tag| tags.have(tag, weak));
        if self.matches.as_ref().is_some_and(|tags| !has(tags, false)) {
            let (detail, hint) = match now.and_then(|tag| tag.to_str().ok()) {
                Some(tag) => (
                    format!("{what} has changed: its ETag is {tag} now"),
                    "read it again, and send the change with the new ETag",
                ),
                None => (format!("there is no {what}"), "send it without If-Match to make it"),
            };
            return Err(Failure::new(ErrorCode::RequestPrecondition, detail).with_hint(hint));
        }
        if self.matches_none.as_ref().is_some_and(|tags| has(tags, true)) {
            let detail = format!("{what} is there already");
            return Err(Failure::new(ErrorCode::RequestPrecondition, detail));
        }
        Ok(())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Precondition {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        let matches = Tags::of(&parts.headers, header::IF_MATCH);
        Ok(Self { matches, matches_none: Tags::of(&parts.headers, header::IF_NONE_MATCH) })
    }
}

impl OperationInput for Precondition {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let matches = "Only when it still has one of these ETags; `*`: only when it is there.";
        let matches_none = "`*`: only when it is not there yet.";
        let parameters = [("If-Match", matches), ("If-None-Match", matches_none)];
        add_parameters(ctx, operation, parameters.map(|(name, text)| openapi::text_header(name, text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(value: &str) -> Tags {
        let headers = [(header::IF_MATCH, HeaderValue::from_str(value).unwrap())].into_iter().collect();
        Tags::of(&headers, header::IF_MATCH).unwrap()
    }

    #[test]
    fn a_weak_tag_is_good_for_reading_and_not_for_changing() {
        let tag = tag_of(b"content");
        let text = tag.to_str().unwrap();
        assert!(tags(text).have(&tag, false));
        assert!(tags(&format!("\"x\", W/{text}")).have(&tag, true));
        assert!(!tags(&format!("W/{text}")).have(&tag, false));
        assert!(tags("*").have(&tag, false) && !tags("\"*\"").have(&tag, false));
        assert_ne!(tag, tag_of(b"other"));
    }

    #[test]
    fn a_change_is_bound_to_the_version_that_was_seen_or_to_there_being_none() {
        let (tag, other) = (tag_of(b"now"), tag_of(b"before"));
        let seen = |tag: &HeaderValue| Precondition {
            matches: Some(tags(tag.to_str().unwrap())),
            matches_none: None,
        };
        let new = Precondition { matches: None, matches_none: Some(Tags::Any) };
        assert!(seen(&tag).check("it", Some(&tag)).is_ok());
        assert!(new.check("it", None).is_ok());
        for refused in
            [seen(&other).check("it", Some(&tag)), seen(&tag).check("it", None), new.check("it", Some(&tag))]
        {
            assert_eq!(refused.unwrap_err().problem().status, 412);
        }
    }
}
