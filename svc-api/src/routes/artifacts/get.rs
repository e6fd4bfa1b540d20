//! `GET …/artifacts/{task}/{name}/{path}`: a file of an artifact, or a range of it.

use aide::transform::TransformOperation;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use emboflow_model::object_key::artifact_prefix;
use emboflow_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::find::find;
use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfFile;

/// What a program made must not act as a page of ours: no scripts, no forms, an origin of its own.
const SANDBOX: &str = "sandbox; default-src 'none'; base-uri 'none'; img-src 'self' data:; media-src 'self' data:; font-src data:; \
                       style-src 'self' 'unsafe-inline'; frame-ancestors 'self'";

/// How to get it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileQuery {
    /// Given at all: a browser saves the file instead of showing it.
    download: Option<String>,
}

/// Streams a file.
pub(crate) async fn get(
    State(app): State<App>,
    Params(OfFile { project, run, task, name, path }): Params<OfFile>,
    Search(query): Search<FileQuery>,
    wanted: HeaderMap,
) -> Outcome<Response> {
    if !is_inside(&path) {
        let detail = "a path inside an artifact has no empty, `.` or `..` part and no control character";
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    let artifact = find(&app, &project, run, &task, &name).await?;
    let key = format!("{}{path}", artifact_prefix(&artifact.prefix, artifact.stored_name()));
    let no_file = |failure: Failure| match failure.code() {
        "storage.not_found" => {
            let path: String = path.chars().take(200).collect();
            let detail = format!("the artifact '{name}' has no file '{path}'");
            Failure::new(ErrorCode::ArtifactNotFound, detail)
        }
        _ => failure,
    };
    let mut file = app.objects.open(&key, wanted.get(header::RANGE)).await.map_err(no_file)?;
    if file.content_range.is_some() && !is_of(file.sha256.as_deref(), wanted.get(header::IF_RANGE)) {
        file = app.objects.open(&key, None).await.map_err(no_file)?;
    }
    let is_part = file.content_range.is_some();
    let mut headers = vec![
        (header::CONTENT_TYPE, content_type(&path)),
        (header::CONTENT_SECURITY_POLICY, SANDBOX.to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&path, query.download.is_some())),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        // What an attempt has stored never changes; who may read it may.
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin".to_owned()),
    ];
    headers.extend(file.sha256.map(|digest| (header::ETAG, format!("\"{digest}\""))));
    headers.extend(file.content_range.map(|range| (header::CONTENT_RANGE, range)));
    headers.push((header::CONTENT_LENGTH, file.size_bytes.to_string()));
    let mut response = Response::new(Body::from_stream(file.bytes));
    *response.status_mut() = if is_part { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn is_inside(path: &str) -> bool {
    path.len() <= 1_024
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.chars().any(|character| character.is_control() || character == '\\')
}

/// Whether the part that a caller has is of this very file; without `If-Range` it says nothing of that.
fn is_of(digest: Option<&str>, if_range: Option<&HeaderValue>) -> bool {
    if_range
        .is_none_or(|tag| digest.is_some_and(|digest| tag.as_bytes() == format!("\"{digest}\"").as_bytes()))
}

fn content_type(path: &str) -> String {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let is_text = kind.type_() == mime_guess::mime::TEXT || kind.subtype() == mime_guess::mime::JSON;
    if is_text { format!("{kind}; charset=utf-8") } else { kind.to_string() }
}

/// RFC 6266, with the name in both of its forms.
fn disposition(path: &str, saves: bool) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '%' | ';') { c } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let kind = if saves { "attachment" } else { "inline" };
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "readArtifactFile",
        tag: "artifacts",
        summary: "Read a file of an artifact",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::TaskNotFound,
            ErrorCode::ArtifactNotFound,
            ErrorCode::StorageRange,
            ErrorCode::StorageUnavailable,
        ],
    };
    let operation = openapi::takes_header(operation, "Range", "One range of bytes; anything else means all.");
    let only = "The ETag of the file that the range is of: all of it comes when it is another one.";
    let operation = openapi::takes_header(operation, "If-Range", only);
    let operation = openapi::answers(operation, 200, "*/*", "The file, as what its name says it is.");
    let operation = openapi::answers(operation, 206, "*/*", "The range that was asked for.");
    openapi::describe(operation, &doc, &[IN_PROJECT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_artifact() {
        for good in ["report.html", "a/b c/é.png", "..a/b.."] {
            assert!(is_inside(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\\b", "a\nb", &"x".repeat(1_025)] {
            assert!(!is_inside(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_safe_in_a_header() {
        assert_eq!(
            disposition("out/a \"é\".csv", true),
            "attachment; filename=\"a____.csv\"; filename*=UTF-8''a%20%22%C3%A9%22.csv"
        );
    }

    #[test]
    fn text_is_utf_8_and_the_unknown_is_bytes() {
        assert_eq!(content_type("metrics.json"), "application/json; charset=utf-8");
        assert_eq!(content_type("a.png"), "image/png");
        assert_eq!(content_type("weights"), "application/octet-stream");
    }
}
