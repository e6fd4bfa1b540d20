//! The key of an installation's backups: whoever has it can read them, and nobody else can read or make one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use sha2::{Digest, Sha256};

use crate::error::BackupError;

const BYTES: usize = 32;
const PREFIX: &str = "emboflow-backup-key-1:";

/// Bytes of a key's id.
pub(crate) const ID_BYTES: usize = 8;

/// Seals and opens what a backup is made of.
#[derive(Clone)]
pub struct BackupKey {
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) cipher: XChaCha20Poly1305,
    names: [u8; 32],
}

impl BackupKey {
    /// Makes a new key file, readable by its owner only. Errors: there is a file.
    pub fn make(path: &Path) -> Result<Self, BackupError> {
        let secret: [u8; BYTES] = rand::random();
        let text = format!("{PREFIX}{}\n", hex(&secret));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|error| refuse(path, error))?;
        Ok(Self::of(&secret))
    }

    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, BackupError> {
        let text = fs::read_to_string(path).map_err(|error| refuse(path, error))?;
        let digits = text.trim().strip_prefix(PREFIX);
        let secret = digits.and_then(from_hex).ok_or_else(|| {
            refuse(path, format!("it is none: `{PREFIX}` and {} hex digits are expected", 2 * BYTES))
        })?;
        Ok(Self::of(&secret))
    }

    /// Reads the key file, or makes it where there is none; says whether it was made.
    pub fn read_or_make(path: &Path) -> Result<(Self, bool), BackupError> {
        if path.exists() { Ok((Self::read(path)?, false)) } else { Ok((Self::make(path)?, true)) }
    }

    fn of(secret: &[u8; BYTES]) -> Self {
        // One secret, and a value of its own for each use.
        let derived = |purpose: &str| -> [u8; 32] {
            let mut hasher = Sha256::new();
            hasher.update(purpose.as_bytes());
            hasher.update([0]);
            hasher.update(secret);
            hasher.finalize().into()
        };
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&derived("emboflow backup: id")[..ID_BYTES]);
        let cipher = XChaCha20Poly1305::new(&derived("emboflow backup: sealing").into());
        Self { id, cipher, names: derived("emboflow backup: names") }
    }

    /// Names the key in words: tells two keys apart and says nothing about either.
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    /// Where a content lies. Without the key nobody can tell from it whether a known content is there.
    pub(crate) fn content_name(&self, sha256: &str, size_bytes: u64) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.names);
        hasher.update(sha256.as_bytes());
        hasher.update(size_bytes.to_be_bytes());
        let name = hex(&hasher.finalize());
        format!("objects/{}/{name}", &name[..2])
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

fn from_hex(digits: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    if digits.len() != 2 * BYTES || !digits.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

fn refuse(path: &Path, detail: impl std::fmt::Display) -> BackupError {
    BackupError::KeyFile { path: path.display().to_string(), detail: detail.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_back_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.key");
        let made = BackupKey::make(&path).unwrap();
        assert_eq!(BackupKey::read(&path).unwrap().id(), made.id());
        assert!(BackupKey::make(&path).is_err(), "a key is never written over");
        let other = BackupKey::make(&folder.path().join("other.key")).unwrap();
        assert_ne!(other.id(), made.id());
        assert_ne!(other.content_name("ab", 1), made.content_name("ab", 1));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "emboflow-backup-key-1:zz", "something else"] {
            let path = folder.path().join("bad.key");
            fs::write(&path, text).unwrap();
            let error = BackupKey::read(&path).err().unwrap();
            assert_eq!(error.code().code(), "backup.key");
            assert!(error.to_string().contains("bad.key"), "{error}");
        }
    }
}
