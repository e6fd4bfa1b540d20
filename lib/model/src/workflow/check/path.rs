//! Paths of outputs: inside of the workspace, and fit to be stored under their own name.

use crate::workflow::limits::MAX_PATH_BYTES;

/// Checks a path relative to the workspace, such as `out/report.html` or `out/`. Errors: what is wrong, in words.
pub fn check_output_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(format!("the path has {} bytes; it may have {MAX_PATH_BYTES}", path.len()));
    }
    if path.starts_with('/') {
        return Err("the path starts with `/`, but it must be relative to the workspace".to_owned());
    }
    if path.contains('\\') {
        return Err("the path contains a backslash; folders are separated by `/`".to_owned());
    }
    if path.chars().any(char::is_control) {
        return Err("the path contains a control character".to_owned());
    }
    for part in path.strip_suffix('/').unwrap_or(path).split('/') {
        match part {
            ".." => return Err("the path contains `..` and could leave the workspace".to_owned()),
            "." => return Err("the path contains `.`, which says nothing".to_owned()),
            "" => return Err("the path contains an empty part (`//`)".to_owned()),
            _ if part.len() > 255 => return Err("a part of the path is longer than 255 bytes".to_owned()),
            _ => {}
        }
    }
    Ok(())
}
