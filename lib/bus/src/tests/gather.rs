//! Questions to everybody.

use std::time::Duration;

use emboflow_protocol::health::AskHealth;
use emboflow_protocol::stream::INTAKE;
use tokio_util::sync::CancellationToken;

use crate::testing::TestServer;

const WAIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn everybody_who_listens_answers_and_nobody_else_is_waited_for() {
    let server = TestServer::start().await;
    let (asker, stop) = (server.bus("watch").await, CancellationToken::new());
    for name in ["a", "b"] {
        let (bus, stop) = (server.bus("watch").await, stop.clone());
        tokio::spawn(async move {
            bus.serve_each(AskHealth::filter(), stop, |_: AskHealth| async move { name.to_owned() }).await;
        });
    }
    // Whoever has just subscribed may not have been heard of yet.
    let mut got: Vec<String> = Vec::new();
    let until = tokio::time::Instant::now() + WAIT;
    while got.len() < 2 && tokio::time::Instant::now() < until {
        let answers = asker
            .ask_everybody::<_, String>(&AskHealth {}, Duration::from_secs(5), |got| got.len() == 2)
            .await
            .unwrap();
        got = answers.into_iter().map(|answered| answered.answer).collect();
    }
    got.sort();
    assert_eq!(got, ["a", "b"]);
}

#[tokio::test]
async fn a_question_that_nobody_hears_is_answered_at_once_with_nothing() {
    let server = TestServer::start().await;
    let asker = server.bus("watch").await;
    let answers = asker.ask_everybody::<_, String>(&AskHealth {}, WAIT, |_| false).await.unwrap();
    assert!(answers.is_empty());
}

#[tokio::test]
async fn the_use_of_every_stream_names_its_consumers_and_what_waits_for_them() {
    let server = TestServer::start().await;
    let bus = server.bus("watch").await;
    bus.ensure_streams().await.unwrap();
    let _consumer = bus.consume(crate::ConsumerSpec::new(INTAKE, "scheduler-intake")).await.unwrap();
    let all = bus.streams_use().await.unwrap();
    assert_eq!(all.len(), emboflow_protocol::stream::STREAMS.len());
    let intake = all.iter().find(|stream| stream.stream == INTAKE.name).unwrap();
    assert_eq!(intake.consumers, [("scheduler-intake".to_owned(), 0, 0)]);
    assert_eq!(intake.max_bytes, INTAKE.max_bytes as u64);
}
