//! The token for storage that an attempt works with: short-lived, and renewed by the same claim that it came with.

use std::time::Duration;

use emboflow_protocol::call::GivenSecret;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::claim::{Desk, Grant, NotGranted};

/// How long a renewal that had no answer is left alone, while the old token is still good.
const AGAIN_MIN: Duration = Duration::from_secs(1);

/// An attempt's pass into the storage.
pub(crate) struct Pass {
    desk: Desk,
    held: Mutex<Option<Held>>,
    fenced: CancellationToken,
}

struct Held {
    token: String,
    renew_at: Instant,
    expires_at: Instant,
}

impl Held {
    /// It is renewed when less than a third of its life is left.
    fn of(grant: Grant) -> Self {
        let now = Instant::now();
        Self { token: grant.token, renew_at: now + grant.life / 3 * 2, expires_at: now + grant.life }
    }

    fn use_now(&self, now: Instant) -> Use {
        match () {
            () if now < self.renew_at => Use::AsItIs,
            () if now < self.expires_at => Use::Renew,
            () => Use::Expired,
        }
    }

    fn renew_later(&mut self, now: Instant) {
        self.renew_at = now + (self.expires_at.saturating_duration_since(now) / 4).max(AGAIN_MIN);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    AsItIs,
    Renew,
    Expired,
}

impl Pass {
    pub(crate) fn new(desk: Desk) -> Self {
        Self { desk, held: Mutex::default(), fenced: CancellationToken::new() }
    }

    /// Claims the attempt, however long the answer takes; gives the values of its secrets, if `with_secrets`. Errors: why
    /// it is not granted.
    pub(crate) async fn claim(&self, with_secrets: bool) -> Result<Vec<GivenSecret>, NotGranted> {
        let mut held = self.held.lock().await;
        let mut grant = match with_secrets {
            true => self.desk.with_secrets().ask().await?,
            false => self.desk.ask().await?,
        };
        let secrets = std::mem::take(&mut grant.secrets);
        *held = Some(Held::of(grant));
        Ok(secrets)
    }

    /// A token that is good now. An attempt that was adopted claims again, and so does one whose token is near its end;
    /// without an answer the old token serves to its end, and only then is the scheduler waited for.
    ///
    /// # Errors
    /// Why the scheduler refuses: the attempt is no longer this executor's.
    pub(crate) async fn token(&self) -> Result<String, String> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        let answer = match held.as_mut().map(|held| (held.use_now(now), held)) {
            Some((Use::AsItIs, held)) => return Ok(held.token.clone()),
            Some((Use::Renew, held)) => match self.desk.again().ask_once().await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::debug!(%error, "a storage token is not renewed yet; it is still good");
                    held.renew_later(Instant::now());
                    return Ok(held.token.clone());
                }
            },
            Some((Use::Expired, _)) | None => self.desk.again().ask().await,
        };
        let grant = answer.map_err(|not_granted| {
            self.fenced.cancel();
            match not_granted {
                NotGranted::Refused(reason) => reason,
                NotGranted::Denied(verdict) => verdict.message.unwrap_or_default(),
            }
        })?;
        Ok(held.insert(Held::of(grant)).token.clone())
    }

    /// The gateway does not take this token any more, whatever the clock here says.
    pub(crate) async fn expired(&self, token: &str) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| held.token == token) {
            *held = None;
        }
    }

    /// Where the claim is asked for.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Cancelled when a renewal was refused.
    pub(crate) fn fenced(&self) -> &CancellationToken {
        &self.fenced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_in_its_last_third_and_never_used_after_its_end() {
        let life = Duration::from_secs(90);
        let mut held = Held::of(Grant { token: "t".into(), life, secrets: Vec::new() });
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        for (seconds, expected) in [(0, Use::AsItIs), (59, Use::AsItIs), (60, Use::Renew), (89, Use::Renew)] {
            assert_eq!(held.use_now(at(seconds)), expected, "after {seconds} s");
        }
        assert_eq!(held.use_now(at(90)), Use::Expired);
        held.renew_later(at(70));
        assert_eq!((held.use_now(at(74)), held.use_now(at(75))), (Use::AsItIs, Use::Renew));
        held.renew_later(at(95));
        assert_eq!(held.use_now(at(97)), Use::Expired);
    }
}
