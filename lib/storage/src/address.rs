//! Keys as paths of URLs.

use crate::Error;
use std::fmt::Write;

/// The path of an object. A key with a `.` or `..` segment is refused here, because URL libraries resolve those
/// before anything is sent.
pub(crate) fn object_path(key: &str) -> Result<String, Error> {
    if key.is_empty() || key.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Error::BadKey { key: key.to_owned() });
    }
    let mut path = String::from("/objects/");
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                path.push(byte as char)
            }
            _ => write!(path, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(object_path("p/run-1/a_b.log").unwrap(), "/objects/p/run-1/a_b.log");
        assert_eq!(object_path("p/a b?c#d%e+é").unwrap(), "/objects/p/a%20b%3Fc%23d%25e%2B%C3%A9");
    }

    #[test]
    fn a_key_that_a_url_would_resolve_is_refused() {
        for key in ["", "..", "a/../b", "./a", "a//b", "/a", "a/"] {
            assert!(matches!(object_path(key), Err(Error::BadKey { .. })), "{key}");
        }
    }
}
