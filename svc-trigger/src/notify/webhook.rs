//! The signed HTTP request, as <https://www.standardwebhooks.com> has it: `webhook-id`, `webhook-timestamp` in seconds and
//! `webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emboflow_model::Timestamp;
use emboflow_model::notification::Tried;
use emboflow_protocol::secret_value::SecretValue;
use hmac::{Hmac, KeyInit, Mac};
use ipnet::IpNet;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use sha2::Sha256;

use super::guard::Guard;
use super::letter::Letter;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Sends webhooks. Clones share the connections.
#[derive(Clone, Debug)]
pub(super) struct Webhooks {
    client: Client,
    guard: Guard,
    plain_http: bool,
}

impl Webhooks {
    /// Follows no redirect (a judged address could lead to one that is not) and asks no proxy.
    pub(super) fn new(allowed: &[IpNet], plain_http: bool) -> anyhow::Result<Self> {
        let guard = Guard::new(allowed);
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(std::sync::Arc::new(guard.clone()))
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("EmboFlow/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, guard, plain_http })
    }

    /// Sends it once. What the other side says is not passed on: only its status.
    pub(super) async fn send(&self, url: &str, key: &SecretValue, letter: &Letter, now: Timestamp) -> Tried {
        let url = match self.admitted(url) {
            Ok(url) => url,
            Err(why) => return Tried::Later(why, None),
        };
        let body = letter.body();
        let seconds = now.0 / 1_000;
        let sent = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/cloudevents+json")
            .header("webhook-id", letter.id())
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(key, letter.id(), seconds, &body))
            .body(body);
        match sent.send().await {
            Ok(answer) => judge(&answer),
            Err(error) => Tried::Later(in_words(&error), None),
        }
    }

    fn admitted(&self, url: &str) -> Result<Url, String> {
        let url: Url = url.parse().map_err(|error| format!("the address cannot be read: {error}"))?;
        if url.scheme() != "https" && !self.plain_http {
            return Err("plain http is sent only where the operator sets `notify.plain_http`".to_owned());
        }
        self.guard.admit_url(&url).map_err(|forbidden| forbidden.to_string())?;
        Ok(url)
    }
}

/// `v1,` and the signature. A key that begins with `whsec_` is base64, as generators of such keys write it; any other
/// is taken as it is.
pub(super) fn signature(key: &SecretValue, id: &str, seconds: i64, body: &[u8]) -> String {
    let text = key.reveal().trim();
    let decoded = text.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = decoded.unwrap_or_else(|| text.as_bytes().to_vec());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of every length");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn judge(answer: &Response) -> Tried {
    let status = answer.status();
    let words = || format!("the receiver answered {status}");
    match status {
        _ if status.is_success() => Tried::Arrived,
        StatusCode::GONE => Tried::Never(words()),
        _ => {
            let wished =
                answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Tried::Later(words(), wished.map(Duration::from_secs))
        }
    }
}

/// The innermost cause says what happened; the outer ones only repeat the address.
fn in_words(error: &reqwest::Error) -> String {
    let what = match error {
        _ if error.is_timeout() => "no answer in time",
        _ if error.is_connect() => "no connection",
        _ => "the request did not go through",
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("{what}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the standard gives for its libraries.
    #[test]
    fn the_signature_is_that_of_the_standard() {
        let key = SecretValue::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
