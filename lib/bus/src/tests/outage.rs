use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use emboflow_protocol::request::Verb;
use emboflow_protocol::stream::INTAKE;

use super::heartbeat::{heartbeat, see};
use super::{eventually, next, number, project, reports, reports_spec, within};
use crate::testing::TestServer;
use crate::{Bus, BusError, Config, Connection, Consumer, ConsumerSpec, Delivery, OutgoingRequest};

async fn submit(bus: &Bus, key: usize) -> Result<(), BusError> {
    let request = OutgoingRequest {
        project: project("lab"),
        verb: Verb::Submit,
        key: Some(key.to_string()),
        reply_to: None,
        traceparent: None,
        body: Bytes::from_static(b"{}"),
    };
    bus.publish_request(request).await
}

#[tokio::test]
async fn a_killed_nats_loses_nothing_it_acknowledged_and_the_consumer_goes_on() {
    let mut server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer = bus.consume(ConsumerSpec::new(INTAKE, "scheduler")).await.unwrap();
    let load = tokio::spawn({
        let bus = bus.clone();
        async move {
            let mut acknowledged = BTreeSet::new();
            for key in 0..600 {
                if submit(&bus, key).await.is_ok() {
                    acknowledged.insert(key);
                }
            }
            acknowledged
        }
    });
    let mut seen = BTreeSet::new();
    while seen.len() < 50 {
        for delivery in within(10, "the load comes", consumer.next_batch(16)).await {
            seen.insert(delivery.headers.idempotency_key().unwrap().parse::<usize>().unwrap());
            let _ = delivery.ack().await;
        }
    }
    server.restart().await;
    // Those in flight may only be found to be lost after the answer's deadline.
    let acknowledged = within(15, "the load ends", load).await.unwrap();
    assert!(acknowledged.len() > 550, "the publisher goes on: {}", acknowledged.len());
    within(25, "everything acknowledged comes", async {
        while !acknowledged.is_subset(&seen) {
            for delivery in consumer.next_batch(64).await {
                seen.insert(delivery.headers.idempotency_key().unwrap().parse::<usize>().unwrap());
                let _ = delivery.ack().await;
            }
        }
    })
    .await;
}

/// A bus that waits for answers longer than any test, and a message that it has taken and not settled.
async fn with_one_in_hand(server: &TestServer) -> (Bus, Consumer, Delivery) {
    let config = Config { answer_wait: Duration::from_secs(3_600), ..server.config("bus") };
    let bus = Bus::connect(&config).await.unwrap();
    bus.ensure_streams().await.unwrap();
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    bus.publish(&reports(1)).await.unwrap();
    let delivery = next(&mut consumer).await;
    (bus, consumer, delivery)
}

#[tokio::test]
async fn nobody_waits_for_the_answer_of_a_server_that_is_gone() {
    let mut server = TestServer::start().await;
    let (bus, _consumer, delivery) = with_one_in_hand(&server).await;
    let sent = bus.inner.client.statistics();
    let before = sent.out_messages.load(Ordering::Relaxed);
    server.freeze();
    let (publisher, packer, asker) = (bus.clone(), bus.clone(), bus.clone());
    let waiting = [
        ("a publisher", tokio::spawn(async move { submit(&publisher, 1).await })),
        (
            "who publishes several",
            tokio::spawn(async move { packer.publish_all(&[reports(2), reports(3)]).await.map(drop) }),
        ),
        ("who settles", tokio::spawn(delivery.ack())),
        ("who asks for a stream", tokio::spawn(async move { asker.stream_state(&INTAKE).await.map(drop) })),
    ];
    eventually(10, "five messages are on their way", || async {
        sent.out_messages.load(Ordering::Relaxed) >= before + 5
    })
    .await;
    server.restart().await;
    for (who, waits) in waiting {
        let result = within(20, &format!("{who} goes on"), waits).await.unwrap();
        assert!(matches!(result, Ok(()) | Err(BusError::Timeout { .. })), "{who}: {result:?}");
    }
    submit(&bus, 1).await.unwrap();
}

#[tokio::test]
async fn what_came_before_the_server_was_killed_keeps_nobody_and_nothing_waiting() {
    let mut server = TestServer::start().await;
    let (bus, mut consumer, delivery) = with_one_in_hand(&server).await;
    let mut connection = bus.connection();
    connection.mark_unchanged();
    server.restart().await;
    within(10, "the loss is noticed", connection.changed()).await.unwrap();
    let back = connection.wait_for(|state| *state == Connection::Connected);
    within(10, "the connection is back", back).await.unwrap();
    let settled = within(10, "nobody waits for an answer", delivery.ack()).await;
    assert!(matches!(settled, Err(BusError::Timeout { after_ms: 0, .. })), "{settled:?}");
    bus.publish(&reports(2)).await.unwrap();
    loop {
        let delivery = next(&mut consumer).await;
        if number(&delivery) != 2 {
            continue;
        }
        assert_eq!(
            delivery.delivered, 1,
            "it may be in the place of one that was lost, and does not count as given out"
        );
        // One that was asked for before the loss is not settled, and comes again.
        if delivery.ack().await.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn an_emptied_nats_gets_its_streams_back_and_everything_goes_on() {
    let mut server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    let mut watch = bus.watch_heartbeats(crate::Garbage::PassOver, Duration::MAX).await.unwrap();
    bus.put_heartbeat(&heartbeat("ex", 1)).await.unwrap();
    see(&mut watch, &heartbeat("ex", 1)).await;
    bus.publish(&reports(1)).await.unwrap();
    next(&mut consumer).await.ack().await.unwrap();

    let mut made = bus.streams_made();
    made.borrow_and_update();
    server.empty().await;
    within(10, "the loss is told", made.changed()).await.unwrap();
    eventually(10, "heartbeats are taken", || async { bus.put_heartbeat(&heartbeat("ex", 2)).await.is_ok() })
        .await;
    see(&mut watch, &heartbeat("ex", 2)).await;
    bus.publish(&reports(2)).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(number(&delivery), 2);
    delivery.ack().await.unwrap();
}

#[tokio::test]
async fn a_bus_that_was_there_before_nats_connects_and_consumes_when_it_comes() {
    let mut server = TestServer::start().await;
    server.kill();
    let bus = Bus::connect(&Config { connect_wait: Duration::from_millis(100), ..server.config("early") })
        .await
        .unwrap();
    assert_eq!(*bus.connection().borrow(), Connection::Disconnected);
    let error = bus.ensure_streams().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    let waiting = tokio::spawn(async move { next(&mut consumer).await.ack().await });
    server.restart().await;
    let mut connection = bus.connection();
    let connected = connection.wait_for(|state| *state == Connection::Connected);
    within(10, "the connection", connected).await.unwrap();
    bus.publish(&reports(3)).await.unwrap();
    within(15, "the message", waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_with_a_user_lets_in_only_that_user() {
    let server = TestServer::start_with(|options| {
        options.user = Some(("emboflow".to_owned(), "s3\"cret\\ x".to_owned()));
        options.monitor_port = Some(0);
    })
    .await;
    let bus = server.bus("bus").await;
    bus.publish(&reports(1)).await.unwrap();
    assert!(server.monitor_port().is_some());
    let stranger = Config { password: Some("wrong".to_owned()), ..server.config("stranger") };
    let stranger =
        Bus::connect(&Config { connect_wait: Duration::from_millis(300), ..stranger }).await.unwrap();
    let error = stranger.publish(&reports(1)).await.unwrap_err();
    assert!(matches!(error, BusError::Disconnected { .. }), "{error}");
}
