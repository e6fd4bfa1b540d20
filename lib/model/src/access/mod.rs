//! Who may do what: people, keys and services, their roles in projects, and the one table of rights.
//!
//! Decisions are pure: who somebody is gets found out elsewhere, what they may is answered here.

pub mod asked;
pub mod audit;
mod binding;
mod caller;
mod documents;
mod may;
mod role;
mod table;
mod user_name;

pub use audit::AuditEntry;
pub use binding::{Binding, MAX_BINDINGS, Powers, ProjectScope, Standing};
pub use caller::{Caller, Who};
pub use documents::{
    Admins, ApiKey, Identity, Invitation, Project, Quotas, ServiceAccount, Session, SigningKey, SigningKeys,
    User,
};
pub use may::{Needs, Verdict, may};
pub use role::Role;
pub use table::{Line, Method, REQUESTS, ROUTES, needs_of_request, needs_of_route};
pub use user_name::{NotAUserName, USER_NAME_PATTERN, UserName};
