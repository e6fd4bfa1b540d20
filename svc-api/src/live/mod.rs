//! What happens, as it happens: one feed a process, one stream a listener.

pub(crate) mod ears;
pub(crate) mod executors;
pub(crate) mod feed;
pub(crate) mod frame;
pub(crate) mod kept;
pub(crate) mod listener;
pub(crate) mod missed;
mod order;
pub(crate) mod progress;
