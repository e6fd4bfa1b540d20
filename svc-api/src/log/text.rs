//! Raw bytes of a log as text for the event stream, without tearing a character in two.

use emboflow_model::AttemptId;
use emboflow_protocol::http::LogFrame;

/// Turns live frames into text; the beginning of a character at the end of a frame waits for the next one.
pub(crate) struct TextFrames {
    attempt: String,
    carry: Vec<u8>,
    next: u64,
}

impl TextFrames {
    /// Frames of one attempt.
    pub(crate) fn new(attempt: AttemptId) -> Self {
        Self { attempt: attempt.to_string(), carry: Vec::new(), next: 0 }
    }

    /// Takes the bytes at this offset; none when there is nothing to show yet.
    pub(crate) fn take(&mut self, offset: u64, bytes: &[u8]) -> Option<LogFrame> {
        if offset != self.next {
            // Frames were lost: the rest of the character is lost with them.
            self.carry.clear();
        }
        let start = offset - self.carry.len() as u64;
        let mut raw = std::mem::take(&mut self.carry);
        raw.extend_from_slice(bytes);
        self.next = offset + bytes.len() as u64;
        self.carry = raw.split_off(raw.len() - unfinished(&raw));
        if raw.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(&raw).into_owned();
        Some(LogFrame { attempt: self.attempt.clone(), offset: start, text, size_bytes: raw.len() as u64 })
    }
}

/// Bytes at the end that begin a character and do not finish it.
fn unfinished(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let length = match byte {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            // In the middle of a character: its beginning is further back.
            0x80..=0xbf => continue,
            _ => return 0,
        };
        return if length > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> TextFrames {
        TextFrames::new("run-01jd8v7m2kq3x5w9c0hn4tz6ap.train.1".parse().unwrap())
    }

    #[test]
    fn a_character_that_is_torn_between_frames_stays_whole() {
        let text = "aé€😀z".as_bytes();
        for cut in 1..text.len() {
            let mut frames = frames();
            let first = frames.take(0, &text[..cut]);
            let second = frames.take(cut as u64, &text[cut..]).unwrap();
            let both = format!("{}{}", first.as_ref().map_or("", |frame| &frame.text), second.text);
            assert_eq!(both, "aé€😀z", "cut at {cut}");
            assert_eq!(second.offset, first.map_or(0, |frame| frame.offset + frame.size_bytes));
            assert_eq!(second.offset + second.size_bytes, text.len() as u64);
        }
    }

    #[test]
    fn noise_and_lost_frames_are_shown_as_far_as_they_can_be() {
        let mut frames = frames();
        assert_eq!(frames.take(0, b"\xffa\xe2\x82").unwrap().text, "\u{fffd}a");
        let after_loss = frames.take(100, b"\xacb").unwrap();
        assert_eq!((after_loss.offset, after_loss.text.as_str()), (100, "\u{fffd}b"));
        assert!(frames.take(102, b"").is_none());
    }
}
