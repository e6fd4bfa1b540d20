//! Browsers that have signed in: a cookie with a random token, of which only the SHA-256 is kept.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use emboflow_model::Timestamp;
use emboflow_model::access::{Session, UserName};
use emboflow_protocol::ErrorCode;
use emboflow_records::SharedRecords;
use emboflow_service::Shutdown;

use super::client::Client;
use super::shelf::{Found, Shelf};
use super::token;
use crate::app::now;
use crate::problem::{Failure, Outcome};

const HOUR_MS: u64 = 60 * 60 * 1_000;
/// A session that is not used ends.
const IDLE_MS: u64 = 12 * HOUR_MS;
/// However much it is used, it ends.
const LIFETIME_MS: u64 = 7 * 24 * HOUR_MS;
/// The person at the machine itself stays signed in: whoever has that machine has the token as well.
const LOCAL_LIFETIME_MS: u64 = 30 * 24 * HOUR_MS;
/// How precisely it is known when a session was last used.
const SEEN_EVERY_MS: u64 = 5 * 60 * 1_000;
/// Sessions of one user at most; beyond it those end that were used least recently.
const MOST_OF_USER: usize = 100;
const TIDY_EVERY: Duration = Duration::from_secs(60 * 60);
/// In place of the name in what belongs to the person at the machine itself; no user is called so.
const LOCAL: &str = "*";

/// All sessions.
pub(crate) struct Sessions {
    shelf: Shelf<Session>,
    cookie: String,
    /// The fingerprint of the installation's token.
    installation: String,
}

/// Whose session a request came with.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    /// The user; none for the person at the machine itself.
    pub(crate) user: Option<UserName>,
    /// The session's public id.
    pub(crate) id: String,
    /// A one-time link began it.
    pub(crate) by_link: bool,
    name: String,
}

impl Sessions {
    /// Those in the records. `mark` is the fingerprint of the installation's token.
    pub(crate) fn new(records: SharedRecords, mark: &str) -> Self {
        // Browsers send cookies to every port of a host: the name keeps two installations apart.
        let cookie = format!("emboflow_session_{}", &mark[..8]);
        Self { shelf: Shelf::new(records, "session"), cookie, installation: mark.to_owned() }
    }

    /// Begins a session; gives it and the `Set-Cookie`. Its token is new each time: one that a stranger has put into the
    /// browser before is worth nothing.
    pub(crate) async fn begin(
        &self,
        user: Option<&UserName>,
        by_link: bool,
        client: &Client,
        headers: &HeaderMap,
    ) -> Outcome<(Current, HeaderValue)> {
        let token = token::random();
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let lifetime_ms = if user.is_some() { LIFETIME_MS } else { LOCAL_LIFETIME_MS };
        let session = Session {
            user: user.cloned(),
            token: user.is_none().then(|| self.installation.clone()),
            by_link,
            created_at: now(),
            last_seen_at: now(),
            ends_at: now().plus_ms(lifetime_ms),
            from: client.address.to_string(),
            agent: agent.map(|agent| agent.chars().take(200).collect()),
        };
        let owner = user.map_or(LOCAL, UserName::as_str);
        let name = format!("{owner}/{}", token::fingerprint(&token));
        self.shelf.make(&name, &session).await?;
        self.end_surplus(owner, &name).await?;
        let cookie = self.cookie(&format!("{token}.{owner}"), lifetime_ms / 1_000, client.secure)?;
        Ok((Current { user: session.user, id: public_id(&name), by_link, name }, cookie))
    }

    /// Whoever signs in again and again, as a script may, keeps no heap of sessions that all have to be read.
    async fn end_surplus(&self, owner: &str, newest: &str) -> Outcome<()> {
        let mut others = self.shelf.beginning_with(&format!("{owner}/")).await?;
        others.retain(|found| found.name != newest);
        others.sort_by_key(|found| found.body.last_seen_at);
        let surplus = (others.len() + 1).saturating_sub(MOST_OF_USER);
        for found in &others[..surplus] {
            self.shelf.drop_name(&found.name).await?;
        }
        Ok(())
    }

    /// The `Set-Cookie` that makes the browser forget its session.
    pub(crate) fn forgotten(&self, client: &Client) -> Outcome<HeaderValue> {
        self.cookie("", 0, client.secure)
    }

    /// Over TLS the name binds the cookie to this host and path `/`. On plain HTTP it has no path: the browser takes the
    /// folder that the page is in.
    fn cookie(&self, value: &str, max_age_s: u64, secure: bool) -> Outcome<HeaderValue> {
        let name = &self.cookie;
        let text = if secure {
            format!("__Host-{name}={value}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Strict; Secure")
        } else {
            format!("{name}={value}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict")
        };
        HeaderValue::from_str(&text).map_err(|error| Failure::behind(ErrorCode::Internal, error))
    }

