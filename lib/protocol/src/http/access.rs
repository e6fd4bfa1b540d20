//! Bodies about who may do what: signing in, people, projects and their members, sessions, keys.

use emboflow_model::access::{Powers, ProjectScope, Quotas, Role, Standing, UserName, asked};
use emboflow_model::{ProjectName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer of `GET /session/ways`: how a browser can sign in here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInWays {
    /// With a user's name and password.
    pub password: bool,
    /// With the token of the installation.
    pub token: bool,
    /// At an identity provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderWay>,
}

/// An identity provider that people sign in at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderWay {
    /// What people call it.
    pub label: String,
}

/// Body of `POST /session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SignInBody {
    /// As a user.
    User(PasswordSignIn),
    /// With the token of the installation.
    Token(TokenSignIn),
}

/// A user's name and password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordSignIn {
    /// The name.
    #[schemars(length(max = 64))]
    pub user: String,
    /// The password.
    #[schemars(length(max = 256))]
    pub password: String,
}

/// The token of the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSignIn {
    /// The token.
    pub token: String,
}

/// What sort of caller asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// A person who has signed in.
    User,
    /// A program with an API key of a person.
    Key,
    /// A program with a token of its own account.
    Service,
    /// Whoever has the installation's token.
    Local,
}

/// Answer of `GET /api/v1/me`: who asks, and what they may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeView {
    /// What sort of caller it is.
    pub kind: CallerKind,
    /// The name of the user, of the key's owner or of the service; none for the installation's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How people call the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Administrator of the platform.
    pub platform_admin: bool,
    /// The projects that the caller may see, with the role in each.
    pub projects: Vec<Membership>,
    /// The session that the request came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The key that the request came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the user signs in with a password, which can be changed here.
    #[serde(default)]
    pub has_password: bool,
    /// The session began with a one-time link: a password can be chosen without the one of before.
    #[serde(default)]
    pub by_link: bool,
}

/// A project, and what somebody is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Membership {
    /// The project.
    pub project: ProjectName,
    /// The role.
    pub role: Role,
}

/// Body of `POST /api/v1/me/password`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// The password of until now; left out by who has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub current: Option<String>,
    /// The new one.
    #[schemars(length(max = 256))]
    pub password: String,
}

/// A user, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserView {
    /// The name that the user signs in with.
    pub name: UserName,
    /// How people call the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// What the user may.
    pub powers: Powers,
    /// The user cannot sign in, and no key of the user works.
    pub disabled: bool,
    /// Whether the user has a password.
    pub has_password: bool,
    /// Too many wrong passwords: no sign-in before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// When the user was made.
    pub created_at: Timestamp,
    /// The last sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sign_in_at: Option<Timestamp>,
}

/// Body of `POST /api/v1/users`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name to sign in with.
    pub name: UserName,
    /// How people call the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub display: Option<String>,
    /// The password; without one the answer has a link with which the user chooses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub password: Option<String>,
    /// What the user may.
    #[serde(default, deserialize_with = "asked::powers")]
    pub powers: Powers,
}

/// Answer to a new user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserMade {
    /// The user.
    pub user: UserView,
    /// A link with which the user chooses a password, where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<OneTimeLink>,
}

/// A link that signs in once; shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OneTimeLink {
    /// The address, relative to that of the page: `session?code=…`.
    pub link: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Body of `PATCH /api/v1/users/{user}`: what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// How people call the user; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub display: Option<String>,
    /// A new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub password: Option<String>,
    /// All that the user may from now on.
    #[serde(default, deserialize_with = "asked::maybe_powers", skip_serializing_if = "Option::is_none")]
    pub powers: Option<Powers>,
    /// Whether the user is kept out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectView {
    /// Its name.
    pub name: ProjectName,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it may use.
    #[serde(default)]
    pub quotas: Quotas,
    /// The caller's role in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// When it was made; none for a project that is there from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// How much a project stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectUsage {
    /// Bytes of all its objects: artifacts, logs and uploads.
    pub stored_bytes: u64,
    /// Number of its objects.
    pub objects: u64,
    /// False when there are so many that only some were counted: it stores more than that.
    pub complete: bool,
    /// How long ago it was counted.
    pub age_ms: u64,
    /// Bytes that it may store; none when nothing bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u64>,
}

/// Body of `POST /api/v1/projects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Its name.
    pub name: ProjectName,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1_000))]
    pub description: Option<String>,
    /// What it may use.
    #[serde(default, deserialize_with = "asked::quotas")]
    pub quotas: Quotas,
}

/// Body of `PATCH /api/v1/projects/{project}`: what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// What it is for; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1_000))]
    pub description: Option<String>,
    /// All of what it may use from now on.
    #[serde(default, deserialize_with = "asked::maybe_quotas", skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
}

/// A user who has a binding that is about a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberView {
    /// The user.
    pub user: UserName,
    /// What the binding says.
    pub role: Standing,
    /// The projects that the binding is about: this one, or all of them.
    pub scope: ProjectScope,
}

/// Body of `PUT /api/v1/projects/{project}/members/{user}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    /// The role in this project, or `denied`.
    pub role: Standing,
}

/// Query of `GET /api/v1/sessions` and `GET /api/v1/keys`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnedQuery {
    /// Those of this user, or `*` for everybody's; for administrators of the platform. The caller's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Rows a page, 1 to 500; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// Its public id.
    pub id: String,
    /// Who signed in.
    pub user: UserName,
    /// When.
    pub created_at: Timestamp,
    /// The last request, to a few minutes.
    pub last_seen_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The address that signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the browser calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// It is the one that asks.
    pub current: bool,
}

/// An API key, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyView {
    /// Its public id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Whose it is: it never reaches further than its owner.
    pub owner: UserName,
    /// What it may, within what its owner may.
    pub powers: Powers,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; none = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The last request with it, to a few minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// The address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_from: Option<String>,
}

/// Body of `POST /api/v1/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for, 1 to 100 characters.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// What it may; left out: all that its owner may.
    #[serde(default, deserialize_with = "asked::maybe_powers", skip_serializing_if = "Option::is_none")]
    pub powers: Option<Powers>,
    /// Days until it ends, 1 to 3,650; left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3_650))]
    pub expires_in_days: Option<u32>,
}

/// Answer to a new key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyMade {
    /// The key.
    pub key: KeyView,
    /// Its value: shown this once, and kept nowhere.
    pub value: String,
}
