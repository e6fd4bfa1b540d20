//! Reports on their way to the scheduler: sent at once when nothing is under way, packed while something is, and
//! repeated until NATS has taken them.

use std::collections::BTreeMap;
use std::time::Duration;

use emboflow_bus::{Bus, BusError};
use emboflow_model::{AttemptId, ExecutorId, PoolName};
use emboflow_protocol::report::{Report, Reports};
use tokio::sync::{mpsc, oneshot};

/// Reports in one message at most.
const PACK: usize = 256;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Where reports are put. Clones share it.
#[derive(Clone)]
pub(crate) struct Outbox {
    posts: mpsc::UnboundedSender<Post>,
}

enum Post {
    Report(Box<Report>),
    Flush(oneshot::Sender<()>),
}

/// Sends what was put into its outbox.
pub(crate) struct Carrier {
    posts: mpsc::UnboundedReceiver<Post>,
    bus: Bus,
    pool: PoolName,
    executor: ExecutorId,
    waiting: Waiting,
    flushes: Vec<oneshot::Sender<()>>,
}

/// The newest report of each attempt: one that is out of date before it was sent is of no use any more.
#[derive(Default)]
struct Waiting(BTreeMap<AttemptId, Report>);

impl Waiting {
    fn add(&mut self, report: Report) {
        self.0.insert(report.attempt.clone(), report);
    }

    fn take(&mut self, most: usize) -> Vec<Report> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some((_, report)) = self.0.pop_first()
        {
            taken.push(report);
        }
        taken
    }

    /// Puts back what could not be sent, unless something newer has come meanwhile.
    fn put_back(&mut self, reports: Vec<Report>) {
        for report in reports {
            self.0.entry(report.attempt.clone()).or_insert(report);
        }
    }
}

impl Outbox {
    /// An outbox and its carrier, whose [`Carrier::run`] does the sending.
    pub(crate) fn new(bus: Bus, pool: PoolName, executor: ExecutorId) -> (Self, Carrier) {
        let (posts, taken) = mpsc::unbounded_channel();
        let carrier =
            Carrier { posts: taken, bus, pool, executor, waiting: Waiting::default(), flushes: Vec::new() };
        (Self { posts }, carrier)
    }

    /// Sends a report as soon as possible.
    pub(crate) fn send(&self, report: Report) {
        // Without a carrier the executor is ending: what counts is in the journal and is reported at the next start.
        let _ending = self.posts.send(Post::Report(Box::new(report)));
    }

    /// Waits until all that was put in so far is sent.
    pub(crate) async fn flush(&self) {
        let (sent, all_sent) = oneshot::channel();
        if self.posts.send(Post::Flush(sent)).is_ok() {
            let _ending = all_sent.await;
        }
    }
}

impl Carrier {
    /// Sends for ever; ends when the last outbox is gone.
    pub(crate) async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        while self.collect().await {
            let pack = self.waiting.take(PACK);
            match self.carry(pack).await {
                Ok(()) => pause = PAUSE_MIN,
                Err((reports, error)) => {
                    tracing::warn!(%error, reports = reports.len(), "reports wait: NATS did not take them");
                    self.waiting.put_back(reports);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Takes in all that is there, waiting only when there is nothing to send. False: nothing comes any more.
    async fn collect(&mut self) -> bool {
        loop {
            match self.posts.try_recv() {
                Ok(post) => self.sort(post),
                Err(mpsc::error::TryRecvError::Disconnected) => return !self.waiting.0.is_empty(),
                Err(mpsc::error::TryRecvError::Empty) if !self.waiting.0.is_empty() => return true,
                Err(mpsc::error::TryRecvError::Empty) => {
                    for flush in self.flushes.drain(..) {
                        let _nobody_waits = flush.send(());
                    }
                    match self.posts.recv().await {
                        Some(post) => self.sort(post),
                        None => return false,
                    }
                }
            }
        }
    }

    fn sort(&mut self, post: Post) {
        match post {
            Post::Report(report) => self.waiting.add(*report),
            Post::Flush(sent) => self.flushes.push(sent),
        }
    }

    /// Publishes reports as one message, or as several when that is too large.
    async fn carry(&self, reports: Vec<Report>) -> Result<(), (Vec<Report>, BusError)> {
        let (pool, executor) = (self.pool.clone(), self.executor.clone());
        let mut message = Reports { pool, executor, reports };
        match self.bus.publish(&message).await {
            Ok(()) => Ok(()),
            Err(BusError::TooLarge { bytes, .. }) if message.reports.len() == 1 => {
                let attempt = &message.reports[0].attempt;
                tracing::error!(%attempt, bytes, "a report is too large to be sent; it is given up");
                Ok(())
            }
            Err(BusError::TooLarge { .. }) => {
                let rest = message.reports.split_off(message.reports.len() / 2);
                let first = Box::pin(self.carry(message.reports)).await;
                let second = Box::pin(self.carry(rest)).await;
                first.and(second)
            }
            Err(error) => Err((message.reports, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{RunId, Timestamp};
    use emboflow_protocol::report::Phase;

    fn report(run: u128, at: i64) -> Report {
        let attempt = AttemptId { run: RunId::from_bits(run), task: "a".parse().unwrap(), number: 1 };
        Report { attempt, fence: 1, phase: Phase::Running { at: Timestamp(at) } }
    }

    #[test]
    fn only_the_newest_report_of_an_attempt_is_sent() {
        let mut waiting = Waiting::default();
        for (run, at) in [(1, 1), (2, 1), (1, 2)] {
            waiting.add(report(run, at));
        }
        let taken = waiting.take(1);
        assert_eq!(taken, [report(1, 2)]);
        waiting.add(report(1, 3));
        waiting.put_back(taken);
        assert_eq!(waiting.take(9), [report(1, 3), report(2, 1)]);
    }
}
