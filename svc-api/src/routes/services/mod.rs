//! Services: programs with an account of their own.

pub(crate) mod list;
pub(crate) mod make;
pub(crate) mod remove;
pub(crate) mod rotate;
pub(crate) mod tokens;
