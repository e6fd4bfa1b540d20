//! An attempt's log in storage: chunks named by the offset of their first byte.

use std::ops::Range;

/// A stored piece of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Offset in the log of its first byte.
    pub(crate) first: u64,
    /// Bytes.
    pub(crate) size: u64,
    /// The object.
    pub(crate) key: String,
}

/// Bytes of one object that belong to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The object.
    pub(crate) key: String,
    /// Bytes of the object.
    pub(crate) range: Range<u64>,
}

/// The chunks of a log in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Archive {
    chunks: Vec<Chunk>,
}

impl Archive {
    /// Reads a listing of keys and sizes; what is no chunk (the seal) is passed over.
    pub(crate) fn of_listing(listing: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut chunks: Vec<Chunk> = listing
            .into_iter()
            .filter_map(|(key, size)| {
                let first = key.rsplit('/').next()?.strip_suffix(".log")?.parse().ok()?;
                Some(Chunk { first, size, key })
            })
            .collect();
        chunks.sort_by_key(|chunk| chunk.first);
        Self { chunks }
    }

    /// Bytes from the start that are stored without a gap.
    pub(crate) fn end(&self) -> u64 {
        self.chunks.iter().fold(0, |end, chunk| {
            if chunk.first <= end { end.max(chunk.first.saturating_add(chunk.size)) } else { end }
        })
    }

    /// Where the bytes of this part of the log lie; it ends early where storage does.
    pub(crate) fn pieces(&self, part: Range<u64>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut next = part.start;
        for chunk in &self.chunks {
            let chunk_end = chunk.first.saturating_add(chunk.size);
            if next >= part.end || chunk.first > next {
                break;
            }
            if chunk_end > next {
                let end = chunk_end.min(part.end);
                pieces.push(Piece { key: chunk.key.clone(), range: next - chunk.first..end - chunk.first });
                next = end;
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(chunks: &[(u64, u64)]) -> Archive {
        let listing = chunks.iter().map(|(first, size)| (format!("p/logs/{first:012}.log"), *size));
        Archive::of_listing(listing.chain([("p/logs/seal.json".to_owned(), 99)]))
    }

    fn lengths(archive: &Archive, part: Range<u64>) -> Vec<(u64, u64)> {
        archive.pieces(part).into_iter().map(|piece| (piece.range.start, piece.range.end)).collect()
    }

    #[test]
    fn a_part_of_a_log_is_found_in_its_chunks() {
        let archive = archive(&[(0, 10), (10, 5), (15, 5)]);
        assert_eq!(archive.end(), 20);
        assert_eq!(lengths(&archive, 0..20), [(0, 10), (0, 5), (0, 5)]);
        assert_eq!(lengths(&archive, 12..16), [(2, 5), (0, 1)]);
        assert_eq!(lengths(&archive, 20..30), []);
        assert_eq!(lengths(&archive, 5..5), []);
    }

    #[test]
    fn chunks_that_were_written_again_after_a_restart_are_read_once() {
        let archive = archive(&[(0, 10), (6, 10), (16, 4)]);
        assert_eq!(archive.end(), 20);
        assert_eq!(lengths(&archive, 0..20), [(0, 10), (4, 10), (0, 4)]);
    }

    #[test]
    fn a_gap_ends_what_can_be_read() {
        let archive = archive(&[(0, 10), (12, 3)]);
        assert_eq!(archive.end(), 10);
        assert_eq!(lengths(&archive, 0..15), [(0, 10)]);
        assert_eq!(lengths(&archive, 10..15), []);
        assert_eq!(Archive::default().end(), 0);
    }
}
