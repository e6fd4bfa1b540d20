//! Compressed copies, so that a server sends them as they are.
use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::Files;

/// A file this small fits one packet with its headers anyway.
const SMALLEST_BYTES: usize = 1024;

/// For each file a `.br` and a `.gz` beside it, where that is smaller.
pub(super) fn copies(files: &Files) -> Files {
    let mut copies = Files::new();
    for (name, content) in files.iter().filter(|(_, content)| content.len() >= SMALLEST_BYTES) {
        for (suffix, packed) in [("br", by_brotli(content)), ("gz", by_gzip(content))] {
            if packed.len() < content.len() {
                copies.insert(format!("{name}.{suffix}"), packed);
            }
        }
    }
    copies
}

fn by_brotli(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut packed, 4096, 11, 22);
    encoder.write_all(content).expect("a Vec takes every write");
    drop(encoder);
    packed
}

fn by_gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("a Vec takes every write");
    encoder.finish().expect("a Vec takes every write")
}
