//! Sealed files: a header, then pieces of 64 KiB that are each encrypted and authenticated, in order and to the last one
//! (the STREAM construction over XChaCha20-Poly1305). The file's name and its header are part of what is authenticated:
//! a piece, and a whole file, opens only where it was sealed.

use bytes::{Bytes, BytesMut};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::Payload;
use chacha20poly1305::aead::stream::{DecryptorBE32, EncryptorBE32};

use crate::error::BackupError;
use crate::key::{BackupKey, ID_BYTES, hex};

const MAGIC: &[u8; 4] = b"EFBK";
/// Version of the form of sealed files.
pub(crate) const FORM: u8 = 1;
const NONCE_BYTES: usize = 19;
const HEADER_BYTES: usize = 4 + 1 + ID_BYTES + NONCE_BYTES;
const PIECE_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;

/// Bytes of a sealed file whose content has so many.
pub(crate) const fn sealed_bytes(content_bytes: u64) -> u64 {
    let pieces = if content_bytes == 0 { 1 } else { content_bytes.div_ceil(PIECE_BYTES as u64) };
    HEADER_BYTES as u64 + content_bytes + pieces * TAG_BYTES as u64
}

/// Seals a content that comes in pieces of any size.
pub(crate) struct Sealer {
    encryptor: Option<EncryptorBE32<XChaCha20Poly1305>>,
    bound: Vec<u8>,
    waiting: BytesMut,
    header: Option<Bytes>,
}

impl Sealer {
    pub(crate) fn new(key: &BackupKey, name: &str) -> Self {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let header = [MAGIC.as_slice(), &[FORM], &key.id, &nonce].concat();
        let encryptor = EncryptorBE32::from_aead(key.cipher.clone(), nonce.as_slice().into());
        let bound = [&header, name.as_bytes()].concat();
        Self { encryptor: Some(encryptor), bound, waiting: BytesMut::new(), header: Some(header.into()) }
    }

    /// Takes content in and gives what is sealed of it so far.
    pub(crate) fn push(&mut self, content: &[u8]) -> Result<Bytes, BackupError> {
        self.waiting.extend_from_slice(content);
        let mut sealed = BytesMut::from(self.header.take().unwrap_or_default());
        // The last piece is sealed as such: one is kept back until more comes.
        while self.waiting.len() > PIECE_BYTES
            && let Some(encryptor) = &mut self.encryptor
        {
            let piece = self.waiting.split_to(PIECE_BYTES);
            let payload = Payload { msg: &piece, aad: &self.bound };
            sealed.extend_from_slice(&encryptor.encrypt_next(payload).map_err(|_| too_large())?);
        }
        Ok(sealed.freeze())
    }

    /// The end of the file.
    pub(crate) fn finish(mut self) -> Result<Bytes, BackupError> {
        let mut sealed = BytesMut::from(&*self.push(&[])?);
        if let Some(encryptor) = self.encryptor.take() {
            let payload = Payload { msg: &self.waiting, aad: &self.bound };
            sealed.extend_from_slice(&encryptor.encrypt_last(payload).map_err(|_| too_large())?);
        }
        Ok(sealed.freeze())
    }
}

fn too_large() -> BackupError {
    BackupError::unavailable("sealing a file", "it has more than 2^32 pieces")
}

/// Opens a sealed file that comes in pieces of any size.
pub(crate) struct Opener {
    key: BackupKey,
    name: String,
    decryptor: Option<DecryptorBE32<XChaCha20Poly1305>>,
    bound: Vec<u8>,
    waiting: BytesMut,
}

impl Opener {
    pub(crate) fn new(key: &BackupKey, name: &str) -> Self {
        let (key, name) = (key.clone(), name.to_owned());
        Self { key, name, decryptor: None, bound: Vec::new(), waiting: BytesMut::new() }
    }

    /// Takes sealed bytes in and gives the content that is proven so far.
    pub(crate) fn push(&mut self, sealed: &[u8]) -> Result<Bytes, BackupError> {
        self.waiting.extend_from_slice(sealed);
        if self.decryptor.is_none() {
            if self.waiting.len() < HEADER_BYTES {
                return Ok(Bytes::new());
            }
            self.read_header()?;
        }
        let mut content = BytesMut::new();
        while self.waiting.len() > PIECE_BYTES + TAG_BYTES
            && let Some(decryptor) = &mut self.decryptor
        {
            let piece = self.waiting.split_to(PIECE_BYTES + TAG_BYTES);
            let payload = Payload { msg: &piece, aad: &self.bound };
            let opened = decryptor.decrypt_next(payload);
            content.extend_from_slice(&opened.map_err(|_| changed(&self.name))?);
        }
        Ok(content.freeze())
    }

