//! Who may ask: the installation's token, or the cookie that the page got for a one-time code.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, ensure};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use emboflow_service::Secret;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::problem::{Failure, Outcome};

const TOKEN_MIN_CHARACTERS: usize = 16;
const AUDIENCE: &str = "emboflow-page";
/// How long a browser stays signed in.
const SESSION_S: u64 = 30 * 24 * 60 * 60;

type Fingerprint = [u8; 32];

/// What is needed to judge a caller.
pub(crate) struct SignIn {
    token: Fingerprint,
    code: Mutex<Option<Fingerprint>>,
    cookie: String,
    signs: EncodingKey,
    verifies: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Session {
    aud: String,
    exp: u64,
}

impl SignIn {
    /// Takes the token and the one-time code.
    ///
    /// # Errors
    /// The token is easy to guess.
    pub(crate) fn new(token: &Secret, code: Option<&Secret>) -> Result<Self> {
        let token = token.reveal();
        ensure!(
            token.len() >= TOKEN_MIN_CHARACTERS,
            "the API's token has {} characters; at least {TOKEN_MIN_CHARACTERS} are needed",
            token.len()
        );
        let fingerprint = fingerprint(token);
        // Browsers send cookies to every port of a host: the name keeps two installations apart.
        let cookie = fingerprint[..4].iter().fold(String::from("emboflow_session_"), |mut name, byte| {
            write!(name, "{byte:02x}").expect("a String takes every write");
            name
        });
        Ok(Self {
            token: fingerprint,
            code: Mutex::new(code.map(|code| self::fingerprint(code.reveal()))),
            cookie,
            // Signed with the token: a session outlives a restart, and ends with the token.
            signs: EncodingKey::from_secret(token.as_bytes()),
            verifies: DecodingKey::from_secret(token.as_bytes()),
        })
    }

    /// Whether this is the token.
    pub(crate) fn is_token(&self, presented: &str) -> bool {
        // Fingerprints of equal length: how far they agree tells nothing about the token.
        fingerprint(presented) == self.token
    }

    /// Uses the one-time code up; false when it is not the code, or has been used.
    pub(crate) fn exchange(&self, presented: &str) -> bool {
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let matches = *code == Some(fingerprint(presented));
        if matches {
            *code = None;
        }
        matches
    }

    /// The `Set-Cookie` of a new session. Without a path: the browser takes the folder that the page is in, whatever
    /// a proxy has put before it.
    pub(crate) fn session_cookie(&self, headers: &HeaderMap) -> Outcome<String> {
        let exp = unix_s().saturating_add(SESSION_S);
        let session = Session { aud: AUDIENCE.to_owned(), exp };
        let value = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &session, &self.signs)
            .map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
        Ok(format!("{}={value}; Max-Age={SESSION_S}{}", self.cookie, attributes(headers)))
    }

    /// The `Set-Cookie` that ends a session.
    pub(crate) fn ended_cookie(&self, headers: &HeaderMap) -> String {
        format!("{}=; Max-Age=0{}", self.cookie, attributes(headers))
    }

    /// Whether the request comes from a browser that has signed in.
    pub(crate) fn has_session(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == self.cookie && self.is_session(value))
    }

    fn is_session(&self, value: &str) -> bool {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "aud"]);
        jsonwebtoken::decode::<Session>(value, &self.verifies, &rules).is_ok()
    }

    /// Judges a request.
    fn admit(&self, method: &Method, headers: &HeaderMap) -> Outcome<()> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|value| value.split_once(' '));
            let is_ours = token.is_some_and(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("bearer") && self.is_token(token.trim())
            });
            return if is_ours {
                Ok(())
            } else {
                Err(refused("the bearer token is not this installation's"))
            };
        }
        if !self.has_session(headers) {
            return Err(refused("the request has neither a bearer token nor a session cookie"));
        }
        if !method.is_safe() && !is_same_origin(headers) {
            let detail = "a request with a session cookie may change something only from the page itself";
            return Err(Failure::new(ErrorCode::AuthForbidden, detail));
        }
        Ok(())
    }
}

