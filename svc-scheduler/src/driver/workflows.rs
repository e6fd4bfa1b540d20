//! Parsed workflow files by digest: a thousand runs of one file share it.

use std::collections::HashMap;
use std::sync::Arc;

use emboflow_model::workflow::{self, Problem, Workflow};
use sha2::{Digest, Sha256};

/// Files kept at most; the whole cache is dropped when there are more, which costs a parse each.
const CAPACITY: usize = 512;

/// The cache.
#[derive(Default)]
pub(super) struct Workflows(HashMap<[u8; 32], Arc<Workflow>>);

impl Workflows {
    /// The parsed file. Errors: everything that is wrong with it.
    pub(super) fn parse(&mut self, source: &str) -> Result<Arc<Workflow>, Vec<Problem>> {
        let digest: [u8; 32] = Sha256::digest(source.as_bytes()).into();
        if let Some(known) = self.0.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let parsed = Arc::new(workflow::parse(source)?);
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        self.0.insert(digest, Arc::clone(&parsed));
        Ok(parsed)
    }
}
