//! API keys: people's programs.

pub(crate) mod end;
pub(crate) mod list;
pub(crate) mod make;
mod view;
