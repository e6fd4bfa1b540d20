//! What is sent, whichever way it goes.

use emboflow_bus::{Bus, BusError};
use emboflow_protocol::approval_asked::ApprovalAsked;
use emboflow_protocol::run_ended::RunEnded;

/// One thing to tell.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    /// A run ended.
    Ended(Box<RunEnded>),
    /// A task waits for a person to decide.
    Asked(Box<ApprovalAsked>),
}

impl Letter {
    /// The same however often it is sent.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Ended(event) => &event.id,
            Self::Asked(event) => &event.id,
        }
    }

    /// The document.
    pub(super) fn body(&self) -> Vec<u8> {
        let written = match self {
            Self::Ended(event) => serde_json::to_vec(event),
            Self::Asked(event) => serde_json::to_vec(event),
        };
        written.expect("an event is plain data")
    }

    /// Publishes it under its topic.
    pub(super) async fn publish(&self, bus: &Bus) -> Result<(), BusError> {
        match self {
            Self::Ended(event) => bus.publish(&**event).await,
            Self::Asked(event) => bus.publish(&**event).await,
        }
    }

    /// The subject of a mail.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Ended(event) => {
                let run = &event.data.run;
                format!("[{}] {} {}", run.project, run.workflow, run.state)
            }
            Self::Asked(event) => {
                let run = &event.data.run;
                format!("[{}] {} asks about {}", run.project, run.workflow, event.data.task)
            }
        }
    }

    /// A mail in words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Ended(event) => ended(event),
            Self::Asked(event) => asked(event),
        }
    }
}

fn ended(event: &RunEnded) -> String {
    let run = &event.data.run;
    let mut lines = vec![
        format!("Run {} of {} in project {}: {}.", run.id, run.workflow, run.project, run.state),
        String::new(),
        format!("ended    {}", event.time),
    ];
    lines.extend(run.reason.iter().map(|reason| format!("reason   {reason}")));
    lines.extend(run.labels.iter().map(|(name, value)| format!("label    {name}={value}")));
    lines.extend(event.data.url.iter().map(|url| format!("\n{url}")));
    lines.push(format!("\nThis comes by the notification '{}'.", event.data.notification));
    lines.join("\n")
}

fn asked(event: &ApprovalAsked) -> String {
    let (run, question) = (&event.data.run, &event.data.approval.question);
    let mut lines = vec![
        format!(
            "Run {} of {} in project {} waits for a person to decide on {}:",
            run.id, run.workflow, run.project, event.data.task
        ),
        String::new(),
        question.message.clone(),
        String::new(),
        format!("asked    {}", event.time),
    ];
    lines.extend(question.ends_at.iter().map(|at| format!("until    {at}")));
    lines.extend(question.inputs.keys().map(|name| format!("fill in  {name}")));
    lines.extend(run.labels.iter().map(|(name, value)| format!("label    {name}={value}")));
    lines.extend(event.data.url.iter().map(|url| format!("\n{url}")));
    lines.push(format!("\nThis comes by the notification '{}'.", event.data.notification));
    lines.join("\n")
}
