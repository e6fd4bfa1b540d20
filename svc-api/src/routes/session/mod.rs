//! Sign-in of the page.

pub(crate) mod cookie;
pub(crate) mod exchange;
pub(crate) mod provider;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod ways;
