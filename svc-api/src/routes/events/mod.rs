//! Events.

pub(crate) mod stream;
