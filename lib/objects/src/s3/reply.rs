//! Reads what an S3 service answers: errors into words and hints, headers into what is known of an object.

use crate::error::StoreError;
use crate::store::Meta;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::DateTime;
use emboflow_model::Timestamp;
use std::collections::HashMap;
use std::error::Error;
use std::ops::Range;

/// The user metadata that carries an object's checksum.
pub(super) const SHA256: &str = "emboflow-sha256";

/// The HTTP status of an answer that is an error.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether the error says that there is no such object.
pub(super) fn is_absence<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    status(error) == Some(404) && error.code() != Some("NoSuchBucket")
}

/// What an error means to the one who asked for an object that may be missing.
pub(super) fn absence_or_failure<E>(doing: &str, key: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match is_absence(&error) {
        true => StoreError::NotFound { key: key.to_owned() },
        false => failure(doing, key, error),
    }
}

/// What an error means to the one who asked for `doing` something to `name`.
pub(super) fn failure<E>(doing: &str, name: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match (status(&error), error.code()) {
        (Some(412), _) => StoreError::Exists { key: name.to_owned() },
        (status, code) => {
            let words = match (code, error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                _ => DisplayErrorContext(&error).to_string(),
            };
            let detail = status.map_or(words.clone(), |status| format!("HTTP {status}, {words}"));
            if matches!(status, Some(507)) || code == Some("XMinioStorageFull") {
                return StoreError::Full { detail };
            }
            let hint = hint(code, status, matches!(error, SdkError::DispatchFailure(_))).map(str::to_owned);
            StoreError::Unavailable { doing: format!("{doing} `{name}`"), detail, hint }
        }
    }
}

fn hint(code: Option<&str>, status: Option<u16>, unreachable: bool) -> Option<&'static str> {
    match (code, status) {
        _ if unreachable => Some("check `endpoint`, and whether the gateway can reach it"),
        (Some("InvalidAccessKeyId"), _) => Some("`access_key` is not known to the service"),
        (Some("SignatureDoesNotMatch"), _) => Some("check `secret_key` and `region`"),
        (Some("NoSuchBucket"), _) | (None, Some(404)) => {
            Some("create the bucket, or check `bucket` and `path_style`")
        }
        (Some("AuthorizationHeaderMalformed" | "PermanentRedirect"), _) => {
            Some("check `region` and `endpoint`")
        }
        (Some("RequestTimeTooSkewed"), _) => Some("set the clocks of both machines"),
        (Some("NotImplemented" | "InvalidArgument" | "XAmzContentSHA256Mismatch"), _) => {
            Some("try the other value of `checksums`")
        }
        (Some("AccessDenied"), _) | (None, Some(401 | 403)) => {
            Some("allow these keys to read, write, delete and list in the bucket")
        }
        _ => None,
    }
}

/// What the headers of an object say.
pub(super) fn meta(
    size_bytes: u64,
    metadata: Option<&HashMap<String, String>>,
    modified: Option<&DateTime>,
) -> Meta {
    let sha256 = metadata.and_then(|metadata| metadata.get(SHA256)).and_then(|text| text.parse().ok());
    Meta { size_bytes, sha256, modified_at: moment(modified), etag: None, content_type: None }
}

/// A moment of the service's clock.
pub(super) fn moment(time: Option<&DateTime>) -> Timestamp {
    Timestamp(time.and_then(|time| time.to_millis().ok()).unwrap_or(0))
}

/// Reads `bytes 5-9/20` as the range and the whole size.
pub(super) fn content_range(header: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then_some((first..last + 1, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_names_the_part_and_the_whole() {
        assert_eq!(content_range("bytes 5-9/20"), Some((5..10, 20)));
        for header in ["", "bytes */20", "bytes 5-9/*", "bytes 9-5/20", "bytes 5-20/20"] {
            assert_eq!(content_range(header), None, "{header}");
        }
    }

    #[test]
    fn what_people_get_wrong_first_has_a_hint() {
        assert_eq!(
            hint(Some("SignatureDoesNotMatch"), Some(403), false),
            Some("check `secret_key` and `region`")
        );
        assert!(hint(None, None, true).unwrap().contains("endpoint"));
        assert!(hint(None, Some(404), false).unwrap().contains("bucket"));
        assert_eq!(hint(Some("SlowDown"), Some(503), false), None);
    }
}
