//! Logs of attempts: sealed chunks in storage, the newest bytes still in NATS, put together by byte offset.

mod archive;
pub(crate) mod follow;
pub(crate) mod lines;
pub(crate) mod lossy;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod text;
