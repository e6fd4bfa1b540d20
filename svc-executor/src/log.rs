//! The log of an attempt: from the engine to a spool on disk, from there to watchers and into storage, then sealed.

mod archive;
mod forms;
mod mask;
mod pump;
mod spool;

pub(crate) use archive::{Archive, seal};
pub(crate) use mask::Mask;
pub(crate) use pump::{Pump, Source};
pub(crate) use spool::{Cut, Spool, Sum};
