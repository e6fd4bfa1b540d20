//! What a notification carries to the outside when a run waits for a person: a CloudEvent 1.0 in structured JSON mode, as
//! [`crate::run_ended`] has it.

use emboflow_model::approval::Approval;
use emboflow_model::name::NotificationName;
use emboflow_model::{RunId, RunSummary, TaskKey, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::RunRow;
use crate::message::{Message, Subject};

/// Type of the event; a later form of it gets a new number.
pub const APPROVAL_ASKED: &str = "io.emboflow.approval.asked.v1";

/// A task waits for a person to decide, and somebody wants to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalAsked {
    /// CloudEvents version: `1.0`.
    pub specversion: String,
    /// `<notification>/<run>/<task>`: the same whenever it is sent again, so that a receiver can tell.
    pub id: String,
    /// `/projects/<project>/runs/<run>`.
    pub source: String,
    /// [`APPROVAL_ASKED`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The run.
    pub subject: RunId,
    /// When it was asked.
    pub time: Timestamp,
    /// `application/json`.
    pub datacontenttype: String,
    /// What there is to say.
    pub data: ApprovalAskedData,
}

/// What a notification says about a task that waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalAskedData {
    /// The notification by which it comes.
    pub notification: NotificationName,
    /// The topic that it is published under; only over NATS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The run's page, where people decide, if the installation knows its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The run.
    pub run: RunRow,
    /// The task.
    pub task: TaskKey,
    /// What is asked, and until when.
    pub approval: Approval,
}

impl ApprovalAsked {
    /// What a notification says about a task of a run that waits for a person.
    pub fn of(
        notification: &NotificationName,
        run: &RunSummary,
        task: &TaskKey,
        approval: &Approval,
        topic: Option<String>,
        url: Option<String>,
    ) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: format!("{notification}/{}/{}", run.id, task.token()),
            source: format!("/projects/{}/runs/{}", run.project, run.id),
            kind: APPROVAL_ASKED.to_owned(),
            subject: run.id,
            time: approval.asked_at,
            datacontenttype: "application/json".to_owned(),
            data: ApprovalAskedData {
                notification: notification.clone(),
                topic,
                url,
                run: RunRow::from(run),
                task: task.clone(),
                approval: approval.clone(),
            },
        }
    }
}

impl Message for ApprovalAsked {
    fn subject(&self) -> Subject {
        let topic = self.data.topic.as_ref().map_or(self.data.notification.as_str(), String::as_str);
        Subject::new(&[&"notification", &self.data.run.project, &topic])
    }

    fn message_id(&self) -> Option<String> {
        Some(format!("{}/{}", self.data.run.project, self.id))
    }
}