    /// The session that a request comes with. `is_use`: it goes on for it.
    pub(crate) async fn of(
        &self,
        client: &Client,
        headers: &HeaderMap,
        is_use: bool,
    ) -> Outcome<Option<Current>> {
        for value in self.presented(client, headers) {
            let Some((token, owner)) = value.split_once('.') else { continue };
            let name = format!("{owner}/{}", token::fingerprint(token));
            let Some(found) = self.shelf.get(&name).await? else { continue };
            if !self.is_good(&found.body, now()) {
                self.shelf.drop(&found).await?;
                continue;
            }
            if is_use {
                self.note_use(&found).await;
            }
            let id = public_id(&name);
            return Ok(Some(Current { user: found.body.user, id, by_link: found.body.by_link, name }));
        }
        Ok(None)
    }

    /// What the cookies say. A plain one is not taken over TLS: whoever can write into the plain connection of a
    /// browser could have set it.
    fn presented<'h>(&'h self, client: &Client, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> {
        let secure = client.secure;
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter_map(move |(name, value)| {
            let own = if secure { name.strip_prefix("__Host-") } else { Some(name) };
            (own == Some(self.cookie.as_str()) && value.len() <= 200).then_some(value)
        })
    }

    fn is_good(&self, session: &Session, now: Timestamp) -> bool {
        let used = session.user.is_none() || now.ms_since(session.last_seen_at) < IDLE_MS;
        let same_token = session.user.is_some() || session.token.as_deref() == Some(&self.installation);
        used && same_token && now < session.ends_at
    }

    /// Only now and then, and whoever is first: it is no loss when it does not succeed.
    async fn note_use(&self, found: &Found<Session>) {
        let now = now();
        if now.ms_since(found.body.last_seen_at) >= SEEN_EVERY_MS {
            let seen = Session { last_seen_at: now, ..found.body.clone() };
            if let Err(failure) = self.shelf.put(&found.name, Some(found.version), &seen).await {
                tracing::debug!(%failure, "the use of a session is not noted");
            }
        }
    }

    /// From now on it is a session like any other: its user has a password again.
    pub(crate) async fn forget_link(&self, current: &Current) -> Outcome<()> {
        let change = |session: &mut Found<Session>| {
            session.body.by_link = false;
            Ok(())
        };
        self.shelf.change(&current.name, change).await.map(|_| ())
    }

    /// Ends a session.
    pub(crate) async fn end(&self, current: &Current) -> Outcome<()> {
        self.end_all(&current.name, None).await
    }

    /// Ends all sessions of a user, but for one.
    pub(crate) async fn end_all_of(&self, user: &UserName, but: Option<&Current>) -> Outcome<()> {
        self.end_all(&format!("{user}/"), but.map(|current| current.name.as_str())).await
    }

    async fn end_all(&self, prefix: &str, but: Option<&str>) -> Outcome<()> {
        let all = self.shelf.names_beginning_with(prefix).await?;
        for name in all.iter().map(String::as_str).chain([prefix]) {
            if but != Some(name) {
                self.shelf.drop_name(name).await?;
            }
        }
        Ok(())
    }

    /// The sessions of a user, or of everybody, that go on: public id and session.
    pub(crate) async fn list(&self, user: Option<&UserName>) -> Outcome<Vec<(String, Session)>> {
        let prefix = user.map(|user| format!("{user}/")).unwrap_or_default();
        let all = self.shelf.beginning_with(&prefix).await?;
        let good = all.into_iter().filter(|found| self.is_good(&found.body, now()));
        Ok(good.map(|found| (public_id(&found.name), found.body)).collect())
    }

    /// Ends the session with this public id, of this user or of anybody; false when there is none.
    pub(crate) async fn end_by_id(&self, user: Option<&UserName>, id: &str) -> Outcome<bool> {
        let prefix = user.map(|user| format!("{user}/")).unwrap_or_default();
        let all = self.shelf.beginning_with(&prefix).await?;
        let Some(found) = all.iter().find(|found| public_id(&found.name) == id) else { return Ok(false) };
        self.end_all(&found.name, None).await?;
        Ok(true)
    }

    /// Drops what has ended, again and again.
    pub(crate) fn start_tidying(self, shutdown: &Shutdown) {
        let stop = shutdown.token();
        shutdown.spawn("ended sessions", async move {
            while tokio::time::timeout(TIDY_EVERY, stop.cancelled()).await.is_err() {
                if let Err(failure) = self.tidy().await {
                    tracing::warn!(%failure, "sessions that have ended are still there");
                }
            }
        });
    }

    async fn tidy(&self) -> Outcome<()> {
        for found in self.shelf.all().await? {
            if !self.is_good(&found.body, now()) {
                self.shelf.drop(&found).await?;
            }
        }
        Ok(())
    }
}

fn public_id(name: &str) -> String {
    token::public_id(name.rsplit('/').next().unwrap_or(name))
}
