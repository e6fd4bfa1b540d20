//! Reads the rules of queues.

use emboflow_model::QueueName;
use emboflow_model::queue::Queue;
use emboflow_protocol::FieldError;
use emboflow_protocol::call::{QueueFigure, QueueFigures};
use emboflow_records::{Records, RecordsError};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::feeds::Signal;
use super::kept;
use crate::planner::{Input, Planner, QueueRules};

/// The queues that requests name before a notice of them has come: whoever makes one may use it at once.
#[derive(Default)]
pub(super) struct NewQueues {
    rules: QueueRules,
    is_told: bool,
}

impl NewQueues {
    /// What is wrong with the name of a queue in a request; none when there is such a queue. One that the planner does
    /// not know is looked up. Errors: the records do not answer.
    pub(super) async fn unknown(
        &mut self,
        planner: &Planner,
        records: &dyn Records,
        queue: &str,
    ) -> Result<Option<FieldError>, RecordsError> {
        let Some(error) = planner.unknown_queue(queue) else { return Ok(None) };
        let Ok(name) = queue.parse::<QueueName>() else { return Ok(Some(error)) };
        if !self.rules.contains_key(&name) {
            if records.kept(Queue::KIND, "", queue).await?.is_none() {
                return Ok(Some(error));
            }
            (self.rules, self.is_told) = (rules(records).await?, false);
        }
        Ok(None)
    }

    /// What the planner has to know before the request that was read last.
    pub(super) fn news(&mut self) -> Option<Input> {
        let is_news = !self.rules.is_empty() && !std::mem::replace(&mut self.is_told, true);
        is_news.then(|| Input::Queues(self.rules.clone()))
    }
}

/// The rules of all queues that are kept.
pub(super) async fn read(records: &dyn Records) -> Result<Input, RecordsError> {
    Ok(Input::Queues(rules(records).await?))
}

async fn rules(records: &dyn Records) -> Result<QueueRules, RecordsError> {
    let mut rules = QueueRules::new();
    for kept in kept::all(records, Queue::KIND).await? {
        match (kept.name.parse(), serde_json::from_str(&kept.body)) {
            (Ok(name), Ok(queue)) => drop(rules.insert(name, queue)),
            (Ok(name), Err(error)) => {
                // What waits in it must not be refused for that.
                tracing::error!(queue = kept.name, %error, "the rules of a queue cannot be read; it has a weight of 1");
                rules.insert(name, Queue::default());
            }
            (Err(error), _) => tracing::error!(queue = kept.name, %error, "a queue cannot be read"),
        }
    }
    Ok(rules)
}

/// The rules of queues, for the driver.
pub(super) fn signal<L: Send>(records: &dyn Records) -> BoxFuture<'_, Result<Signal<L>, RecordsError>> {
    async { Ok(Signal::Input(Box::new(read(records).await?))) }.boxed()
}

/// What each queue holds and waits for.
pub(super) fn figures(planner: &Planner) -> QueueFigures {
    let figure = |(name, used): (_, crate::planner::QueueUse)| QueueFigure {
        name,
        held: used.held,
        share: used.share as f64 / 1e9,
        waiting: used.waiting as u64,
        oldest: used.oldest,
    };
    QueueFigures { total: planner.total(), queues: planner.queue_use().into_iter().map(figure).collect() }
}
