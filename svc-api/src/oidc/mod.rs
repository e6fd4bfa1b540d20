//! Sign-in at an identity provider: authorization code with PKCE, a nonce, and a state that only the browser that began
//! can use, once.

mod config;
mod http;
mod people;
mod provider;
mod waiting;

pub use config::{Oidc as OidcConfig, RoleRule};
pub(crate) use people::user_of;
pub(crate) use provider::Provider;
