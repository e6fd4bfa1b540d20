//! What is kept about people, keys, services and projects: the bodies of kept documents.
//!
//! No body has a secret in plain: of passwords an argon2id hash is kept, of every token its SHA-256 (it has 256 random
//! bits, so there is nothing to guess), and signing keys are derived from the installation's token.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Binding, Powers, UserName};
use crate::name::{ProjectName, ServiceName};
use crate::queue::Limits;
use crate::timestamp::Timestamp;

/// A person. Kind `user`, named as the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name that they sign in with.
    pub name: UserName,
    /// How they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Where they get mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// PHC text of the argon2id hash; none = cannot sign in with a password (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The same person at identity providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// Roles in projects.
    #[serde(default)]
    pub bindings: Vec<Binding>,
    /// Neither the person nor their keys are let in.
    #[serde(default)]
    pub disabled: bool,
    /// When the user was made.
    pub created_at: Timestamp,
    /// The newest sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sign_in_at: Option<Timestamp>,
}

/// Who a person is at an identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The provider's issuer URL.
    pub issuer: String,
    /// Its stable name for the person.
    pub subject: String,
}

/// The administrators of the platform, in one document: that one always remains is a compare-and-set. Kind `admins`,
/// named `platform`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admins {
    /// Their names; a name without an enabled user means nothing.
    pub names: BTreeSet<UserName>,
}

/// A browser that has signed in. Kind `session`, named `<user>/<SHA-256 of the token>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who; none for the person at the machine itself.
    pub user: Option<UserName>,
    /// A session of the person at the machine ends when the installation's token, of which this is a fingerprint, does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// A one-time link began it: its user may choose a password without naming the one of until now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_link: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used; written every few minutes only.
    pub last_seen_at: Timestamp,
    /// When it ends however much it is used.
    pub ends_at: Timestamp,
    /// Where it began.
    pub from: String,
    /// The browser, as it calls itself; cut to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// A key of a person for a program. Kind `api-key`, named by the SHA-256 of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// What it is for, in its owner's words.
    pub name: String,
    /// Whose it is.
    pub owner: UserName,
    /// What it may, within what its owner may at the time.
    pub powers: Powers,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; none = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used; written at most once a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// An account for a program of its own. Kind `service`, named as the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// The name.
    pub name: ServiceName,
    /// What it may.
    pub powers: Powers,
    /// When it was made.
    pub created_at: Timestamp,
    /// Tokens that were signed before are no longer good. Never in the past of `created_at`: a service that is made
    /// anew does not inherit the tokens of its namesake.
    pub tokens_since: Timestamp,
}

/// The keys that sign service tokens, the newest last. Kind `signing-keys`, named `service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeys {
    /// All that are accepted; the last one signs.
    pub keys: Vec<SigningKey>,
}

/// The name of a key that signs service tokens; the key itself is derived from it and the installation's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Its id in the header of tokens.
    pub kid: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A link that signs in once. Kind `invitation`, named by its user: a new link takes the place of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// SHA-256 of the code in the link.
    pub code: String,
    /// For whom.
    pub user: UserName,
    /// When the link ends.
    pub expires_at: Timestamp,
}

/// A tenant. Kind `project`, named as the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The name; part of subjects and of the storage prefix, so that it never changes.
    pub name: ProjectName,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it may use.
    #[serde(default)]
    pub quotas: Quotas,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a project may use; what is not given is not limited. A run request above a quota is rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Quotas {
    /// Runs that have not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_runs: Option<u64>,
    /// Runs of which nothing has started yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_runs: Option<u64>,
    /// Runs accepted within 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_per_minute: Option<u64>,
    /// Thousandths of a core that its open attempts hold together; tasks above it wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    /// Bytes of memory that its open attempts hold together; tasks above it wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Graphics processors that its open attempts hold together; tasks above it wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u64>,
    /// Bytes of everything that is stored: artifacts, logs and uploads. Above it no output and no upload is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
}

impl Quotas {
    /// What its open attempts may hold together.
    pub fn held(&self) -> Limits {
        Limits { cpu_millis: self.cpu_millis, memory_bytes: self.memory_bytes, gpu: self.gpu, slots: None }
    }
}
