//! The last bytes of a stored file: what its content is.

use crate::digest::Digest;

const MAGIC: &[u8; 8] = b"EMBOFLW1";

/// Length of a seal.
pub(super) const SEAL_BYTES: u64 = 48;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) size_bytes: u64,
    pub(super) sha256: Digest,
}

impl Seal {
    pub(super) fn encode(self) -> [u8; SEAL_BYTES as usize] {
        let mut bytes = [0; SEAL_BYTES as usize];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.size_bytes.to_le_bytes());
        bytes[16..].copy_from_slice(&self.sha256.0);
        bytes
    }

    /// Reads the seal of a file of `file_bytes`; the error says how the file is damaged.
    pub(super) fn decode(bytes: &[u8; SEAL_BYTES as usize], file_bytes: u64) -> Result<Self, String> {
        let (magic, rest) = bytes.split_at(8);
        let (size, sha256) = rest.split_at(8);
        if magic != MAGIC {
            return Err(
                "its file has no seal at the end, so it was cut short or written by something else".into()
            );
        }
        let size_bytes = u64::from_le_bytes(size.try_into().expect("split at 8"));
        if size_bytes.checked_add(SEAL_BYTES) != Some(file_bytes) {
            return Err(format!(
                "its seal says {size_bytes} bytes, its file has {}",
                file_bytes - SEAL_BYTES
            ));
        }
        Ok(Self { size_bytes, sha256: Digest(sha256.try_into().expect("32 bytes are left")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_reads_back_only_at_the_end_of_its_own_file() {
        let seal = Seal { size_bytes: 5, sha256: Digest::of(b"hello") };
        assert_eq!(Seal::decode(&seal.encode(), 53), Ok(seal));
        assert!(Seal::decode(&seal.encode(), 52).is_err());
        assert!(Seal::decode(&[0; 48], 48).unwrap_err().contains("no seal"));
    }
}
