//! The layer before every route: who asks, whether the table of rights lets them, and a line in the audit.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_model::ProjectName;
use emboflow_model::access::{
    self as rights, AuditEntry, Caller, Needs, ROUTES, Verdict, may, needs_of_route,
};
use emboflow_protocol::ErrorCode;
use tracing::Instrument;

use super::audit::line;
use super::client::Client;
use super::identify::{Known, identify};
use super::projects::no_project;
use super::same_origin::{Sender, sender};
use crate::app::App;
use crate::measure::RequestId;
use crate::problem::{Failure, Outcome};

/// What signs in, or ends a sign-in, with a safe method.
const SIGN_IN: [&str; 2] = ["/session", "/oidc"];

/// What a handler has to say about who was let in, for the audit: the user that signed in, or tried to.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    /// As in the audit, such as `user:anna`.
    pub(crate) who: String,
    /// What was tried.
    pub(crate) what: Option<String>,
}

/// Judges a request, lets it through or not, and notes it.
///
/// What changes something, or signs in, is done in a task of its own: the server drops what it does for a client that
/// hangs up, and a change must neither stop between two of its steps nor go without its line in the audit.
pub(crate) async fn guard(
    State(app): State<App>,
    path: MatchedPath,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let is_finished = !request.method().is_safe() || SIGN_IN.contains(&path.as_str());
    let work = guarded(app, path, parameters, request, next);
    if !is_finished {
        return work.await;
    }
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(stopped) => Failure::behind(ErrorCode::Internal, stopped).into_response(),
        },
    }
}

async fn guarded(
    app: App,
    path: MatchedPath,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = Client::of(&app.access.trusted_proxies, request.extensions(), request.headers());
    let known = identify(&app, &client, request.headers(), true).await;
    let was_refused = known.is_err();
    let caller = known.as_ref().ok().and_then(|known| known.as_ref()).map(|known| known.caller.clone());
    let place = Place::of(&app, &parameters);
    let mut audited = Audited::of(&client, &request, &path, caller.as_ref(), place.known().cloned());

    let verdict = judge(&app, known, &request, &path, &place, &client);
    // Whoever has signed in and asks for what is not theirs leaves a line, also when they only read.
    audited.is_wanted |= verdict.is_err() && caller.is_some();
    let mut response = match verdict {
        Ok(known) => {
            if let Some(known) = known {
                request.extensions_mut().insert(known);
            }
            request.extensions_mut().insert(client);
            let mut response = next.run(request).await;
            let keep = response.headers_mut().entry(header::CACHE_CONTROL);
            keep.or_insert(HeaderValue::from_static("no-store"));
            response
        }
        Err(failure) => failure.into_response(),
    };
    let noted = response.extensions_mut().remove::<Noted>();
    audited.is_wanted |= noted.is_some() || was_refused;
    if let Some(entry) = audited.entry(&response, noted) {
        app.access.audit.note(entry).await;
    }
    response
}

/// Who may go on, as whom.
fn judge(
    app: &App,
    known: Outcome<Option<Known>>,
    request: &Request,
    path: &MatchedPath,
    place: &Place,
    client: &Client,
) -> Outcome<Option<Known>> {
    let needs = needs(request.method(), path.as_str())?;
    if needs == Needs::Public {
        // Whoever comes with a session that has ended must still be able to sign in.
        return Ok(known.unwrap_or_default());
    }
    let known = known?;
    if known.is_some() && matches!(place, Place::Unreadable) {
        return Err(Failure::new(ErrorCode::RequestInvalid, "a part of the path is not UTF-8"));
    }
    match may(known.as_ref().map(|known| &known.caller), needs, place.known()) {
        Verdict::SignInFirst => return Err(sign_in_first()),
        Verdict::Hidden => return Err(no_project(place.text())),
        Verdict::Refused => return Err(refused(needs)),
        Verdict::Allowed => {}
    }
    if let Place::Unknown(name) = place {
        return Err(no_project(name));
    }
    let by_cookie = known.as_ref().is_some_and(|known| known.session.is_some());
    if by_cookie && !request.method().is_safe() {
        check_sender(app, request.headers(), client)?;
    }
    Ok(known)
}

