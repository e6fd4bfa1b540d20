//! The page: files that were built into this binary.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::conditional::tag_of_digest;
use crate::problem::Failure;

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Files;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'",
);
/// A folder named by the hash of its content: what is in it never changes.
const HASHED: &str = "assets/";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Compressed copies, the smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// Answers everything that no route answers.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let is_api = path == "api" || path.starts_with("api/");
    if is_api || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return nothing_at(&path);
    }
    match find(&path) {
        Some((name, file)) => answer(&name, file, request.headers()),
        None if Files::get("index.html").is_none() => Failure::new(
            ErrorCode::RouteNotFound,
            "the page is not part of this binary; the API is at /api/v1",
        )
        .with_hint("`make web`, then build again")
        .into_response(),
        None => nothing_at(&path),
    }
}

fn nothing_at(path: &str) -> Response {
    let path: String = path.chars().take(200).collect();
    Failure::new(ErrorCode::RouteNotFound, format!("there is no /{path}")).into_response()
}

/// The file for an address: itself, or the `index.html` for as many folders deep as the address is.
fn find(path: &str) -> Option<(String, EmbeddedFile)> {
    if path.starts_with(HASHED) || (path.contains('.') && Files::get(path).is_some()) {
        return Some((path.to_owned(), Files::get(path)?));
    }
    let index = match path.matches('/').count() {
        0 => "index.html".to_owned(),
        depth => format!("index.{depth}.html"),
    };
    let file = Files::get(&index)?;
    Some((index, file))
}

fn answer(name: &str, file: EmbeddedFile, wanted: &HeaderMap) -> Response {
    let (encoding, file) = packed(name, wanted).unwrap_or((None, file));
    let tag = tag_of_digest(&file.metadata.sha256_hash());
    let body = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Body::from(Bytes::from_static(bytes)),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let kind = if kind.type_() == mime_guess::mime::TEXT {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_string()
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&kind).expect("media types are ASCII"));
    headers.insert(header::ETAG, tag);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let keep = if name.starts_with(HASHED) { FOR_EVER } else { ASK_AGAIN };
    headers.insert(header::CACHE_CONTROL, keep);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The smallest copy that the browser takes.
fn packed(name: &str, wanted: &HeaderMap) -> Option<(Option<&'static str>, EmbeddedFile)> {
    let accepted = wanted.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    ENCODINGS.iter().filter(|(encoding, _)| accepts(accepted, encoding)).find_map(|(encoding, suffix)| {
        Files::get(&format!("{name}.{suffix}")).map(|file| (Some(*encoding), file))
    })
}

fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let is_named = parts.next() == Some(encoding);
        is_named && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_taken_only_where_it_is_wanted() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("brotli", "br"));
    }
}
