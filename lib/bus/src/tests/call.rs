use std::time::Duration;

use emboflow_model::{ExecutorId, PoolName};
use emboflow_protocol::call::{Claim, ClaimAnswer};
use tokio_util::sync::CancellationToken;

use super::{eventually, within};
use crate::testing::TestServer;
use crate::{Bus, BusError};

const SOON: Duration = Duration::from_secs(20);

fn claim(executor: &str) -> Claim {
    Claim {
        pool: PoolName::new("pool").unwrap(),
        executor: ExecutorId::new(executor).unwrap(),
        attempt: format!("run-{}.train.1", "0".repeat(26)).parse().unwrap(),
        fence: 3,
        journal: None,
        secrets: false,
        again: false,
    }
}

fn granted(storage_token: String) -> ClaimAnswer {
    ClaimAnswer::Granted {
        storage_token,
        storage_token_ms: 1_000,
        good_for_ms: None,
        secrets: Default::default(),
    }
}

/// Serves claims: an executor named `bad` makes the handler panic, `down` makes it fail.
async fn serve(bus: &Bus) -> CancellationToken {
    let stop = CancellationToken::new();
    let (own, token) = (bus.clone(), stop.clone());
    tokio::spawn(async move {
        own.serve(Claim::filter(), token, |claim: Claim| async move {
            match claim.executor.as_str() {
                "bad" => panic!("as the test wants"),
                "down" => Err("the records are away".to_owned()),
                name => Ok(granted(format!("{name}/{}", claim.fence))),
            }
        })
        .await
        .unwrap();
    });
    eventually(5, "somebody serves", || async {
        bus.call::<_, ClaimAnswer>(&claim("probe"), SOON).await.is_ok()
    })
    .await;
    stop
}

#[tokio::test]
async fn a_call_is_answered_and_many_at_the_same_time_are_too() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let stop = serve(&bus).await;
    let calls = (0..200).map(|i| {
        let bus = bus.clone();
        async move {
            let answer: ClaimAnswer = bus.call(&claim(&format!("ex-{i}")), SOON).await.unwrap();
            assert_eq!(answer, granted(format!("ex-{i}/3")));
        }
    });
    within(10, "200 answers", futures::future::join_all(calls)).await;
    stop.cancel();
    eventually(5, "nobody serves any more", || async {
        let answer = bus.call::<_, ClaimAnswer>(&claim("probe"), SOON).await;
        matches!(answer, Err(BusError::NoResponder { .. }))
    })
    .await;
}

#[tokio::test]
async fn a_call_that_nobody_serves_fails_at_once() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let question = claim("ex");
    let call = bus.call::<_, ClaimAnswer>(&question, Duration::from_secs(60));
    let error = within(2, "the refusal", call).await.unwrap_err();
    assert!(matches!(error, BusError::NoResponder { .. }) && error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn a_failing_and_a_panicking_handler_answer_with_an_error_and_others_go_on() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let _stop = serve(&bus).await;
    let error = bus.call::<_, ClaimAnswer>(&claim("down"), SOON).await.unwrap_err();
    assert!(
        matches!(&error, BusError::Refused { code: 500, detail, .. } if detail == "the records are away")
    );
    let error = bus.call::<_, ClaimAnswer>(&claim("bad"), SOON).await.unwrap_err();
    assert!(matches!(error, BusError::Refused { code: 500, .. }), "{error}");
    bus.call::<_, ClaimAnswer>(&claim("good"), SOON).await.unwrap();
    eventually(5, "the letter", || async {
        bus.dead_letters(5).await.unwrap().iter().any(|letter| letter.reason == "panicked_call")
    })
    .await;
}

#[tokio::test]
async fn garbage_and_foreign_claims_are_refused_and_become_dead_letters() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let _stop = serve(&bus).await;
    let foreign = serde_json::to_vec(&claim("other")).unwrap();
    for body in [b"\x00garbage".to_vec(), b"{}".to_vec(), foreign] {
        let subject = "emboflow.call.scheduler.claim.pool.ex".to_owned();
        let answer = bus.inner.client.request(subject, body.into()).await.unwrap();
        let headers = crate::Headers::new(answer.headers);
        assert_eq!(headers.get("Nats-Service-Error-Code"), Some("400"));
        assert!(serde_json::from_slice::<serde_json::Value>(&answer.payload).unwrap().get("error").is_some());
    }
    eventually(5, "three letters", || async { bus.dead_letters(9).await.unwrap().len() == 3 }).await;
}

#[tokio::test]
async fn a_registered_service_answers_discovery() {
    let server = TestServer::start().await;
    let bus = server.bare_bus("bus").await;
    let details = [("instance".to_owned(), "i-1".to_owned())].into();
    let registration = bus.register_service("emboflow-scheduler", "0.1.0", "decides", details).await.unwrap();
    let answer = bus.inner.client.request("$SRV.INFO.emboflow-scheduler", "".into()).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(info["version"], "0.1.0");
    assert_eq!(info["metadata"]["instance"], "i-1");
    registration.stop().await;
    assert!(bus.register_service("a b", "0.1.0", "", Default::default()).await.is_err());
}
