//! `emboflow login`, `emboflow logout`, `emboflow whoami`

use std::path::PathBuf;

use emboflow_model::Timestamp;
use emboflow_protocol::http::access::{CallerKind, MeView, PasswordSignIn};
use reqwest::{Method, Response, Url, header};

use super::Shared;
use super::context::warn_of_the_folder;
use super::secret_input::{self, From};
use crate::client::{By, Client, Credential, Found};
use crate::context::{Context, Contexts};
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Sign in at a server, and keep it as a context
#[derive(Debug, clap::Args)]
#[command(after_help = "The password is asked for, or read from standard input where no terminal is.")]
pub(crate) struct Login {
    /// Name of the user; asked for when it is left out
    #[arg(long, short, value_name = "NAME", conflicts_with = "key_file")]
    user: Option<String>,
    /// File with the password (- reads standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    password_file: Option<PathBuf>,
    /// File with an API key, to sign in a program (- reads standard input)
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Name of the context [default: the context that is used, or one made of the server's name]
    #[arg(long, value_name = "NAME")]
    keep_as: Option<String>,
    /// Send the password over plain HTTP to another machine, where everybody on the way can read it
    #[arg(long)]
    insecure_http: bool,
}

impl Login {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let contexts = Contexts::needed()?;
        let Found { base, by, .. } = shared.target().find()?;
        let client = shared.client()?.asked_by(None);
        if !self.insecure_http && is_overheard(&base) {
            return Err(Failure::usage(format!(
                "{base} speaks plain HTTP, and everybody on the way could read the sign-in; use its https address, \
                 or --insecure-http"
            )));
        }
        let mut context = match &self.key_file {
            Some(file) => {
                let key = secret_input::read(&From::File(file), "key")?;
                Context { key: Some(key), ..Context::of(client.server()) }
            }
            None => self.with_password(&client).await?,
        };
        let credential = context.key.clone().map(Credential::Bearer);
        let credential = credential.or(context.session.clone().map(Credential::Session));
        let me: MeView = {
            let client = client.asked_by(credential);
            client.get(client.global(&["me"])).await?
        };
        let name = match (self.keep_as.clone(), by) {
            (Some(name), _) | (None, By::Context(name)) => name,
            (None, _) => name_of(&base),
        };
        context.user = me.name.clone();
        context.project = project(shared, contexts.read(&name)?.and_then(|before| before.project), &me);
        contexts.keep(&name, &context)?;
        contexts.take_into_use(&name)?;
        output.message(&format!(
            "signed in at {} as {}; context {name} is in use",
            client.server(),
            called(&me)
        ));
        if let Some(project) = &context.project {
            output.message(&format!("  commands without --project are about {project}"));
        }
        warn_of_the_folder(shared, output);
        Ok(())
    }

    async fn with_password(&self, client: &Client) -> Result<Context, Failure> {
        let user = match &self.user {
            Some(user) => user.clone(),
            None => secret_input::ask_openly("user")?,
        };
        let from = self.password_file.as_deref().map_or(From::Person { twice: false }, From::File);
        let password = secret_input::read(&from, "password")?;
        let request = client.request(Method::POST, client.below(&["session"]));
        let agent = format!("emboflow {} on {}", env!("CARGO_PKG_VERSION"), machine());
        let request = request.header(header::USER_AGENT, agent);
        let answer = client.send(request.json(&PasswordSignIn { user, password })).await?;
        let (session, expires_at) = session_of(&answer)
            .ok_or_else(|| anyhow::anyhow!("{} signed in, but gave no session", client.server()))?;
        Ok(Context { session: Some(session), expires_at, ..Context::of(client.server()) })
    }
}

/// End the session of the context, and forget how it signed in
#[derive(Debug, clap::Args)]
pub(crate) struct Logout {}

impl Logout {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let contexts = Contexts::needed()?;
        let Found { by: By::Context(name), .. } = shared.target().find()? else {
            return Err(Failure::usage("no context is in use here; name one with --context"));
        };
        let context = contexts.find(&name)?;
        let ended = match &context.session {
            Some(session) => {
                let client = shared.client()?.asked_by(Some(Credential::Session(session.clone())));
                client.send(client.request(Method::DELETE, client.below(&["session"]))).await.map(|_| ())
            }
            None => Ok(()),
        };
        // Forgotten here in any case: nobody else may find it.
        contexts
            .keep(&name, &Context { project: context.project.clone(), ..Context::of(&context.server) })?;
        output.message(&format!("context {name} is signed out"));
        if context.key.is_some() {
            output.message("  its key stays good until somebody revokes it: `emboflow key revoke`");
        }
        ended.inspect_err(|_| {
            output.message("  the session is still good on the server, which did not end it:")
        })
    }
}

