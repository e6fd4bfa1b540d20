//! Waiting for conditions, never for time to pass.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(90);
const LOOK_EACH: Duration = Duration::from_millis(20);

/// Looks until there is something. Panics with `what` when there is nothing by the deadline.
pub async fn eventually<T, Fut: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> Fut) -> T {
    within(DEADLINE, what, look).await
}

/// [`eventually`] with a deadline of its own.
pub async fn within<T, Fut>(deadline: Duration, what: &str, mut look: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Option<T>>,
{
    let until = Instant::now() + deadline;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < until, "not within {} s: {what}", deadline.as_secs());
        look_again().await;
    }
}

/// [`eventually`] for something that says why it is not so yet; the last reason is told when it never is.
pub async fn eventually_ok<T, Fut>(what: &str, mut look: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Result<T, String>>,
{
    let until = Instant::now() + DEADLINE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(why) if Instant::now() >= until => {
                panic!("not within {} s: {what}: {why}", DEADLINE.as_secs())
            }
            Err(_) => look_again().await,
        }
    }
}

/// The pause between two looks.
pub(crate) async fn look_again() {
    tokio::time::sleep(LOOK_EACH).await;
}
