//! Carries claims to the scheduler. Those that come while others are on their way travel together.

use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::PoolName;
use emboflow_protocol::call::{Claim, ClaimAnswer, ClaimedAttempt, Claims, ClaimsAnswer, MAX_CLAIMS};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::identity::Identity;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(3);
/// How long each claim travels by itself after several together had no answer: a scheduler of an earlier version serves
/// none, and the rights of an earlier version let none through.
const APART: Duration = Duration::from_secs(60);

/// What a claim is answered. Errors: it is not, in words.
type Answer = Result<ClaimAnswer, String>;

struct Asked {
    claim: Claim,
    answer: oneshot::Sender<Answer>,
}

/// Where claims are handed in. Clones share it. It carries for as long as there is a clone.
#[derive(Clone)]
pub(crate) struct Clerk {
    bus: Bus,
    asked: mpsc::UnboundedSender<Asked>,
}

impl Clerk {
    /// One that begins to carry what this executor claims.
    pub(crate) fn new(bus: Bus, pool: PoolName, identity: &Identity) -> Self {
        let (asked, taken) = mpsc::unbounded_channel();
        let (executor, journal) = (identity.executor.clone(), identity.journal.clone());
        let together = move |attempts| Claims {
            pool: pool.clone(),
            executor: executor.clone(),
            journal: journal.clone(),
            attempts,
        };
        tokio::spawn(carry(bus.clone(), together, taken));
        Self { bus, asked }
    }

    /// Asks once, for three seconds at most, and once more where several together had no answer. Errors: there is none, in
    /// words.
    pub(crate) async fn ask(&self, claim: Claim) -> Answer {
        // Values of secrets travel alone: nobody else waits until they are there.
        if claim.secrets {
            return ask_alone(&self.bus, &claim).await;
        }
        let (answer, answered) = oneshot::channel();
        let over = |_| "the executor is ending".to_owned();
        self.asked.send(Asked { claim, answer }).map_err(|_| over(()))?;
        answered.await.unwrap_or_else(|_| Err(over(())))
    }
}

async fn carry(
    bus: Bus,
    together: impl Fn(Vec<ClaimedAttempt>) -> Claims,
    mut taken: mpsc::UnboundedReceiver<Asked>,
) {
    let (failures, mut failed) = mpsc::unbounded_channel();
    let mut apart_until = None;
    while let Some(first) = taken.recv().await {
        // Those that begin in the same moment come one after the other.
        tokio::task::yield_now().await;
        let mut all = vec![first];
        while all.len() < MAX_CLAIMS
            && let Ok(next) = taken.try_recv()
        {
            all.push(next);
        }
        if failed.try_recv().is_ok() {
            apart_until = Some(Instant::now() + APART);
        }
        let is_apart = apart_until.is_some_and(|until| Instant::now() < until);
        if all.len() == 1 || is_apart {
            for asked in all {
                let bus = bus.clone();
                tokio::spawn(async move { answer_alone(&bus, asked).await });
            }
        } else {
            let claims = together(all.iter().map(|asked| claimed(&asked.claim)).collect());
            tokio::spawn(answer_together(bus.clone(), claims, all, failures.clone()));
        }
    }
}

async fn answer_alone(bus: &Bus, asked: Asked) {
    // Nobody waits for it any more when this fails.
    let _ = asked.answer.send(ask_alone(bus, &asked.claim).await);
}

async fn ask_alone(bus: &Bus, claim: &Claim) -> Answer {
    bus.call(claim, ANSWER).await.map_err(|error| error.to_string())
}

async fn answer_together(bus: Bus, claims: Claims, all: Vec<Asked>, failures: mpsc::UnboundedSender<()>) {
    match bus.call(&claims, ANSWER).await {
        Ok(ClaimsAnswer { answers }) => {
            let mut answers = answers.into_iter();
            for Asked { answer, .. } in all {
                let own = answers.next().flatten();
                let _ = answer.send(own.ok_or_else(|| "the scheduler cannot say it now".to_owned()));
            }
        }
        Err(error) => {
            tracing::debug!(%error, claims = all.len(), "claims are asked for one by one");
            // The carrier lives as long as there is somebody who asks.
            let _ = failures.send(());
            futures::future::join_all(all.into_iter().map(|asked| answer_alone(&bus, asked))).await;
        }
    }
}

fn claimed(claim: &Claim) -> ClaimedAttempt {
    ClaimedAttempt { attempt: claim.attempt.clone(), fence: claim.fence }
}