/// Show as whom commands ask, and what they may
#[derive(Debug, clap::Args)]
pub(crate) struct WhoAmI {}

impl WhoAmI {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let me: MeView = client.get(client.global(&["me"])).await?;
        let name = me.name.clone().unwrap_or_else(|| "local".to_owned());
        let whence = match client.found_by() {
            By::Name => "as it was named".to_owned(),
            By::DataDir => format!("as {} says", shared.data_dir().display()),
            By::Context(name) => format!("context {name}"),
        };
        output.one(&me, &name, |output| {
            output.line(&format!("{} at {} ({whence})", called(&me), client.server()))?;
            if me.platform_admin {
                output.line("administrator of the platform")?;
            }
            output.line(&format!("project   {}", client.project()))?;
            let rows = me.projects.iter().map(|at| vec![at.project.to_string(), at.role.to_string()]);
            let rows: Vec<_> = rows.collect();
            if rows.is_empty() {
                output.message("no project is open to you; an administrator can change that");
                return Ok(());
            }
            output.line("")?;
            output.table(&["PROJECT", "ROLE"], rows)
        })?;
        Ok(())
    }
}

/// The caller in words.
fn called(me: &MeView) -> String {
    let name = me.name.as_deref().unwrap_or_default();
    match me.kind {
        CallerKind::User => name.to_owned(),
        CallerKind::Key => format!("a key of {name}"),
        CallerKind::Service => format!("the service {name}"),
        CallerKind::Local => "whoever has the installation's token".to_owned(),
    }
}

/// The project of the new context: as it was told, as it was before, or the only one there is.
fn project(shared: &Shared, before: Option<String>, me: &MeView) -> Option<String> {
    let is_open = |name: &String| me.projects.iter().any(|at| at.project.as_str() == name);
    let told = shared.target().project;
    let only = me.projects.first().filter(|_| me.projects.len() == 1).map(|at| at.project.to_string());
    told.or(before.filter(is_open)).or(only)
}

/// The cookie of the session, and when it ends.
fn session_of(answer: &Response) -> Option<(String, Option<Timestamp>)> {
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut sessions = cookies.filter_map(|cookie| read_cookie(cookie, text::now()));
    sessions.next()
}

fn read_cookie(cookie: &str, now: Timestamp) -> Option<(String, Option<Timestamp>)> {
    let mut parts = cookie.split(';').map(str::trim);
    let pair =
        parts.next().filter(|pair| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty()))?;
    let ages = parts.filter_map(|part| part.split_once('='));
    let age =
        ages.filter(|(name, _)| name.eq_ignore_ascii_case("max-age")).find_map(|(_, age)| age.parse().ok());
    Some((pair.to_owned(), age.map(|seconds: u64| now.plus_ms(seconds.saturating_mul(1_000)))))
}

/// Whether what is sent there crosses a network in plain text.
fn is_overheard(base: &Url) -> bool {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    base.scheme() == "http" && !is_here
}

/// A context's name made of a server's.
fn name_of(base: &Url) -> String {
    let host = base.host_str().unwrap_or("server").to_ascii_lowercase();
    let name: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase());
    let name = if starts_well { name.to_owned() } else { format!("at-{name}") };
    name.chars().take(63).collect()
}

fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_of_a_session_is_read_with_its_end_and_an_emptied_one_is_none() {
        let read = |cookie| read_cookie(cookie, Timestamp(1_000));
        let (pair, end) = read("emboflow_session_1=a=b; Max-Age=60; HttpOnly; SameSite=Strict").unwrap();
        assert_eq!((pair.as_str(), end), ("emboflow_session_1=a=b", Some(Timestamp(61_000))));
        assert_eq!(read("s=x").unwrap().1, None);
        assert_eq!(read("s=; Max-Age=0"), None);
    }

    #[test]
    fn a_password_leaves_this_machine_only_over_tls() {
        let overheard = |url: &str| is_overheard(&url.parse().unwrap());
        for safe in ["https://lab.example", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:2"] {
            assert!(!overheard(safe), "{safe}");
        }
        for open in ["http://lab.example", "http://10.0.0.1:8080", "http://localhost.example"] {
            assert!(overheard(open), "{open}");
        }
    }

    #[test]
    fn a_context_is_named_after_its_server() {
        let name = |url: &str| name_of(&url.parse().unwrap());
        assert_eq!(name("https://Flow.Example.org/x"), "flow-example-org");
        assert_eq!(name("http://127.0.0.1:8080"), "at-127-0-0-1");
        assert_eq!(name("http://[::1]:8080"), "at-1");
    }
}
