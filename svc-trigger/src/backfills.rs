//! Backfills under way: each is up to a thousand requests, and whoever waits for a webhook's answer waits for none of
//! them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use emboflow_model::ProjectName;

/// Backfills at once at most, of all projects; far fewer than calls, so that others always find a place.
const MAX_AT_ONCE: usize = 4;

/// The projects of which one is under way. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Backfills(Arc<Mutex<BTreeSet<ProjectName>>>);

/// A backfill that is under way, until it is dropped.
pub(crate) struct UnderWay {
    backfills: Backfills,
    project: ProjectName,
}

impl Backfills {
    /// Begins one. Errors: why not now, in words.
    pub(crate) fn begin(&self, project: &ProjectName) -> Result<UnderWay, String> {
        let mut projects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if projects.contains(project) {
            return Err(format!(
                "a backfill of project '{project}' is under way; ask again when it is answered"
            ));
        }
        if projects.len() >= MAX_AT_ONCE {
            return Err(format!(
                "{MAX_AT_ONCE} backfills are under way, which is as many as there may be; ask again"
            ));
        }
        projects.insert(project.clone());
        Ok(UnderWay { backfills: self.clone(), project: project.clone() })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut projects = self.backfills.0.lock().unwrap_or_else(PoisonError::into_inner);
        projects.remove(&self.project);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_project_has_one_backfill_at_a_time_and_all_together_have_few() {
        let backfills = Backfills::default();
        let project = |number: usize| ProjectName::new(format!("p{number}")).unwrap();
        let mut under_way: Vec<_> =
            (0..MAX_AT_ONCE - 1).map(|number| backfills.begin(&project(number)).unwrap()).collect();
        assert!(backfills.begin(&project(0)).err().unwrap().contains("'p0'"), "one a project");
        under_way.push(backfills.begin(&project(8)).unwrap());
        assert!(backfills.begin(&project(9)).is_err(), "few at once");
        under_way.clear();
        assert!(backfills.begin(&project(0)).is_ok());
    }
}
