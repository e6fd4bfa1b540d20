//! Reads the rules of queues.

use emboflow_model::queue::Queue;
use emboflow_protocol::call::{QueueFigure, QueueFigures};
use emboflow_records::{Records, RecordsError};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::feeds::Signal;
use super::kept;
use crate::planner::{Input, Planner, QueueRules};

/// The rules of all queues that are kept.
pub(super) async fn read(records: &dyn Records) -> Result<Input, RecordsError> {
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
    Ok(Input::Queues(rules))
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