fn refused(detail: &str) -> Failure {
    Failure::new(ErrorCode::AuthRequired, detail)
        .with_hint("send `Authorization: Bearer <token>`, or open the page with the sign-in link that `emboflow up` printed")
}

fn fingerprint(text: &str) -> Fingerprint {
    Sha256::digest(text.as_bytes()).into()
}

fn unix_s() -> u64 {
    u64::try_from(crate::app::now().0 / 1_000).unwrap_or(0)
}

fn attributes(headers: &HeaderMap) -> &'static str {
    let is_https = headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
    if is_https { "; HttpOnly; SameSite=Strict; Secure" } else { "; HttpOnly; SameSite=Strict" }
}

/// Whether the page itself sent the request, as its browser says.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && (origin == text("host") || origin == text("x-forwarded-host"))
}

/// The layer before everything that needs sign-in.
pub(crate) async fn require(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.sign_in.admit(request.method(), request.headers()) {
        Ok(()) => {
            let mut response = next.run(request).await;
            let keep = response.headers_mut().entry(header::CACHE_CONTROL);
            keep.or_insert(HeaderValue::from_static("no-store"));
            response
        }
        Err(failure) => failure.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-of-some-length";

    fn sign_in() -> SignIn {
        SignIn::new(&Secret::new(TOKEN), Some(&Secret::new("once"))).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    fn status(sign_in: &SignIn, method: Method, pairs: &[(&'static str, &str)]) -> u16 {
        sign_in.admit(&method, &headers(pairs)).map_or_else(|failure| failure.problem().status, |()| 200)
    }

    fn cookie(sign_in: &SignIn) -> String {
        let cookie = sign_in.session_cookie(&HeaderMap::new()).unwrap();
        cookie.split_once(';').unwrap().0.to_owned()
    }

    #[test]
    fn only_the_token_itself_admits() {
        let sign_in = sign_in();
        assert_eq!(status(&sign_in, Method::POST, &[("authorization", &format!("Bearer {TOKEN}"))]), 200);
        for bad in ["Bearer", "Bearer ", "Bearer x", &format!("Basic {TOKEN}"), &format!("Bearer {TOKEN}x")] {
            assert_eq!(status(&sign_in, Method::GET, &[("authorization", bad)]), 401, "{bad}");
        }
        assert_eq!(status(&sign_in, Method::GET, &[]), 401);
    }

    #[test]
    fn a_code_is_good_for_one_session_that_outlives_a_restart() {
        let first = sign_in();
        assert!(!first.exchange("other") && first.exchange("once") && !first.exchange("once"));
        let cookie = cookie(&first);
        assert_eq!(status(&sign_in(), Method::GET, &[("cookie", &format!("a=b; {cookie}"))]), 200);
        let other = SignIn::new(&Secret::new("another-token-of-length"), None).unwrap();
        assert_eq!(status(&other, Method::GET, &[("cookie", &cookie)]), 401);
        assert_eq!(status(&first, Method::GET, &[("cookie", &cookie.replace('.', ""))]), 401);
    }

    #[test]
    fn a_cookie_changes_something_only_from_the_page_itself() {
        let sign_in = sign_in();
        let cookie = cookie(&sign_in);
        let with = |extra: &[(&'static str, &'static str)]| {
            let mut pairs = vec![("cookie", cookie.as_str())];
            pairs.extend_from_slice(extra);
            status(&sign_in, Method::POST, &pairs)
        };
        assert_eq!(with(&[]), 403);
        assert_eq!(with(&[("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(with(&[("sec-fetch-site", "same-origin")]), 200);
        assert_eq!(with(&[("origin", "http://evil.example"), ("host", "127.0.0.1:1")]), 403);
        assert_eq!(with(&[("origin", "http://127.0.0.1:1"), ("host", "127.0.0.1:1")]), 200);
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused_at_the_start() {
        assert!(SignIn::new(&Secret::new("short"), None).is_err());
    }
}
