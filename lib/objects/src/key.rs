//! Names of objects, and what a name may not be.

use std::fmt;

const KEY_MAX_BYTES: usize = 1024;
// A directory keeps a segment as a file name of at most 255 bytes, with a suffix of its own behind it.
const SEGMENT_MAX_BYTES: usize = 240;

/// A checked object key: `/`-separated segments, safe as a path below a root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Takes a key as it is after percent-decoding.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadKey> {
        let text = text.into();
        check(&text)?;
        Ok(Self(text))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of keys: complete segments, then perhaps the beginning of one more. May be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// Takes a prefix as it is after percent-decoding.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadKey> {
        let text = text.into();
        // A key that could follow must be possible: complete the last segment and look at that.
        let example = if text.is_empty() || text.ends_with('/') { format!("{text}x") } else { text.clone() };
        match check(&example) {
            Ok(()) => Ok(Self(text)),
            // `a/.` is the beginning of `a/.hidden`.
            Err(BadKey::Dots) if check(&format!("{example}x")).is_ok() => Ok(Self(text)),
            Err(error) => Err(error),
        }
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part up to and with the last `/`: the folder in which every match lies.
    pub(crate) fn folder(&self) -> &str {
        &self.0[..self.0.rfind('/').map_or(0, |at| at + 1)]
    }
}

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No bytes or too many.
    #[error("an object key has 1 to {KEY_MAX_BYTES} bytes")]
    Length,
    /// `a//b`, `/a`, `a/`.
    #[error("an object key has no empty segment: no leading, trailing or doubled `/`")]
    EmptySegment,
    /// Too long for a file name.
    #[error("a segment of an object key has at most {SEGMENT_MAX_BYTES} bytes")]
    LongSegment,
    /// `.` or `..`.
    #[error("`.` and `..` are no segments of an object key")]
    Dots,
    /// Backslash, NUL, control or text-direction character.
    #[error("an object key holds no backslash, control or text-direction character")]
    Character,
    /// Percent-encoded twice, to be decoded by somebody else.
    #[error("an object key holds no percent-encoded dot, slash, backslash or control character")]
    Encoded,
    /// Bytes that are not UTF-8.
    #[error("an object key is UTF-8")]
    NotUtf8,
}

fn check(key: &str) -> Result<(), BadKey> {
    if key.is_empty() || key.len() > KEY_MAX_BYTES {
        return Err(BadKey::Length);
    }
    if key.chars().any(is_refused) {
        return Err(BadKey::Character);
    }
    if has_encoded_trick(key.as_bytes()) {
        return Err(BadKey::Encoded);
    }
    for segment in key.split('/') {
        match segment {
            "" => return Err(BadKey::EmptySegment),
            "." | ".." => return Err(BadKey::Dots),
            _ if segment.len() > SEGMENT_MAX_BYTES => return Err(BadKey::LongSegment),
            _ => {}
        }
    }
    Ok(())
}

fn is_refused(character: char) -> bool {
    let changes_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character == '\\' || character.is_control() || changes_direction
}

fn has_encoded_trick(key: &[u8]) -> bool {
    key.windows(3).filter(|window| window[0] == b'%').any(|window| {
        let code = std::str::from_utf8(&window[1..]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        code.is_some_and(|byte| matches!(byte, b'.' | b'/' | b'\\' | b'%' | 0..=31 | 127))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_keys_are_taken_as_they_are() {
        for key in
            ["a", "p/runs/run-1/x.log", ".emboflow/probe/1", "größe/图.png", "a b/c+d&e", "100%/50%25x"]
        {
            let taken = ObjectKey::parse(key).map(|key| key.to_string());
            let expected = if key.contains("%25") { Err(BadKey::Encoded) } else { Ok(key.to_owned()) };
            assert_eq!(taken, expected, "{key}");
        }
        assert!(ObjectKey::parse(vec!["a".repeat(127); 8].join("/")).is_ok());
    }

    #[test]
    fn keys_that_could_leave_the_root_or_deceive_are_refused() {
        use BadKey::{Character, Dots, EmptySegment, Encoded, Length, LongSegment};
        let long = "a".repeat(241);
        let endless = "a/".repeat(513) + "a";
        for (key, error) in [
            ("", Length),
            (endless.as_str(), Length),
            ("/a", EmptySegment),
            ("a/", EmptySegment),
            ("a//b", EmptySegment),
            ("..", Dots),
            ("a/../b", Dots),
            ("./a", Dots),
            ("a\\b", Character),
            ("a\0b", Character),
            ("a\nb", Character),
            ("a\u{202e}gnp.exe", Character),
            ("a/%2e%2e/b", Encoded),
            ("a%2Fb", Encoded),
            ("a%5cb", Encoded),
            ("a%00", Encoded),
            ("%252e", Encoded),
            (long.as_str(), LongSegment),
        ] {
            assert_eq!(ObjectKey::parse(key), Err(error), "{key:?}");
        }
    }

    #[test]
    fn a_prefix_may_end_within_a_segment() {
        for (prefix, folder) in
            [("", ""), ("a", ""), ("a/", "a/"), ("a/b", "a/"), ("a/.", "a/"), ("a/b/", "a/b/")]
        {
            assert_eq!(
                KeyPrefix::parse(prefix).map(|p| p.folder().to_owned()),
                Ok(folder.to_owned()),
                "{prefix}"
            );
        }
        for prefix in ["/", "a//", "../", "a/../b", "a\0"] {
            assert!(KeyPrefix::parse(prefix).is_err(), "{prefix:?}");
        }
    }
}