/// Refuses what another site's page sends in the name of who is signed in here.
fn check_sender(app: &App, headers: &HeaderMap, client: &Client) -> Outcome<()> {
    if sender(headers, client, app.access.public_host()) == Sender::Own {
        return Ok(());
    }
    let detail = "a request with a session cookie may change something only from the page itself";
    Err(Failure::new(ErrorCode::AuthForbidden, detail))
}

/// Refuses a sign-in that another site's page sends: it would make the person act as somebody else.
pub(crate) fn check_no_foreign_page(app: &App, headers: &HeaderMap, client: &Client) -> Outcome<()> {
    if sender(headers, client, app.access.public_host()) == Sender::Foreign {
        let detail = "only the page itself may sign a browser in";
        return Err(Failure::new(ErrorCode::AuthForbidden, detail));
    }
    Ok(())
}

/// What the table says. A method that the address does not take is told to whoever has signed in.
fn needs(method: &Method, path: &str) -> Outcome<Needs> {
    let known = rights::Method::from_http(method.as_str());
    if let Some(needs) = known.and_then(|method| needs_of_route(method, path)) {
        return Ok(needs);
    }
    let path = path.replace("{*", "{");
    let mut others = ROUTES.iter().filter(|line| line.path == path).peekable();
    if others.peek().is_none() {
        return Err(Failure::behind(ErrorCode::Internal, format!("{path} is not in the table of rights")));
    }
    let is_open = others.all(|line| line.needs == Needs::Public);
    Ok(if is_open { Needs::Public } else { Needs::SignedIn })
}

fn sign_in_first() -> Failure {
    let detail = "the request has neither a bearer token nor a session cookie";
    Failure::new(ErrorCode::AuthRequired, detail)
        .with_hint("send `Authorization: Bearer <token or key>`, or sign in on the page")
}

fn refused(needs: Needs) -> Failure {
    Failure::new(ErrorCode::AuthForbidden, format!("this needs: {needs}"))
        .with_hint("`emboflow whoami`, or the page Account, shows what you may; an administrator of the project can change it")
}

/// The project that an address names.
enum Place {
    Nowhere,
    /// It is no text.
    Unreadable,
    Known(ProjectName),
    Unknown(String),
}

impl Place {
    fn of(app: &App, parameters: &Result<RawPathParams, RawPathParamsRejection>) -> Self {
        let Ok(all) = parameters else { return Self::Unreadable };
        match all.iter().find(|(name, _)| *name == "project") {
            None => Self::Nowhere,
            Some((_, name)) => match app.access.projects.find(name) {
                Some(project) => Self::Known(project),
                None => Self::Unknown(name.to_owned()),
            },
        }
    }

    fn known(&self) -> Option<&ProjectName> {
        match self {
            Self::Known(project) => Some(project),
            Self::Nowhere | Self::Unreadable | Self::Unknown(_) => None,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Nowhere | Self::Unreadable => "",
            Self::Known(project) => project.as_str(),
            Self::Unknown(name) => name,
        }
    }
}

/// What the audit says of a request, as far as it is known before the answer.
struct Audited {
    is_wanted: bool,
    who: String,
    from: String,
    action: String,
    what: String,
    project: Option<ProjectName>,
    request_id: Option<String>,
}

impl Audited {
    fn of(
        client: &Client,
        request: &Request,
        path: &MatchedPath,
        caller: Option<&Caller>,
        project: Option<ProjectName>,
    ) -> Self {
        Self {
            is_wanted: !request.method().is_safe(),
            who: caller.map_or_else(|| "nobody".to_owned(), |caller| caller.who.to_string()),
            from: client.address.to_string(),
            action: format!("{} {}", request.method(), path.as_str()),
            // Without the query: a link's code is in it.
            what: request.uri().path().chars().take(300).collect(),
            project,
            request_id: request.extensions().get::<RequestId>().map(|RequestId(id)| id.clone()),
        }
    }

    fn entry(self, response: &Response, noted: Option<Noted>) -> Option<AuditEntry> {
        if !self.is_wanted {
            return None;
        }
        let failure = response.extensions().get::<Failure>();
        let (who, what) = match noted {
            Some(noted) => (noted.who, noted.what.unwrap_or(self.what)),
            None => (self.who, self.what),
        };
        let mut entry = line(who, self.action, response.status().as_u16());
        entry.from = Some(self.from);
        entry.what = Some(what);
        entry.project = self.project;
        entry.code = failure.map(|failure| failure.code().to_owned());
        entry.request_id = self.request_id;
        Some(entry)
    }
}
