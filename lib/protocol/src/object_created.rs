//! Storage gateway → trigger service: an object has been put (core NATS). Lossy: it only makes the trigger service look at
//! once, which looks through the storage by itself now and then.

use emboflow_model::ProjectName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// An object has been put, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectCreated {
    /// The project in whose part of the storage it lies.
    pub project: ProjectName,
    /// Its key there.
    pub key: String,
}

impl ObjectCreated {
    /// The object with this key in the storage that all projects share. None where that is no project's.
    pub fn of(key: &str) -> Option<Self> {
        let (project, key) = key.split_once('/')?;
        Some(Self { project: ProjectName::new(project).ok()?, key: key.to_owned() })
    }

    /// The subjects of all of them, or of those of one project.
    pub fn filter(project: Option<&ProjectName>) -> Subject {
        match project {
            Some(project) => Subject::new(&[&"object", &"created", project]),
            None => Subject::new(&[&"object", &"created", &"*"]),
        }
    }
}

impl Message for ObjectCreated {
    fn subject(&self) -> Subject {
        Self::filter(Some(&self.project))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_told_of_to_those_who_listen_for_its_project() {
        let told = ObjectCreated::of("lab/incoming/a b.csv").unwrap();
        assert_eq!(told.subject().as_str(), "emboflow.object.created.lab");
        assert_eq!(told.key, "incoming/a b.csv");
        for nobodys in [".emboflow/probe/1", "lab", "Lab/a", ""] {
            assert_eq!(ObjectCreated::of(nobodys), None, "{nobodys}");
        }
    }
}
