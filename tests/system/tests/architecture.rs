//! The rules of the workspace's shape: which crate may use which, and how files may look.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture {
    mod arrows;
    mod documents;
    mod files;
}
