//! Finds out who asks: the installation's token, an API key, a service's token, or a session.

use axum::http::{HeaderMap, header};
use emboflow_model::access::Caller;
use emboflow_protocol::ErrorCode;

use super::client::Client;
use super::keys;
use super::sessions::Current;
use crate::app::App;
use crate::problem::{Failure, Outcome};

/// Longer than any token of ours.
const TOKEN_MAX_BYTES: usize = 4_096;

/// Who asks, and how that is known.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) caller: Caller,
    /// The session it came with; none for a bearer.
    pub(crate) session: Option<Current>,
}

/// Reads the credentials of a request. None: it has none. A bearer token that is not good is refused, whatever cookies
/// come with it. `is_use`: the session goes on for it.
pub(crate) async fn identify(
    app: &App,
    client: &Client,
    headers: &HeaderMap,
    is_use: bool,
) -> Outcome<Option<Known>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let pair = value.to_str().ok().and_then(|value| value.split_once(' '));
        let token = pair.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim()).filter(|token| token.len() <= TOKEN_MAX_BYTES);
        let caller = match token {
            Some(token) => bearer(app, token).await?,
            None => None,
        };
        let caller = caller.ok_or_else(not_good)?;
        return Ok(Some(Known { caller, session: None }));
    }
    let Some(session) = app.access.sessions.of(client, headers, is_use).await? else { return Ok(None) };
    let caller = match &session.user {
        None => Some(Caller::local()),
        Some(name) => {
            let person = app.access.users.enabled(name).await?;
            person.map(|person| Caller::user(name.clone(), person.powers()))
        }
    };
    Ok(caller.map(|caller| Known { caller, session: Some(session) }))
}

async fn bearer(app: &App, token: &str) -> Outcome<Option<Caller>> {
    let access = &app.access;
    if access.installation.is_token(token) {
        return Ok(Some(Caller::local()));
    }
    if token.starts_with(keys::PREFIX) {
        let Some((id, key)) = access.keys.of(token).await? else { return Ok(None) };
        let owner = access.users.enabled(&key.owner).await?;
        return Ok(owner.map(|owner| Caller::key(key.owner, id, key.powers, owner.powers())));
    }
    let account = access.services.of(token).await?;
    Ok(account.map(|account| Caller::service(account.name, account.powers)))
}

/// The same words for whatever is wrong with it.
fn not_good() -> Failure {
    Failure::new(ErrorCode::AuthRequired, "the bearer token is not one of this installation, or has ended")
        .with_hint("take a key of yours (`emboflow key create`), or the token in `up.json`")
}
