//! Carries claims to the scheduler. Those of one moment travel together.

use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::PoolName;
use emboflow_protocol::call::{Claim, ClaimAnswer, ClaimedAttempt, Claims, ClaimsAnswer, MAX_CLAIMS};
use tokio::sync::{mpsc, oneshot, watch};
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
        // Without a carrier nobody answers: what was sent to it is dropped.
        let _ending = self.asked.send(Asked { claim, answer });
        answered.await.unwrap_or_else(|_| Err("the executor is ending".to_owned()))
    }
}

async fn carry(
    bus: Bus,
    together: impl Fn(Vec<ClaimedAttempt>) -> Claims,
    mut taken: mpsc::UnboundedReceiver<Asked>,
) {
    let apart_until = watch::Sender::new(Instant::now());
    while let Some(first) = taken.recv().await {
        // Those that begin in the same moment come one after the other.
        tokio::task::yield_now().await;
        let mut all = vec![first];
        while all.len() < MAX_CLAIMS
            && let Ok(next) = taken.try_recv()
        {
            all.push(next);
        }
        let is_apart = Instant::now() < *apart_until.borrow();
        if all.len() == 1 || is_apart {
            for asked in all {
                let bus = bus.clone();
                tokio::spawn(async move { answer_alone(&bus, asked).await });
            }
        } else {
            let claims = together(all.iter().map(|asked| claimed(&asked.claim)).collect());
            tokio::spawn(answer_together(bus.clone(), claims, all, apart_until.clone()));
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

async fn answer_together(bus: Bus, claims: Claims, all: Vec<Asked>, apart_until: watch::Sender<Instant>) {
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
            apart_until.send_replace(Instant::now() + APART);
            futures::future::join_all(all.into_iter().map(|asked| answer_alone(&bus, asked))).await;
        }
    }
}

fn claimed(claim: &Claim) -> ClaimedAttempt {
    ClaimedAttempt { attempt: claim.attempt.clone(), fence: claim.fence, again: claim.again }
}

#[cfg(test)]
mod tests {
    use emboflow_bus::testing::TestServer;
    use emboflow_model::RunId;
    use futures::future::join_all;
    use tokio::sync::mpsc::UnboundedSender;
    use tokio_util::sync::CancellationToken;

    use super::*;

    const SECRET_RUN: u128 = 0;

    fn identity() -> Identity {
        Identity {
            executor: "exec-1".parse().unwrap(),
            journal: "a-journal".to_owned(),
            incarnation: "a-start".to_owned(),
        }
    }

    fn pool() -> PoolName {
        "default".parse().unwrap()
    }

    fn claim(run: u128) -> Claim {
        let Identity { executor, journal, .. } = identity();
        let attempt = format!("{}.only.1", RunId::from_bits(run)).parse().unwrap();
        let secrets = run == SECRET_RUN;
        let (fence, journal) = (run as u64, Some(journal));
        Claim { pool: pool(), executor, attempt, fence, journal, secrets, again: false }
    }

    /// The fence in the place of a token: tells whose answer it is.
    fn granted(claim: &Claim) -> ClaimAnswer {
        let storage_token = claim.fence.to_string();
        ClaimAnswer::Granted { storage_token, storage_token_ms: 1, good_for_ms: None, secrets: Vec::new() }
    }

    fn serve_alone(bus: &Bus, heard: &UnboundedSender<Vec<Claim>>) {
        let (bus, heard) = (bus.clone(), heard.clone());
        tokio::spawn(async move {
            let answer = move |claim: Claim| {
                let answer = granted(&claim);
                heard.send(vec![claim]).unwrap();
                async move { Ok(answer) }
            };
            bus.serve(Claim::filter(), CancellationToken::new(), answer).await
        });
    }

    /// Answers all but those with the fence 7.
    fn serve_together(bus: &Bus, heard: &UnboundedSender<Vec<Claim>>) {
        let (bus, heard) = (bus.clone(), heard.clone());
        tokio::spawn(async move {
            let answer = move |claims: Claims| {
                let claims: Vec<Claim> = claims.apart().collect();
                let answers = claims.iter().map(|claim| (claim.fence != 7).then(|| granted(claim))).collect();
                heard.send(claims).unwrap();
                async move { Ok(ClaimsAnswer { answers }) }
            };
            bus.serve(Claims::filter(), CancellationToken::new(), answer).await
        });
    }

    /// Waits until a call is answered: the server knows then who serves.
    async fn is_served(bus: &Bus, is_answered: impl AsyncFn(&Bus) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !is_answered(bus).await {
            assert!(Instant::now() < until, "nobody serves");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ask_all(clerk: &Clerk, runs: impl Iterator<Item = u128>) -> Vec<Answer> {
        join_all(runs.map(|run| clerk.ask(claim(run)))).await
    }

    #[tokio::test]
    async fn claims_of_one_moment_travel_together_and_each_gets_its_own_answer() {
        let server = TestServer::start().await;
        let bus = server.bus("bus").await;
        let (heard, mut hears) = mpsc::unbounded_channel();
        serve_alone(&bus, &heard);
        serve_together(&bus, &heard);
        is_served(&bus, async |bus| bus.call::<_, ClaimAnswer>(&claim(1), ANSWER).await.is_ok()).await;
        let none =
            Claims { pool: pool(), executor: identity().executor, journal: String::new(), attempts: vec![] };
        is_served(&bus, async |bus| bus.call::<_, ClaimsAnswer>(&none, ANSWER).await.is_ok()).await;
        while hears.try_recv().is_ok() {}

        let clerk = Clerk::new(bus, pool(), &identity());
        let answers = ask_all(&clerk, SECRET_RUN..200).await;
        for (run, answer) in (SECRET_RUN..).zip(answers) {
            match run {
                7 => assert!(answer.is_err(), "nobody could say it"),
                _ => assert_eq!(answer, Ok(granted(&claim(run)))),
            }
        }
        let mut messages = Vec::new();
        while let Ok(claims) = hears.try_recv() {
            assert!(claims.len() <= MAX_CLAIMS);
            assert!(claims.len() == 1 || claims.iter().all(|claim| claim.fence != SECRET_RUN as u64));
            assert!(claims.iter().all(|heard| *heard == claim(heard.fence.into())));
            messages.push(claims.len());
        }
        assert_eq!(messages.iter().sum::<usize>(), 200);
        assert!(messages.len() < 200, "{messages:?}");
    }

    #[tokio::test]
    async fn where_nobody_answers_several_each_asks_by_itself() {
        let server = TestServer::start().await;
        let bus = server.bus("bus").await;
        let (heard, _hears) = mpsc::unbounded_channel();
        serve_alone(&bus, &heard);
        is_served(&bus, async |bus| bus.call::<_, ClaimAnswer>(&claim(1), ANSWER).await.is_ok()).await;
        let clerk = Clerk::new(bus, pool(), &identity());
        for _ in 0..2 {
            let answers = ask_all(&clerk, 1..50).await;
            let expected: Vec<_> = (1..50).map(|run| Ok(granted(&claim(run)))).collect();
            assert_eq!(answers, expected);
        }
    }
}
