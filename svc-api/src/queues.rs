//! The queues of the installation: their rules are kept here, what they hold is asked of the scheduler.

use std::collections::BTreeMap;
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::QueueName;
use emboflow_model::queue::Queue;
use emboflow_protocol::call::{AskQueues, QueueFigure, QueueFigures};
use emboflow_protocol::http::queue::{QueueNow, QueueView};
use emboflow_protocol::notice::Notice;
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{Kept, SharedRecords};

use crate::problem::{Failure, Outcome};

/// Queues at most, beside `default`.
const MOST: usize = 200;
/// How long the scheduler is waited for: without its answer the rules are shown alone.
const WAIT: Duration = Duration::from_secs(2);
/// Times that a change is tried while others change the same queue.
const TRIES: usize = 8;

/// All of them.
pub(crate) struct Queues {
    records: SharedRecords,
    bus: Bus,
}

impl Queues {
    pub(crate) fn new(records: SharedRecords, bus: Bus) -> Self {
        Self { records, bus }
    }

    /// All queues by name, `default` among them.
    pub(crate) async fn all(&self) -> Outcome<Vec<QueueView>> {
        let mut rules = BTreeMap::from([(QueueName::default(), Queue::default())]);
        for kept in self.kept().await? {
            if let Ok(name) = kept.name.parse::<QueueName>() {
                rules.insert(name, read(&kept));
            }
        }
        let mut now = self.figures().await;
        let view = |(name, rules): (QueueName, Queue)| {
            let now = now.as_mut().map(|now| now.remove(&name).unwrap_or_default());
            QueueView { name, rules, now }
        };
        Ok(rules.into_iter().map(view).collect())
    }

    /// One queue. Errors: there is none.
    pub(crate) async fn one(&self, name: &QueueName) -> Outcome<QueueView> {
        let kept = self.records.kept(Queue::KIND, "", name.as_str()).await?;
        let rules = match kept {
            Some(kept) => read(&kept),
            None if name.is_default() => Queue::default(),
            None => return Err(unknown(name)),
        };
        let now = self.figures().await.map(|mut now| now.remove(name).unwrap_or_default());
        Ok(QueueView { name: name.clone(), rules, now })
    }

    /// Gives a queue these rules; makes it when there is none.
    pub(crate) async fn set(&self, name: &QueueName, rules: &Queue) -> Outcome<()> {
        let wrong = rules.check();
        if let Some((_, first)) = wrong.first() {
            let errors = wrong.iter().map(|(pointer, message)| FieldError {
                pointer: Some((*pointer).to_owned()),
                ..FieldError::new(ErrorCode::QueueInvalid, message.clone())
            });
            return Err(Failure::new(ErrorCode::QueueInvalid, first.clone()).with_errors(errors.collect()));
        }
        let body =
            serde_json::to_string(rules).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
        for _ in 0..TRIES {
            let found = self.records.kept(Queue::KIND, "", name.as_str()).await?;
            if found.is_none() && self.kept().await?.len() >= MOST {
                let detail = format!("there are {MOST} queues already: remove one first");
                return Err(Failure::new(ErrorCode::QueueInvalid, detail));
            }
            let expected = found.map(|kept| kept.version);
            let kept = self.records.keep(Queue::KIND, "", name.as_str(), expected, body.clone()).await?;
            if kept.is_some() {
                self.tell(name).await;
                return Ok(());
            }
        }
        Err(changed_all_the_time(name))
    }

    /// Removes a queue; what waits in it goes on. `default` has its usual rules again. Errors: there is none.
    pub(crate) async fn remove(&self, name: &QueueName) -> Outcome<()> {
        for _ in 0..TRIES {
            let Some(kept) = self.records.kept(Queue::KIND, "", name.as_str()).await? else {
                return if name.is_default() { Ok(()) } else { Err(unknown(name)) };
            };
            if self.records.drop_kept(Queue::KIND, "", name.as_str(), kept.version).await? {
                self.tell(name).await;
                return Ok(());
            }
        }
        Err(changed_all_the_time(name))
    }

    async fn kept(&self) -> Outcome<Vec<Kept>> {
        // One more than there may be: also `default` can be kept.
        Ok(self.records.kept_page(Queue::KIND, Some(""), None, MOST as u32 + 1).await?)
    }

    async fn tell(&self, name: &QueueName) {
        let notice = Notice::new(Queue::KIND, "", name.as_str());
        let _readers_look_by_themselves = self.bus.publish_live(&notice).await;
    }

    async fn figures(&self) -> Option<BTreeMap<QueueName, QueueNow>> {
        let answer = self.bus.call::<_, QueueFigures>(&AskQueues {}, WAIT).await;
        let figures =
            answer.inspect_err(|error| tracing::debug!(%error, "nobody tells of the queues")).ok()?;
        let now = |figure: QueueFigure| {
            let QueueFigure { name, held, share, waiting, oldest } = figure;
            (name, QueueNow { held, share, waiting, oldest })
        };
        Some(figures.queues.into_iter().map(now).collect())
    }
}

/// Rules that cannot be read are the usual ones, as for the scheduler.
fn read(kept: &Kept) -> Queue {
    serde_json::from_str(&kept.body).unwrap_or_else(|error| {
        tracing::error!(queue = kept.name, %error, "the rules of a queue cannot be read");
        Queue::default()
    })
}

fn unknown(name: &QueueName) -> Failure {
    Failure::new(ErrorCode::QueueNotFound, format!("there is no queue '{name}'"))
}

fn changed_all_the_time(name: &QueueName) -> Failure {
    let detail = format!("others change the queue '{name}' all the time");
    Failure::new(ErrorCode::RequestPrecondition, detail)
}
