//! For tests of this and other crates.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod weed;
