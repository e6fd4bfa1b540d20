//! A single byte range, as a `Range` header asks for it.

use std::ops::Range;

/// Which bytes of an object are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeRequest {
    /// `bytes=5-`.
    From(u64),
    /// `bytes=5-9`, the end included.
    Between(u64, u64),
    /// `bytes=-5`: the last five.
    Last(u64),
}

/// No byte of the object is in the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the range lies outside the object of {size_bytes} bytes")]
pub struct RangeOutside {
    /// Size of the object.
    pub size_bytes: u64,
}

impl RangeRequest {
    /// Reads a header. A header that is malformed, of another unit or with several ranges asks for nothing, so
    /// the whole object is the answer (RFC 9110 §14.2).
    pub fn parse(header: &str) -> Option<Self> {
        let (first, last) = header.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
        let number =
            |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        match (first, last) {
            ("", length) => number(length).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// The bytes of an object of this size.
    pub fn resolve(self, size_bytes: u64) -> Result<Range<u64>, RangeOutside> {
        let range = match self {
            Self::From(first) => first..size_bytes,
            Self::Between(first, last) => first..last.saturating_add(1).min(size_bytes),
            Self::Last(length) => size_bytes.saturating_sub(length)..size_bytes,
        };
        if range.is_empty() { Err(RangeOutside { size_bytes }) } else { Ok(range) }
    }

    /// The header that asks for this range.
    pub fn header(self) -> String {
        match self {
            Self::From(first) => format!("bytes={first}-"),
            Self::Between(first, last) => format!("bytes={first}-{last}"),
            Self::Last(length) => format!("bytes=-{length}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_range_is_cut_to_the_object() {
        for (header, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-", 2..10),
            ("bytes=2-5", 2..6),
            ("bytes=8-99", 8..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("bytes=0-18446744073709551615", 0..10),
        ] {
            let request = RangeRequest::parse(header).unwrap();
            assert_eq!(request.resolve(10), Ok(range), "{header}");
            assert_eq!(RangeRequest::parse(&request.header()), Some(request));
        }
    }

    #[test]
    fn a_range_without_a_byte_of_the_object_is_outside() {
        for (header, size_bytes) in
            [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=50-60", 10)]
        {
            let request = RangeRequest::parse(header).unwrap();
            assert_eq!(request.resolve(size_bytes), Err(RangeOutside { size_bytes }), "{header}");
        }
    }

    #[test]
    fn what_is_not_one_range_is_no_request() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=1-2",
            "bytes=+1-2",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(RangeRequest::parse(header), None, "{header}");
        }
    }
}
