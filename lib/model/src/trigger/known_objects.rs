//! What a trigger has dealt with of the objects under its prefix: a shelf of small documents, each for a range of keys in
//! their order, so that any number of objects is looked through in little memory.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The kind of the kept documents that [`KnownObjects`] are.
pub const KNOWN_OBJECTS: &str = "trigger_objects";
/// Objects of one document at most.
pub const MAX_KNOWN: usize = 512;
/// Hexadecimal digits of one object.
const DIGITS: usize = 32;

/// What is remembered of one object: 64 bits of what tells its content from another one under the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownObject {
    /// Of what the listing says of it.
    pub listed: u64,
    /// Of its checksum; 0 where nobody knows that.
    pub content: u64,
}

/// The objects of a range of keys that are dealt with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownObjects {
    all: Vec<KnownObject>,
    listed: HashMap<u64, KnownObject>,
    contents: HashSet<u64>,
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Body {
    /// Each object in 32 hexadecimal digits.
    known: String,
}

impl KnownObjects {
    /// Those of a kept document. Errors: it is none.
    pub fn read(body: &str) -> Result<Self, serde_json::Error> {
        use serde::de::Error as _;
        let body: Body = serde_json::from_str(body)?;
        let mut known = Self::default();
        for digits in body.known.as_bytes().chunks(DIGITS) {
            let half = |part: &[u8]| {
                std::str::from_utf8(part).ok().and_then(|text| u64::from_str_radix(text, 16).ok())
            };
            let (listed, content) = digits.split_at(digits.len().min(DIGITS / 2));
            let object = half(listed).zip(half(content)).filter(|_| digits.len() == DIGITS);
            let (listed, content) =
                object.ok_or_else(|| serde_json::Error::custom("an object has 32 hexadecimal digits"))?;
            known.add(KnownObject { listed, content });
        }
        Ok(known)
    }

    /// As a document to keep.
    pub fn body(&self) -> String {
        let mut known = String::with_capacity(self.all.len() * DIGITS);
        for KnownObject { listed, content } in &self.all {
            write!(known, "{listed:016x}{content:016x}").expect("writing to a String cannot fail");
        }
        serde_json::to_string(&Body { known }).expect("a body is plain data")
    }

    /// One more.
    pub fn add(&mut self, object: KnownObject) {
        if self.listed.insert(object.listed, object) == Some(object) {
            return;
        }
        self.all.push(object);
        if object.content != 0 {
            self.contents.insert(object.content);
        }
    }

    /// What is known of an object that the listing describes so.
    pub fn listed(&self, listed: u64) -> Option<KnownObject> {
        self.listed.get(&listed).copied()
    }

    /// Whether this content is known under its key.
    pub fn has_content(&self, content: u64) -> bool {
        content != 0 && self.contents.contains(&content)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those of another range as well.
    pub fn extend(&mut self, other: &Self) {
        other.all.iter().for_each(|object| self.add(*object));
    }
}

/// 64 bits that tell an object's key, size and mark from others; never 0.
pub fn fingerprint(key: &str, size_bytes: u64, mark: &str) -> u64 {
    let mut hash = Sha256::new();
    for part in [key, mark] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(size_bytes.to_be_bytes());
    let bits = hash.finalize().iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits.max(1)
}
