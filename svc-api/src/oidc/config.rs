//! What the API is told of an identity provider.

use std::path::PathBuf;

use emboflow_model::access::{ProjectScope, Standing};
use emboflow_service::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An identity provider that people sign in at (OpenID Connect). Needs `public_url`; the address that the provider sends
/// people back to is that with `oidc` behind it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its issuer URL, exactly as it calls itself; `https`, or `http` on this machine.
    pub issuer: String,
    /// What it calls this installation.
    pub client_id: String,
    /// The secret that it has given to this installation; none for a public client.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// What people call it, for the page. Default `single sign-on`.
    #[serde(default = "default_label")]
    pub label: String,
    /// What is asked for beside `openid`. Default `profile` and `email`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The claim with the name that a new user gets. Default `preferred_username`.
    #[serde(default = "default_name_claim")]
    pub name_claim: String,
    /// The claim with the groups that somebody is in. Default `groups`.
    #[serde(default = "default_groups_claim")]
    pub groups_claim: String,
    /// Whoever signs in for the first time becomes a user. Default true. One without a role sees no project.
    #[serde(default = "default_make_users")]
    pub make_users: bool,
    /// Only people in one of these groups are let in. Default everybody whom the provider knows.
    #[serde(default)]
    pub allowed_groups: Vec<String>,
    /// Roles by group. When there are any, a user's roles are set to what the groups give at each sign-in.
    #[serde(default)]
    pub roles: Vec<RoleRule>,
    /// People in one of these groups are administrators of the platform, as of each sign-in; nobody is when none is
    /// named here.
    #[serde(default)]
    pub admin_groups: Vec<String>,
    /// PEM file with the authorities that may have signed the provider's certificate, beside those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// What a group may.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// The group, as the provider calls it.
    pub group: String,
    /// The project, or `*` for all.
    pub project: ProjectScope,
    /// The role there, or `denied`, which wins over every other.
    pub role: Standing,
}

fn default_label() -> String {
    "single sign-on".to_owned()
}

fn default_scopes() -> Vec<String> {
    vec!["profile".to_owned(), "email".to_owned()]
}

fn default_name_claim() -> String {
    "preferred_username".to_owned()
}

fn default_groups_claim() -> String {
    "groups".to_owned()
}

const fn default_make_users() -> bool {
    true
}
