//! Signatures as of Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, and in `webhook-signature` one or more
//! `v1,<base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>">`.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emboflow_model::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
/// Before the base64 of a key in its usual form; any other secret is the key itself.
const KEY_PREFIX: &str = "whsec_";
/// Characters of an id at most.
const MAX_ID_CHARS: usize = 256;
/// Signatures of one request that are looked at: senders that change their key send two.
const MAX_SIGNATURES: usize = 8;

/// What is said about a request before its body is looked at.
pub(super) struct Signed<'h> {
    /// Names the request.
    pub(super) id: &'h str,
    /// When it was sent, as it says.
    pub(super) sent_at: Timestamp,
    timestamp: &'h str,
    signatures: Vec<&'h str>,
}

impl<'h> Signed<'h> {
    /// Reads the headers. Errors: which of them is missing or has the wrong form.
    pub(super) fn read(headers: &'h HeaderMap) -> Result<Self, String> {
        let text = |name: &str| {
            let value = headers.get(name).ok_or_else(|| format!("the header `{name}` is missing"))?;
            value.to_str().map_err(|_| format!("the header `{name}` is not plain text"))
        };
        let id = text(ID)?;
        if id.is_empty() || id.len() > MAX_ID_CHARS || id.contains('.') {
            return Err(format!("`{ID}` has 1 to {MAX_ID_CHARS} characters and no dot"));
        }
        let timestamp = text(TIMESTAMP)?;
        let seconds = timestamp.parse::<i64>().ok().filter(|seconds| (0..=253_402_300_799).contains(seconds));
        let seconds =
            seconds.ok_or_else(|| format!("`{TIMESTAMP}` is not a number of seconds since 1970"))?;
        let signatures = text(SIGNATURE)?.split(' ').filter_map(|one| one.strip_prefix("v1,"));
        Ok(Self {
            id,
            sent_at: Timestamp(seconds * 1000),
            timestamp,
            signatures: signatures.take(MAX_SIGNATURES).collect(),
        })
    }

    /// Whether it was sent within a tolerance of now, in milliseconds, before or after.
    pub(super) fn is_timely(&self, now: Timestamp, tolerance_ms: u64) -> bool {
        self.sent_at.0.abs_diff(now.0) <= tolerance_ms
    }

    /// Whether one of its signatures is that of the body with this secret. Takes as long for a wrong one as for a good
    /// one.
    pub(super) fn is_good(&self, secret: &str, body: &[u8]) -> bool {
        let key = secret.strip_prefix(KEY_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let key = key.as_deref().unwrap_or(secret.as_bytes());
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
        for part in [self.id.as_bytes(), b".", self.timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        self.signatures.iter().fold(false, |good, given| {
            let given = STANDARD.decode(given).unwrap_or_default();
            good | mac.clone().verify_slice(&given).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    /// The example of the specification.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &[u8] = br#"{"event_type":"ping","data":{"success":true}}"#;

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)]
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .into_iter()
            .collect()
    }

    fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
        let key = secret.strip_prefix(KEY_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.unwrap_or(secret.into())).unwrap();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn a_signature_holds_for_its_secret_id_time_and_body_only() {
        let (id, time) = ("msg_1", "1700000000");
        let good = sign(SECRET, id, time, BODY);
        let check = |secret: &str, id: &str, time: &str, body: &[u8]| {
            Signed::read(&headers(id, time, &good)).unwrap().is_good(secret, body)
        };
        assert!(check(SECRET, id, time, BODY));
        assert!(!check("another secret", id, time, BODY));
        assert!(!check(SECRET, "msg_2", time, BODY));
        assert!(!check(SECRET, id, "1700000001", BODY));
        assert!(!check(SECRET, id, time, b"{}"));
    }

    #[test]
    fn one_good_signature_of_several_is_enough_and_other_versions_count_for_nothing() {
        let good = sign("plain words", "a", "1", b"x");
        let read = |signature: &str| {
            Signed::read(&headers("a", "1", signature)).unwrap().is_good("plain words", b"x")
        };
        assert!(read(&format!("v1,bm90IGl0 {good}")));
        assert!(!read(&good.replace("v1,", "v1a,")));
        assert!(!read("v1,") && !read("") && !read("v1,%%%"));
    }

    #[test]
    fn a_timestamp_is_good_within_the_tolerance_on_both_sides() {
        let headers = headers("a", "1000", "v1,x");
        let signed = Signed::read(&headers).unwrap();
        for (now_ms, timely) in [(700_000, true), (1_300_000, true), (699_999, false), (1_300_001, false)] {
            assert_eq!(signed.is_timely(Timestamp(now_ms), 300_000), timely, "{now_ms}");
        }
    }

    #[test]
    fn headers_that_are_missing_or_garbage_are_named() {
        let mut missing = headers("a", "1", "v1,x");
        missing.remove(ID);
        assert!(Signed::read(&missing).is_err_and(|why| why.contains(ID)));
        for time in ["", "soon", "-1", "99999999999999999999", "1.5"] {
            assert!(
                Signed::read(&headers("a", time, "v1,x")).is_err_and(|why| why.contains(TIMESTAMP)),
                "{time}"
            );
        }
        assert!(Signed::read(&headers("a.b", "1", "v1,x")).is_err());
        assert!(Signed::read(&headers(&"a".repeat(257), "1", "v1,x")).is_err());
    }
}
