//! The projects that runs may be made in.

use std::collections::HashSet;

use emboflow_model::ProjectName;
use emboflow_records::{Records, RecordsError};

/// Made with the installation.
const DEFAULT: &str = "default";
const PROJECT: &str = "project";

/// Those that have been asked for and are there. A project is never removed: what is known stays so.
#[derive(Default)]
pub(super) struct KnownProjects(HashSet<ProjectName>);

impl KnownProjects {
    /// Whether there is such a project. One that is not known yet is looked up: it may have been made a moment ago.
    pub(super) async fn contain(
        &mut self,
        records: &dyn Records,
        project: &ProjectName,
    ) -> Result<bool, RecordsError> {
        if project.as_str() == DEFAULT || self.0.contains(project) {
            return Ok(true);
        }
        let is_there = records.kept(PROJECT, "", project.as_str()).await?.is_some();
        if is_there {
            self.0.insert(project.clone());
        }
        Ok(is_there)
    }
}
