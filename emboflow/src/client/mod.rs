//! The HTTP client of the commands: where the server is, requests with problems as failures, lists page by page.

mod api;
mod find;
pub(crate) mod events;

pub(crate) use api::Client;
pub(crate) use find::Target;
