//! Reads the rules of queues: at the start, when somebody says that one has changed, and now and then.

use std::time::Duration;

use emboflow_model::queue::Queue;
use emboflow_protocol::call::{QueueFigure, QueueFigures};
use emboflow_records::{Records, RecordsError, SharedRecords};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;
use super::world::World;
use crate::planner::{Input, Planner, QueueRules};

/// Queues read at once.
const PAGE: u32 = 500;
/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);
/// Notices that come together are one.
const TOGETHER: Duration = Duration::from_millis(50);

/// The rules of all queues that are kept.
pub(super) async fn read(records: &dyn Records) -> Result<Input, RecordsError> {
    let mut rules = QueueRules::new();
    let mut after: Option<String> = None;
    loop {
        let from = after.as_deref().map(|name| ("", name));
        let page = records.kept_page(Queue::KIND, Some(""), from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(Input::Queues(rules)) };
        after = Some(last.name.clone());
        for kept in &page {
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
    }
}

/// Tells the planner what has changed, until `stop`.
pub(super) async fn follow<W: World>(
    records: SharedRecords,
    world: W,
    signals: mpsc::Sender<Signal<W::Letter>>,
    stop: CancellationToken,
) {
    let mut notices = world.notices(Queue::KIND).await;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(_) = notices.next() => world.pause(TOGETHER).await,
            () = world.pause(LOOK_EACH) => {}
        }
        match read(&*records).await {
            Ok(input) => {
                if signals.send(Signal::Input(Box::new(input))).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "the rules of queues cannot be read; the old ones hold"),
        }
    }
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
