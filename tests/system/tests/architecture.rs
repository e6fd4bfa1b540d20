//! The rules of the workspace's shape: which crate may use which, and how files may look.

mod architecture {
    mod arrows;
    mod documents;
    mod files;
}
