//! The buckets: one a client and class.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use super::Limits;
use super::asker::Asker;
use super::streams::{OpenStream, Streams};
use crate::problem::Outcome;

/// Addresses that are remembered for their refusals at most; beyond it the oldest may try again.
const BLOCKED_MAX: usize = 10_000;
/// How much more than in a second may come at once.
const BURST: u32 = 10;

/// The buckets of all clients.
pub(crate) struct Buckets {
    reads: Bucket<String>,
    writes: Bucket<String>,
    sign_ins: Bucket<IpAddr>,
    refused: Bucket<IpAddr>,
    /// Until when an address is not listened to.
    blocked: Mutex<HashMap<IpAddr, Instant>>,
    streams: Streams,
}

/// Buckets of one class; none when it has no limit.
struct Bucket<K: std::hash::Hash + Eq + Clone>(Option<DefaultKeyedRateLimiter<K>>);

impl<K: std::hash::Hash + Eq + Clone> Bucket<K> {
    fn a_second(amount: u32) -> Self {
        let amount = NonZeroU32::new(amount);
        Self(amount.map(|amount| {
            let burst = amount.saturating_mul(NonZeroU32::new(BURST).unwrap_or(NonZeroU32::MIN));
            RateLimiter::keyed(Quota::per_second(amount).allow_burst(burst))
        }))
    }

    fn a_minute(amount: u32) -> Self {
        Self(NonZeroU32::new(amount).map(|amount| RateLimiter::keyed(Quota::per_minute(amount))))
    }

    /// Takes one out; or says when there is one again.
    fn take(&self, client: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(client).map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    fn forget_full(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

impl Buckets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            reads: Bucket::a_second(limits.reads_per_second),
            writes: Bucket::a_second(limits.writes_per_second),
            sign_ins: Bucket::a_minute(limits.sign_ins_per_minute),
            refused: Bucket::a_minute(limits.refused_per_minute),
            blocked: Mutex::default(),
            streams: Streams::of_at_most(limits.streams),
        }
    }

    /// A request of a client. Errors: when the next one may come.
    pub(super) fn request(&self, client: &str, is_read: bool) -> Result<(), Duration> {
        let class = if is_read { &self.reads } else { &self.writes };
        class.take(&client.to_owned())
    }

    /// An answer that stays open. Errors: the client has as many as it may.
    pub(crate) fn open_stream(&self, asker: &Asker) -> Outcome<OpenStream> {
        self.streams.open(asker)
    }

    /// A try to sign in. Errors: when the next one may come.
    pub(super) fn sign_in(&self, address: IpAddr) -> Result<(), Duration> {
        self.sign_ins.take(&network_of(address))
    }

    /// Whether the address is listened to. Errors: when it will be.
    pub(super) fn listens_to(&self, address: IpAddr) -> Result<(), Duration> {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network_of(address);
        let Some(until) = blocked.get(&network).copied() else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            blocked.remove(&network);
            return Ok(());
        }
        Err(left)
    }

    /// The address came with something that is not good. After too many it is not listened to for a while.
    pub(super) fn was_refused(&self, address: IpAddr) {
        let network = network_of(address);
        let Err(wait) = self.refused.take(&network) else { return };
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        if blocked.len() >= BLOCKED_MAX {
            let now = Instant::now();
            blocked.retain(|_, until| *until > now);
            if let Some(soonest) =
                blocked.iter().min_by_key(|(_, until)| **until).map(|(network, _)| *network)
            {
                blocked.remove(&soonest);
            }
        }
        blocked.insert(network, Instant::now() + wait.max(Duration::from_secs(1)));
    }

    /// Lets go of clients that have not come for a while.
    pub(crate) fn forget_idle(&self) {
        self.reads.forget_full();
        self.writes.forget_full();
        self.sign_ins.forget_full();
        self.refused.forget_full();
    }
}

/// A host with IPv6 has a whole network of addresses.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_client_has_buckets_of_its_own_for_reading_and_writing() {
        let buckets =
            Buckets::new(&Limits { reads_per_second: 1, writes_per_second: 1, ..Limits::default() });
        let take =
            |client: &str, is_read| (0..30).filter(|_| buckets.request(client, is_read).is_ok()).count();
        let (writes, reads) = (take("user:ada", false), take("user:ada", true));
        assert!((10..30).contains(&writes) && (10..30).contains(&reads), "{writes} {reads}");
        let wait = buckets.request("user:ada", false).unwrap_err();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(buckets.request("user:bob", false), Ok(()));
    }

    #[test]
    fn an_address_that_guesses_is_not_listened_to_for_a_while() {
        let buckets = Buckets::new(&Limits { refused_per_minute: 3, ..Limits::default() });
        let (guesser, other) = (address("2001:db8::1"), address("2001:db8:0:1::1"));
        for _ in 0..3 {
            buckets.was_refused(guesser);
            assert_eq!(buckets.listens_to(guesser), Ok(()));
        }
        buckets.was_refused(guesser);
        assert!(buckets.listens_to(guesser).is_err());
        assert!(buckets.listens_to(address("2001:db8::2")).is_err(), "it has many addresses");
        assert_eq!(buckets.listens_to(other), Ok(()));
    }

    #[test]
    fn nothing_is_limited_where_one_person_is_alone() {
        let buckets = Buckets::new(&Limits::alone());
        for _ in 0..10_000 {
            assert_eq!(buckets.request("local", false), Ok(()));
            buckets.was_refused(address("127.0.0.1"));
        }
        assert_eq!(buckets.sign_in(address("127.0.0.1")), Ok(()));
        assert_eq!(buckets.listens_to(address("127.0.0.1")), Ok(()));
    }
}
