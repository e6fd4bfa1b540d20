//! Sending under an idempotency key: again while nothing answers, and whoever gives up tells the key.

use std::time::Duration;

use uuid::Uuid;

use crate::failure::Failure;

/// Times that a request is sent when nothing answers; its key makes that safe.
const TRIES: u32 = 3;
/// Time between two of them.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A key that nobody has used.
pub(super) fn made_up_key() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Sends until there is an answer, a few times. Errors: [`Failure::Pending`] with the key when nobody answers and the
/// server may have taken the request nevertheless; else the answer, or why none can be had.
pub(super) async fn insist<T>(key: &str, send: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let (mut tries, mut may_be_taken) = (0, false);
    loop {
        let failure = match send().await {
            Err(failure) if failure.may_pass() => failure,
            answered => return answered,
        };
        tries += 1;
        may_be_taken |= failure.may_be_taken();
        if tries == TRIES {
            return Err(if may_be_taken { open(&failure, key) } else { failure });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The request may be taken, or is, but nobody says so.
pub(super) fn open(failure: &Failure, key: &str) -> Failure {
    Failure::Pending(format!(
        "{}; the request may have been taken: the same command with --key {key} asks again and starts nothing twice",
        failure.reason()
    ))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn unreachable(heard: bool) -> Failure {
        Failure::Unreachable { url: "http://s".to_owned(), reason: "reset".to_owned(), heard }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_was_perhaps_taken_ends_with_its_key() {
        let tries = Cell::new(0);
        let sent: Result<(), _> = insist("k1", async || {
            tries.set(tries.get() + 1);
            Err(unreachable(tries.get() == 1))
        })
        .await;
        let failure = sent.unwrap_err();
        assert_eq!((failure.exit_code(), tries.get()), (8, TRIES));
        assert!(failure.reason().contains("--key k1") && failure.reason().contains("reset"), "{failure:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_nobody_heard_is_a_plain_failure_and_a_late_answer_is_an_answer() {
        let nobody: Result<(), _> = insist("k", async || Err(unreachable(false))).await;
        assert_eq!(nobody.unwrap_err().exit_code(), 1);
        let tries = Cell::new(0);
        let late = insist("k", async || {
            tries.set(tries.get() + 1);
            if tries.get() < TRIES { Err(unreachable(true)) } else { Ok(7) }
        });
        assert_eq!(late.await.unwrap(), 7);
        let refused: Result<(), _> = insist("k", async || Err(Failure::usage("no"))).await;
        assert!(matches!(refused, Err(Failure::Usage(_))));
    }
}
