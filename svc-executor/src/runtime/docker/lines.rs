//! Gives long lines their end back: Docker cuts lines at 16 KiB, and its `local` log driver forgets the line feed behind
//! the last part.

use bollard::container::LogOutput;
use bytes::{Bytes, BytesMut};

/// Bytes of a part that is not the last one of its line, always.
const PART: usize = 16 * 1024;

/// Which of the two streams is in the middle of a line.
#[derive(Default)]
pub(super) struct LongLines {
    out: bool,
    err: bool,
}

impl LongLines {
    /// The bytes of one piece of log, as the program wrote them.
    pub(super) fn restore(&mut self, piece: LogOutput) -> Bytes {
        let within = if matches!(piece, LogOutput::StdErr { .. }) { &mut self.err } else { &mut self.out };
        let bytes = piece.into_bytes();
        let ended = bytes.last() == Some(&b'\n');
        let goes_on = !ended && bytes.len() == PART;
        let lost_its_end = *within && !ended && !goes_on;
        *within = goes_on;
        if !lost_its_end {
            return bytes;
        }
        let mut whole = BytesMut::from(&bytes[..]);
        whole.extend_from_slice(b"\n");
        whole.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(bytes: &[u8]) -> LogOutput {
        LogOutput::StdOut { message: Bytes::copy_from_slice(bytes) }
    }

    fn err(bytes: &[u8]) -> LogOutput {
        LogOutput::StdErr { message: Bytes::copy_from_slice(bytes) }
    }

    fn restored(pieces: Vec<LogOutput>) -> Vec<u8> {
        let mut lines = LongLines::default();
        pieces.into_iter().flat_map(|piece| lines.restore(piece).to_vec()).collect()
    }

    #[test]
    fn the_last_part_of_a_long_line_gets_its_line_feed_back() {
        let part = [b'x'; PART];
        let whole = restored(vec![out(&part), out(b"yy"), out(b"next\n")]);
        assert_eq!(&whole[PART..], b"yy\nnext\n");
        let exact = restored(vec![out(&part), out(&part), out(b""), out(b"next\n")]);
        assert_eq!(&exact[2 * PART..], b"\nnext\n");
    }

    #[test]
    fn what_needs_no_mending_stays_as_it_is() {
        assert_eq!(restored(vec![out(b"a\n"), out(b"\n"), out(b"no end")]), b"a\n\nno end");
        let part = [b'x'; PART];
        let mended_by_docker = restored(vec![out(&part), out(b"yy\n")]);
        assert_eq!(&mended_by_docker[PART..], b"yy\n");
    }

    #[test]
    fn the_two_streams_do_not_disturb_each_other() {
        let part = [b'x'; PART];
        let mixed = restored(vec![out(&part), err(b"oops\n"), err(b"p"), out(b"yy")]);
        assert_eq!(&mixed[PART..], b"oops\npyy\n");
    }
}
