//! `emboflow user role NAME PROJECT ROLE`

use emboflow_model::access::{Powers, ProjectScope, Standing};
use emboflow_protocol::http::access::{MemberBody, MemberView, UserChange};
use reqwest::Method;

use super::{change, read};
use crate::cli::grants::{self, denied, scope, standing};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Give a user another role.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A project's own administrators may do this in their project; * and --platform-admin are for \
                        administrators of the platform."
)]
pub(crate) struct SetRole {
    /// The user
    name: String,
    /// A project, or * for all of them
    // `project` is what every command takes.
    #[arg(id = "of", value_name = "PROJECT", value_parser = scope, requires = "role")]
    project: Option<ProjectScope>,
    /// viewer, developer, operator, admin, denied, or none
    #[arg(value_parser = role)]
    role: Option<Wanted>,
    /// Make the user an administrator of the platform, or no longer
    #[arg(long, value_name = "true|false", conflicts_with = "of")]
    platform_admin: Option<bool>,
}

/// The role that is wanted; `none` takes the one there away.
#[derive(Clone, Copy, Debug)]
struct Wanted(Option<Standing>);

fn role(text: &str) -> Result<Wanted, String> {
    if text == "none" { Ok(Wanted(None)) } else { standing(text).map(|role| Wanted(Some(role))) }
}

impl SetRole {
    pub(super) async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        match (&self.project, self.role, self.platform_admin) {
            (Some(ProjectScope::One(project)), Some(Wanted(role)), _) => {
                self.in_project(client, project.as_str(), role).await?;
            }
            (Some(everywhere), Some(Wanted(role)), _) => {
                let (user, version) = read(client, &self.name).await?;
                let powers = grants::with(&user.powers, everywhere, role)?;
                self.powers(client, version, powers).await?;
            }
            (_, _, Some(platform_admin)) => {
                let (user, version) = read(client, &self.name).await?;
                self.powers(client, version, Powers { platform_admin, ..user.powers }).await?;
            }
            _ => return Err(Failure::usage("say PROJECT and ROLE, or --platform-admin")),
        }
        output.message(&self.said());
        Ok(())
    }

    async fn in_project(
        &self,
        client: &Client,
        project: &str,
        role: Option<Standing>,
    ) -> Result<(), Failure> {
        let members = client.global(&["projects", project, "members"]);
        let member = client.global(&["projects", project, "members", &self.name]);
        let Some(role) = role else {
            return client.send(client.request(Method::DELETE, member)).await.map(|_| ());
        };
        let here: Vec<MemberView> = client.list(members, usize::MAX).await?;
        let is_denied = here.iter().any(|one| {
            one.user.as_str() == self.name && one.role == Standing::Denied && one.scope != ProjectScope::All
        });
        if is_denied && role != Standing::Denied {
            return Err(denied(&scope(project).map_err(Failure::usage)?));
        }
        client.send(client.request(Method::PUT, member).json(&MemberBody { role })).await.map(|_| ())
    }

    async fn powers(
        &self,
        client: &Client,
        version: Option<reqwest::header::HeaderValue>,
        powers: Powers,
    ) -> Result<(), Failure> {
        let wanted = UserChange { powers: Some(powers), ..UserChange::default() };
        change(client, &self.name, version, &wanted).await.map(|_| ())
    }

    fn said(&self) -> String {
        let name = &self.name;
        match (&self.project, self.role, self.platform_admin) {
            (Some(project), Some(Wanted(None)), _) => {
                format!("{name} has no role of its own in {project} any more")
            }
            (Some(project), Some(Wanted(Some(role))), _) => {
                format!("{name} in {project}: {}", grants::word(role))
            }
            (_, _, Some(true)) => format!("{name} is an administrator of the platform"),
            _ => format!("{name} is no longer an administrator of the platform"),
        }
    }
}
