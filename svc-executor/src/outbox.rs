//! Reports on their way to the scheduler: an end is sent at once when nothing is under way, packed while something is,
//! and repeated until NATS has taken it. A step on the way waits a moment, for a short attempt has ended by then.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use emboflow_bus::{Bus, BusError};
use emboflow_model::{AttemptId, ExecutorId, PoolName};
use emboflow_protocol::report::{Phase, Report, Reports};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Reports in one message at most.
const PACK: usize = 256;
/// How long a step on the way waits for a newer report of its attempt.
const STEP_HOLD: Duration = Duration::from_millis(20);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

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
struct Waiting {
    due: BTreeMap<AttemptId, Report>,
    /// Steps on the way, and when each is due: an attempt that ends meanwhile needs no message and no decision for them.
    held: HashMap<AttemptId, Report>,
    order: VecDeque<(Instant, AttemptId)>,
}

impl Waiting {
    fn add(&mut self, report: Report, now: Instant) {
        let id = report.attempt.clone();
        if matches!(report.phase, Phase::Ended { .. }) || self.due.contains_key(&id) {
            self.held.remove(&id);
            self.due.insert(id, report);
        } else if self.held.insert(id.clone(), report).is_none() {
            self.order.push_back((now + STEP_HOLD, id));
        }
    }

    /// Lets go of what was held until `now`.
    fn let_go(&mut self, now: Instant) {
        while let Some((_, id)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            if let Some(report) = self.held.remove(&id) {
                self.due.insert(id, report);
            }
        }
    }

    /// When the next report is due that is held now.
    fn held_until(&self) -> Option<Instant> {
        self.order.front().map(|(until, _)| *until)
    }

    fn is_empty(&self) -> bool {
        self.due.is_empty() && self.held.is_empty()
    }

    fn take(&mut self, most: usize) -> Vec<Report> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some((_, report)) = self.due.pop_first()
        {
            taken.push(report);
        }
        taken
    }

    /// Puts back what could not be sent, unless something newer has come meanwhile.
    fn put_back(&mut self, reports: Vec<Report>) {
        for report in reports {
            if !self.held.contains_key(&report.attempt) {
                self.due.entry(report.attempt.clone()).or_insert(report);
            }
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

    /// Takes in all that is there, waiting only when nothing is due. False: nothing comes any more.
    async fn collect(&mut self) -> bool {
        loop {
            match self.posts.try_recv() {
                Ok(post) => {
                    self.sort(post);
                    continue;
                }
                Err(TryRecvError::Disconnected) => {
                    self.waiting.let_go(Instant::now() + STEP_HOLD);
                    return !self.waiting.is_empty();
                }
                Err(TryRecvError::Empty) => {}
            }
            let ahead = if self.flushes.is_empty() { Duration::ZERO } else { STEP_HOLD };
            self.waiting.let_go(Instant::now() + ahead);
            if !self.waiting.due.is_empty() {
                return true;
            }
            for flush in self.flushes.drain(..) {
                let _nobody_waits = flush.send(());
            }
            let until = self.waiting.held_until();
            tokio::select! {
                post = self.posts.recv() => match post {
                    Some(post) => self.sort(post),
                    None => continue,
                },
                () = tokio::time::sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
        }
    }

    fn sort(&mut self, post: Post) {
        match post {
            Post::Report(report) => self.waiting.add(*report, Instant::now()),
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
                both(first, second)
            }
            Err(error) => Err((message.reports, error)),
        }
    }
}

/// What was not sent of two halves.
fn both<E>(
    first: Result<(), (Vec<Report>, E)>,
    second: Result<(), (Vec<Report>, E)>,
) -> Result<(), (Vec<Report>, E)> {
    match (first, second) {
        (Err((mut reports, error)), Err((rest, _))) => {
            reports.extend(rest);
            Err((reports, error))
        }
        (Ok(()), other) | (other, Ok(())) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::transition::{AttemptEnd, AttemptTimes};
    use emboflow_model::{Cause, Outcome, RunId, Timestamp};

    fn report(run: u128, at: i64) -> Report {
        let attempt = AttemptId { run: RunId::from_bits(run), task: "a".parse().unwrap(), number: 1 };
        Report { attempt, fence: 1, phase: Phase::Running { at: Timestamp(at), pulled_at: None } }
    }

    fn end(run: u128) -> Report {
        let end = AttemptEnd {
            outcome: Outcome::Succeeded,
            cause: Cause::User,
            reason: None,
            message: None,
            exit_code: Some(0),
            times: AttemptTimes::default(),
            log: None,
            artifacts: Vec::new(),
            values: serde_json::Map::new(),
            image_digest: None,
            unseen: false,
        };
        Report { phase: Phase::Ended { end: Box::new(end) }, ..report(run, 0) }
    }

    #[test]
    fn only_the_newest_report_of_an_attempt_is_sent() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for (run, at) in [(1, 1), (2, 1), (1, 2)] {
            waiting.add(report(run, at), now);
        }
        waiting.let_go(now + STEP_HOLD);
        let taken = waiting.take(1);
        assert_eq!(taken, [report(1, 2)]);
        waiting.add(report(1, 3), now);
        waiting.put_back(taken);
        waiting.let_go(now + STEP_HOLD);
        assert_eq!(waiting.take(9), [report(1, 3), report(2, 1)]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn an_end_is_due_at_once_and_takes_the_place_of_the_steps_before_it() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.add(report(1, 1), now);
        waiting.add(report(2, 1), now);
        waiting.let_go(now);
        assert_eq!(waiting.take(9), []);
        waiting.add(end(1), now);
        assert_eq!(waiting.take(9), [end(1)]);
        assert_eq!(waiting.held_until(), Some(now + STEP_HOLD));
        waiting.let_go(now + STEP_HOLD);
        assert_eq!(waiting.take(9), [report(2, 1)]);
    }

    #[test]
    fn a_step_is_held_no_longer_because_another_follows() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.add(report(1, 1), now);
        waiting.add(report(1, 2), now + STEP_HOLD / 2);
        waiting.let_go(now + STEP_HOLD);
        assert_eq!(waiting.take(9), [report(1, 2)]);
    }

    #[test]
    fn no_half_of_a_pack_is_forgotten_when_both_cannot_be_sent() {
        let failed = |run| Err((vec![report(run, 1)], "away"));
        assert_eq!(both(failed(1), failed(2)), Err((vec![report(1, 1), report(2, 1)], "away")));
        assert_eq!(both(failed(1), Ok(())), failed(1));
        assert_eq!(both(Ok(()), failed(2)), failed(2));
        assert_eq!(both::<&str>(Ok(()), Ok(())), Ok(()));
    }
}
