//! The bare programs: the same NATS settings, SQLite, disk and Docker, and none of the platform's code.

pub(crate) mod containers;
pub(crate) mod files;
pub(crate) mod log;
pub(crate) mod object_server;
pub(crate) mod pipeline;
pub(crate) mod sockets;
