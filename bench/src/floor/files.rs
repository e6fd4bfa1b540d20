//! Bare files: written and fsynced one by one, or read.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;

/// Bytes of one write or read.
const PIECE: usize = 1 << 20;

/// Writes `bytes` bytes; they and the name are on disk when it returns.
pub(crate) fn put(path: &Path, bytes: usize) -> anyhow::Result<()> {
    let doing = || format!("writing {}", path.display());
    let mut file = File::create(path).with_context(doing)?;
    let piece = vec![7u8; PIECE.min(bytes)];
    let mut left = bytes;
    while left > 0 {
        let length = piece.len().min(left);
        file.write_all(&piece[..length]).with_context(doing)?;
        left -= length;
    }
    file.sync_all().with_context(doing)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(doing)
}

/// Reads a file to its end; gives its length.
pub(crate) fn get(path: &Path) -> anyhow::Result<u64> {
    let doing = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(doing)?;
    let (mut piece, mut length) = (vec![0u8; PIECE], 0);
    loop {
        match file.read(&mut piece).with_context(doing)? {
            0 => return Ok(length),
            read => length += read as u64,
        }
    }
}
