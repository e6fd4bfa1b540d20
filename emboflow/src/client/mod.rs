//! The HTTP client of the commands: where the server is, requests with problems as failures, lists page by page.

mod api;
pub(crate) mod events;
mod find;

pub(crate) use api::Client;
pub(crate) use find::{By, Credential, Found, Target, base};
