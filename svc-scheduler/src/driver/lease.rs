//! Which scheduler decides when there are several: the one that holds the lease. The others stand by. It only keeps
//! them out of each other's way; two that decide at the same time are told apart by the log, where one of them finds a
//! place taken.
//!
//! The holder keeps the lease again every two seconds. Whoever stands by takes it when it was given back, when nobody
//! answers as its holder, or when it has not changed for eight seconds by the own monotonic clock.

use std::time::Duration;

use emboflow_bus::{Bus, BusError};
use emboflow_model::Timestamp;
use emboflow_model::lease::Lease;
use emboflow_protocol::call::{AskLeader, Leader};
use emboflow_records::{Records, RecordsError, SharedRecords};
use tokio_util::sync::CancellationToken;

use super::tenure::Tenure;

/// How often the holder keeps it again.
const RENEWED_EACH: Duration = Duration::from_secs(2);
/// So long without a change, and it is taken from its holder.
const LAPSES_AFTER: Duration = Duration::from_secs(8);
/// The holder trusts in it for so much less: its clock may run slower.
const MARGIN: Duration = Duration::from_secs(2);
/// How often one that stands by looks.
const LOOKED_AT_EACH: Duration = Duration::from_secs(1);
/// How soon it looks again when nobody answered as the holder.
const LOOKED_AGAIN: Duration = Duration::from_millis(200);
/// How long the holder may take for its answer.
const ANSWER: Duration = Duration::from_secs(1);

/// What one that stands by found out about the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Answers,
    /// No answer in time, or NATS is away.
    Unknown,
    /// NATS knows of nobody who would answer.
    Absent,
}

/// What one that stands by has seen so far.
#[derive(Debug, Default)]
struct Watch {
    /// The version that it saw last, and since when.
    seen: Option<(u64, Duration)>,
    /// How often in a row nobody was there.
    absences: u32,
}

impl Watch {
    /// Whether the lease may be taken from its holder. One look at an absent holder is not enough: after a reconnect
    /// it may be back a moment later.
    fn may_take(&mut self, version: u64, presence: Presence, now: Duration) -> bool {
        let since = match self.seen {
            Some((seen, since)) if seen == version => since,
            _ => {
                self.absences = 0;
                now
            }
        };
        self.seen = Some((version, since));
        self.absences = if presence == Presence::Absent { self.absences + 1 } else { 0 };
        self.absences > 1 || now.saturating_sub(since) >= LAPSES_AFTER
    }

    fn pause(&self) -> Duration {
        if self.absences > 0 { LOOKED_AGAIN } else { LOOKED_AT_EACH }
    }
}

/// The way to the lease of a shard.
pub(super) struct Office {
    pub(super) records: SharedRecords,
    pub(super) bus: Bus,
    pub(super) shard: u32,
    /// This process.
    pub(super) holder: String,
}

/// The lease, held.
pub(super) struct Held<'o> {
    office: &'o Office,
    lease: Lease,
    version: u64,
    /// When the newest keeping began.
    kept_at: Duration,
}

