//! Small documents that people and services keep (users, keys, projects, secrets, triggers …), changed only from the
//! version that was read.

/// A kept document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The project it belongs to; empty for the installation's own.
    pub scope: String,
    /// Its name, unique in its kind and scope.
    pub name: String,
    /// Grows by 1 with each change, from a random number: a document that was dropped and made again has none of its
    /// former versions, so that nobody changes it for the one that he read. Below 2^53, so that JSON keeps it.
    pub version: u64,
    /// JSON.
    pub body: String,
}

/// The version of a document that is made anew, up to 2^48.
pub(crate) fn first_version() -> u64 {
    1 + (uuid::Uuid::new_v4().as_u64_pair().1 & ((1 << 48) - 1))
}