    /// The end of the content. Errors: bytes are missing at the end, or changed.
    pub(crate) fn finish(mut self) -> Result<Bytes, BackupError> {
        let Some(decryptor) = self.decryptor.take() else {
            return Err(BackupError::damaged(&self.name, "it is cut off within its header"));
        };
        let payload = Payload { msg: &self.waiting, aad: &self.bound };
        decryptor.decrypt_last(payload).map(Bytes::from).map_err(|_| {
            BackupError::damaged(
                &self.name,
                "its end is changed or cut off: the last piece does not prove right",
            )
        })
    }

    fn read_header(&mut self) -> Result<(), BackupError> {
        let header = self.waiting.split_to(HEADER_BYTES);
        let (magic, rest) = header.split_at(MAGIC.len());
        let (form, rest) = rest.split_at(1);
        let (id, nonce) = rest.split_at(ID_BYTES);
        if magic != MAGIC {
            return Err(BackupError::damaged(&self.name, "it does not begin as a sealed file does"));
        }
        if form[0] > FORM {
            let (found, known) = (form[0].into(), FORM.into());
            return Err(BackupError::Newer { file: self.name.clone(), what: "form", found, known });
        }
        if id != self.key.id {
            let (found, given) = (hex(id), self.key.id());
            return Err(BackupError::OtherKey { file: self.name.clone(), found, given });
        }
        self.decryptor = Some(DecryptorBE32::from_aead(self.key.cipher.clone(), nonce.into()));
        self.bound = [&header, self.name.as_bytes()].concat();
        Ok(())
    }
}

fn changed(name: &str) -> BackupError {
    BackupError::damaged(name, "bytes in it are changed: a piece does not prove right")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> BackupKey {
        let folder = tempfile::tempdir().unwrap();
        BackupKey::make(&folder.path().join("key")).unwrap()
    }

    fn sealed(key: &BackupKey, name: &str, content: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(key, name);
        let mut all = Vec::new();
        for piece in content.chunks(10_007) {
            all.extend_from_slice(&sealer.push(piece).unwrap());
        }
        all.extend_from_slice(&sealer.finish().unwrap());
        all
    }

    fn opened(key: &BackupKey, name: &str, sealed: &[u8]) -> Result<Vec<u8>, BackupError> {
        let mut opener = Opener::new(key, name);
        let mut all = Vec::new();
        for piece in sealed.chunks(9_973) {
            all.extend_from_slice(&opener.push(piece)?);
        }
        all.extend_from_slice(&opener.finish()?);
        Ok(all)
    }

    fn content(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn a_content_of_any_size_comes_back_and_its_sealed_size_is_known() {
        let key = key();
        for bytes in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let sealed = sealed(&key, "a", &content(bytes));
            assert_eq!(sealed.len() as u64, sealed_bytes(bytes as u64), "{bytes}");
            assert_eq!(opened(&key, "a", &sealed).unwrap(), content(bytes), "{bytes}");
        }
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_refused() {
        let key = key();
        let whole = sealed(&key, "a", &content(2 * PIECE_BYTES + 5));
        for length in [0, 1, HEADER_BYTES, HEADER_BYTES + 1, whole.len() / 2, whole.len() - 1]
            .into_iter()
            .chain((1..=2).map(|pieces| HEADER_BYTES + pieces * (PIECE_BYTES + TAG_BYTES)))
        {
            let error = opened(&key, "a", &whole[..length]).unwrap_err();
            assert_eq!(error.code().code(), "backup.damaged", "{length}");
        }
    }

    #[test]
    fn one_flipped_bit_anywhere_is_noticed() {
        let key = key();
        let whole = sealed(&key, "a", &content(PIECE_BYTES + 100));
        for at in (0..whole.len()).step_by(997).chain(0..HEADER_BYTES).chain([whole.len() - 1]) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert!(opened(&key, "a", &flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_file_opens_only_under_its_name_and_with_its_key() {
        let key = key();
        let whole = sealed(&key, "a", b"something");
        assert_eq!(opened(&key, "b", &whole).unwrap_err().code().code(), "backup.damaged");
        let other = super::tests::key();
        assert_eq!(opened(&other, "a", &whole).unwrap_err().code().code(), "backup.key");
        let mut newer = whole.clone();
        newer[MAGIC.len()] = FORM + 1;
        assert_eq!(opened(&key, "a", &newer).unwrap_err().code().code(), "backup.newer");
    }
}