impl Office {
    /// Waits until the lease is this scheduler's; none after `stop`. `stands_by` is told who has it meanwhile.
    pub(super) async fn enter(
        &self,
        stop: &CancellationToken,
        now: impl Fn() -> Duration,
        wall_clock: Timestamp,
        stands_by: impl Fn(&str),
    ) -> Option<Held<'_>> {
        let mut watch = Watch::default();
        loop {
            let began = now();
            let pause = match self.look(&mut watch, began, wall_clock, &stands_by).await {
                Ok(Some((lease, version))) => {
                    return Some(Held { office: self, lease, version, kept_at: began });
                }
                Ok(None) => watch.pause(),
                Err(error) => {
                    tracing::warn!(%error, "the lease cannot be read or taken yet");
                    LOOKED_AT_EACH
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look(
        &self,
        watch: &mut Watch,
        now: Duration,
        wall_clock: Timestamp,
        stands_by: &impl Fn(&str),
    ) -> Result<Option<(Lease, u64)>, RecordsError> {
        let name = Lease::name(self.shard);
        let kept = self.records.kept(Lease::KIND, "", &name).await?;
        // What nobody can read is nobody's.
        let found = kept.as_ref().and_then(|kept| serde_json::from_str::<Lease>(&kept.body).ok());
        if let (Some(kept), Some(lease)) = (&kept, found)
            && !lease.released
            && lease.holder != self.holder
        {
            let presence = self.presence().await;
            if !watch.may_take(kept.version, presence, now) {
                stands_by(&lease.holder);
                return Ok(None);
            }
            tracing::warn!(
                holder = lease.holder,
                ?presence,
                "the scheduler that decided is gone: taking over"
            );
        }
        let lease = Lease { holder: self.holder.clone(), since: wall_clock, released: false };
        let taken = keep(&*self.records, &name, kept.map(|kept| kept.version), &lease).await?;
        Ok(taken.map(|version| (lease, version)))
    }

    async fn presence(&self) -> Presence {
        match self.bus.call::<_, Leader>(&AskLeader {}, ANSWER).await {
            Ok(_) => Presence::Answers,
            Err(BusError::NoResponder { .. }) => Presence::Absent,
            Err(_) => Presence::Unknown,
        }
    }
}

impl Held<'_> {
    /// Keeps the lease until `life` is over; ends `life` when somebody else has it. Gives it back at the end.
    pub(super) async fn keep(
        mut self,
        life: &CancellationToken,
        now: impl Fn() -> Duration,
        tenure: &Tenure,
    ) {
        tenure.keep(self.kept_at, LAPSES_AFTER - MARGIN);
        loop {
            tokio::select! {
                biased;
                () = life.cancelled() => break,
                () = tokio::time::sleep(RENEWED_EACH) => {}
            }
            let began = now();
            match self.renew().await {
                Ok(true) => tenure.keep(began, LAPSES_AFTER - MARGIN),
                Ok(false) => {
                    tracing::warn!("another scheduler has taken the lease: standing by");
                    life.cancel();
                    break;
                }
                // The log guards what is decided meanwhile.
                Err(error) => {
                    tracing::warn!(%error, "the lease cannot be kept; another scheduler may take it")
                }
            }
        }
        tenure.end();
    }

    /// Errors: it is not known whether the lease was kept.
    async fn renew(&mut self) -> Result<bool, RecordsError> {
        let (records, name) = (&*self.office.records, Lease::name(self.office.shard));
        let kept = keep(records, &name, Some(self.version), &self.lease).await?;
        if let Some(version) = kept {
            self.version = version;
            return Ok(true);
        }
        // One that was kept although the answer was lost has another version, and is still ours.
        let stored = records.kept(Lease::KIND, "", &name).await?;
        let own = stored
            .filter(|kept| serde_json::from_str(&kept.body).is_ok_and(|lease: Lease| lease == self.lease));
        Ok(own.inspect(|kept| self.version = kept.version).is_some())
    }
}

impl Office {
    /// Gives the lease back, if it is this scheduler's: nobody has to wait for it to lapse.
    pub(super) async fn leave(&self) {
        let name = Lease::name(self.shard);
        let given_back = async {
            let Some(kept) = self.records.kept(Lease::KIND, "", &name).await? else { return Ok(None) };
            match serde_json::from_str::<Lease>(&kept.body) {
                Ok(lease) if lease.holder == self.holder => {
                    let lease = Lease { released: true, ..lease };
                    keep(&*self.records, &name, Some(kept.version), &lease).await
                }
                _ => Ok(None),
            }
        };
        if let Err(error) = given_back.await {
            tracing::warn!(%error, "the lease cannot be given back; another scheduler waits until it lapses");
        }
    }
}

async fn keep(
    records: &dyn Records,
    name: &str,
    expected: Option<u64>,
    lease: &Lease,
) -> Result<Option<u64>, RecordsError> {
    let body = serde_json::to_string(lease).expect("a lease is plain data");
    records.keep(Lease::KIND, "", name, expected, body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_lease_that_is_kept_again_is_never_taken() {
        let mut watch = Watch::default();
        for second in 0..100 {
            assert!(!watch.may_take(second / 2, Presence::Unknown, seconds(second)));
            assert!(!watch.may_take(second / 2, Presence::Answers, seconds(second)));
        }
    }

    #[test]
    fn a_lease_that_does_not_change_for_eight_seconds_is_taken_whoever_answers() {
        let mut watch = Watch::default();
        assert!(!watch.may_take(7, Presence::Answers, seconds(10)));
        assert!(!watch.may_take(7, Presence::Answers, seconds(17)));
        assert!(watch.may_take(7, Presence::Answers, seconds(18)));
    }

    #[test]
    fn a_holder_that_is_absent_twice_is_followed_at_once_and_one_that_comes_back_is_not() {
        let mut watch = Watch::default();
        assert!(!watch.may_take(7, Presence::Absent, seconds(0)));
        assert_eq!(watch.pause(), LOOKED_AGAIN);
        assert!(!watch.may_take(7, Presence::Answers, seconds(0)));
        assert!(!watch.may_take(7, Presence::Absent, seconds(1)));
        assert!(!watch.may_take(8, Presence::Absent, seconds(1)), "somebody has kept it meanwhile");
        assert!(watch.may_take(8, Presence::Absent, seconds(1)));
    }
}
