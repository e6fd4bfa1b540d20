//! The open runs. A copy of them costs a pointer for each: a run is copied when one of the two sides changes it.

use std::collections::HashMap;
use std::sync::Arc;

use emboflow_model::RunId;

use super::open_run::OpenRun;

/// The open runs by id.
#[derive(Clone, Default)]
pub(super) struct Runs(HashMap<RunId, Arc<OpenRun>>);

impl Runs {
    pub(super) fn get(&self, run: &RunId) -> Option<&OpenRun> {
        self.0.get(run).map(Arc::as_ref)
    }

    /// To change it.
    pub(super) fn get_mut(&mut self, run: &RunId) -> Option<&mut OpenRun> {
        self.0.get_mut(run).map(Arc::make_mut)
    }

    pub(super) fn insert(&mut self, run: RunId, open: OpenRun) {
        self.0.insert(run, Arc::new(open));
    }

    pub(super) fn remove(&mut self, run: &RunId) {
        self.0.remove(run);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &RunId> {
        self.0.keys()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &OpenRun> {
        self.0.values().map(Arc::as_ref)
    }
}
