//! What a notification carries to the outside: the end of a run, as a CloudEvent 1.0 in structured JSON mode. The same
//! goes to a webhook's body and to NATS.

use emboflow_model::name::NotificationName;
use emboflow_model::{ProjectName, RunId, RunSummary, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::RunRow;
use crate::message::{Message, Subject};

/// Type of the event; a later form of it gets a new number.
pub const RUN_ENDED: &str = "io.emboflow.run.ended.v1";

/// A run ended, and somebody wants to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunEnded {
    /// CloudEvents version: `1.0`.
    pub specversion: String,
    /// `<notification>/<run>`: the same whenever it is sent again, so that a receiver can tell.
    pub id: String,
    /// `/projects/<project>/runs/<run>`.
    pub source: String,
    /// [`RUN_ENDED`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The run.
    pub subject: RunId,
    /// When it ended.
    pub time: Timestamp,
    /// `application/json`.
    pub datacontenttype: String,
    /// What there is to say.
    pub data: RunEndedData,
}

/// What a notification says about a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunEndedData {
    /// The notification by which it comes.
    pub notification: NotificationName,
    /// The topic that it is published under; only over NATS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The run's page, where the installation knows its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The run.
    pub run: RunRow,
}

impl RunEnded {
    /// What a notification says about a run that has ended.
    pub fn of(
        notification: &NotificationName,
        run: &RunSummary,
        topic: Option<String>,
        url: Option<String>,
    ) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: format!("{notification}/{}", run.id),
            source: format!("/projects/{}/runs/{}", run.project, run.id),
            kind: RUN_ENDED.to_owned(),
            subject: run.id,
            time: run.finished_at.unwrap_or(run.created_at),
            datacontenttype: "application/json".to_owned(),
            data: RunEndedData { notification: notification.clone(), topic, url, run: RunRow::from(run) },
        }
    }

    /// The subjects of a project's notifications.
    pub fn filter(project: &ProjectName) -> Subject {
        Subject::new(&[&"notification", project, &">"])
    }
}

/// The subjects of all notifications.
pub fn filter() -> Subject {
    Subject::new(&[&"notification", &">"])
}

impl Message for RunEnded {
    fn subject(&self) -> Subject {
        let topic = self.data.topic.as_ref().map_or(self.data.notification.as_str(), String::as_str);
        Subject::new(&[&"notification", &self.data.run.project, &topic])
    }

    fn message_id(&self) -> Option<String> {
        Some(format!("{}/{}", self.data.run.project, self.id))
    }
}
