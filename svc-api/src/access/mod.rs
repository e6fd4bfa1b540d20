//! Who is let in, and what they may: the only part of the API that knows passwords, sessions, keys and tokens.

pub(crate) mod audit;
mod by;
mod client;
mod first_admin;
mod guard;
mod identify;
mod installation;
pub(crate) mod keys;
mod links;
mod lockout;
pub(crate) mod password;
pub(crate) mod projects;
mod same_origin;
pub(crate) mod services;
pub(crate) mod sessions;
pub(crate) mod shelf;
mod table;
pub(crate) mod token;
pub(crate) mod unreadable;
pub(crate) mod users;

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_model::ProjectName;
use emboflow_records::SharedRecords;
use emboflow_service::Shutdown;
use ipnet::IpNet;

pub(crate) use by::{By, BySession};
pub(crate) use client::Client;
pub(crate) use first_admin::invite_first_admin;
pub(crate) use guard::{Noted, check_no_foreign_page, guard};
pub(crate) use identify::Known;
pub(crate) use identify::identify;
pub(crate) use table::check as check_table;

use self::audit::Audit;
use self::installation::Installation;
use self::keys::Keys;
use self::links::Links;
use self::lockout::Lockout;
use self::projects::Projects;
use self::services::Services;
use self::sessions::Sessions;
use self::users::Users;
use crate::config::Config;

/// All that is known of who is let in.
pub(crate) struct Access {
    pub(crate) installation: Installation,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) keys: Keys,
    pub(crate) links: Links,
    pub(crate) services: Services,
    pub(crate) projects: Projects,
    pub(crate) audit: Audit,
    pub(crate) lockout: Lockout,
    pub(crate) trusted_proxies: Vec<IpNet>,
    public_url: Option<String>,
}

impl Access {
    /// Reads what is kept, and makes what must be there.
    pub(crate) async fn start(
        config: &Config,
        records: &SharedRecords,
        bus: &Bus,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let installation = Installation::new(&config.token, config.page_code.as_ref())?;
        let default = ProjectName::new("default").expect("`default` has the form of a name");
        let projects = config.projects.iter().cloned().chain([default]);
        let projects = Projects::start(records.clone(), bus, projects, shutdown)
            .await
            .context("reading the projects")?;
        Sessions::new(records.clone(), installation.mark()).start_tidying(shutdown);
        Ok(Self {
            users: Users::new(records.clone(), bus),
            sessions: Sessions::new(records.clone(), installation.mark()),
            keys: Keys::new(records.clone(), bus),
            links: Links::new(records.clone()),
            services: Services::new(records.clone(), bus, &config.token, &config.instance),
            projects,
            audit: Audit::start(records.clone(), config.audit_days, shutdown),
            lockout: Lockout::default(),
            trusted_proxies: config.trusted_proxies.clone(),
            public_url: config.public_url.clone(),
            installation,
        })
    }

    /// The path of the page's public address, with `/` at both ends.
    pub(crate) fn public_path(&self) -> String {
        let rest = self.public_url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
        let path = rest.and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
        match path.trim_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        }
    }

    /// The host of the page's public address, with its port if it has one.
    pub(crate) fn public_host(&self) -> Option<&str> {
        let (_, rest) = self.public_url.as_deref()?.split_once("://")?;
        rest.split('/').next()
    }
}
