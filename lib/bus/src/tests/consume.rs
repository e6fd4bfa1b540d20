use std::time::Duration;

use bytes::Bytes;
use emboflow_protocol::report::Reports;
use emboflow_protocol::stream::{INTAKE, REPORTS};
use tokio_util::sync::CancellationToken;

use super::{
    delete_stream, eventually, next, number, reports, reports_spec, stream_messages, take_all, within,
};
use crate::testing::TestServer;
use crate::{Bus, BusError, Config, ConsumerSpec, MAX_DELIVERIES};

fn hasty_spec() -> ConsumerSpec {
    ConsumerSpec { ack_wait: Duration::from_millis(400), ..reports_spec() }
}

#[tokio::test]
async fn a_message_that_nobody_settles_comes_again() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer = bus.consume(hasty_spec()).await.unwrap();
    bus.publish(&reports(1)).await.unwrap();
    let first = next(&mut consumer).await;
    let (sequence, delivered) = (first.sequence, first.delivered);
    drop(first);
    let second = next(&mut consumer).await;
    assert_eq!((sequence, delivered), (second.sequence, 1));
    assert_eq!(second.delivered, 2);
    second.ack().await.unwrap();
}

#[tokio::test]
async fn a_message_in_work_stays_with_its_worker_however_long_it_takes() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer = bus.consume(hasty_spec()).await.unwrap();
    bus.publish(&reports(1)).await.unwrap();
    let delivery = next(&mut consumer).await;
    let again = tokio::time::timeout(hasty_spec().ack_wait * 8, consumer.next_batch(1)).await;
    assert!(again.is_err(), "it came again: {again:?}");
    // Also when the consumer is gone.
    drop(consumer);
    let mut other = bus.consume(hasty_spec()).await.unwrap();
    let again = tokio::time::timeout(hasty_spec().ack_wait * 4, other.next_batch(1)).await;
    assert!(again.is_err(), "it came again: {again:?}");
    delivery.ack().await.unwrap();
    assert_eq!(stream_messages(&bus, REPORTS.name).await, 0);
}

#[tokio::test]
async fn what_is_read_ahead_while_its_reader_is_busy_is_no_failed_delivery() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer = bus.consume(hasty_spec()).await.unwrap();
    let messages: Vec<_> = (0..20).map(reports).collect();
    bus.publish_all(&messages).await.unwrap();
    let first = next(&mut consumer).await;
    let busy = tokio::time::timeout(hasty_spec().ack_wait * 8, consumer.read_on()).await;
    assert!(busy.is_err(), "it reads on for ever");
    first.ack().await.unwrap();
    for _ in 1..20 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.delivered, 1);
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_hangs_comes_again_unless_a_pulse_says_that_its_worker_only_waits() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let spec = ConsumerSpec { patience: hasty_spec().ack_wait * 2, ..hasty_spec() };
    let mut consumer = bus.consume(spec.clone()).await.unwrap();
    bus.publish(&reports(1)).await.unwrap();
    let hangs = next(&mut consumer).await;
    for _ in 0..30 {
        spec.pulse.beat();
        let again = tokio::time::timeout(spec.ack_wait / 4, consumer.next_batch(1)).await;
        assert!(again.is_err(), "it came again: {again:?}");
    }
    let again = next(&mut consumer).await;
    assert_eq!((again.sequence, again.delivered), (hangs.sequence, 2));
    again.ack().await.unwrap();
}

#[tokio::test]
async fn waiting_for_something_that_is_down_does_not_count_as_failed_deliveries() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer = bus.consume(hasty_spec()).await.unwrap();
    bus.publish(&reports(1)).await.unwrap();
    for _ in 0..MAX_DELIVERIES + 2 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.delivered, 1);
        // It must be kept alive meanwhile.
        delivery.retry_after(hasty_spec().ack_wait * 3 / 2).await;
    }
    next(&mut consumer).await.ack().await.unwrap();
    assert_eq!(stream_messages(&bus, REPORTS.name).await, 0);
}

#[tokio::test]
async fn a_message_that_five_deliveries_did_not_settle_is_buried_and_the_next_one_goes_on() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer =
        bus.consume(ConsumerSpec { ack_wait: Duration::from_millis(100), ..hasty_spec() }).await.unwrap();
    bus.publish(&reports(1)).await.unwrap();
    for delivered in 1..=MAX_DELIVERIES {
        assert_eq!(next(&mut consumer).await.delivered, delivered);
    }
    bus.publish(&reports(2)).await.unwrap();
    let other = next(&mut consumer).await;
    assert_eq!(number(&other), 2, "the sixth delivery is not handed out");
    other.ack().await.unwrap();
    let handed_out = tokio::spawn(async move { consumer.next_batch(1).await.len() });
    eventually(5, "the letter", || async { bus.dead_letters(10).await.unwrap().len() == 1 }).await;
    let letter = bus.dead_letters(10).await.unwrap().remove(0);
    assert_eq!(
        (letter.reason.as_str(), letter.subject.as_str()),
        ("redelivered", "emboflow.report.pool.ex-1")
    );
    assert!(letter.error.contains("5 times"), "{}", letter.error);
    eventually(5, "it is ended", || async { stream_messages(&bus, REPORTS.name).await == 0 }).await;
    assert!(!handed_out.is_finished());
}

#[tokio::test]
async fn garbage_becomes_a_dead_letter_that_keeps_what_it_was() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Emboflow-Idempotency-Key", "key-9");
    bus.publish_raw("emboflow.request.lab.submit", headers, Bytes::from_static(b"\xff{not json"))
        .await
        .unwrap();
    let mut consumer = bus.consume(ConsumerSpec::new(INTAKE, "scheduler")).await.unwrap();
    let delivery = next(&mut consumer).await;
    delivery.bury("unreadable", "expected a value at line 1").await.unwrap();
    let letter = bus.dead_letters(10).await.unwrap().remove(0);
    assert_eq!(letter.project.unwrap().as_str(), "lab");
    assert_eq!(letter.payload.as_ref(), b"\xff{not json");
    assert_eq!(letter.headers.idempotency_key(), Some("key-9"));
    assert_eq!((letter.reason.as_str(), letter.error.as_str()), ("unreadable", "expected a value at line 1"));
    assert_eq!(letter.subject, "emboflow.request.lab.submit");
    assert_eq!(stream_messages(&bus, INTAKE.name).await, 0);
}

#[tokio::test]
async fn a_body_that_speaks_for_another_sender_is_not_decoded() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let body = serde_json::to_vec(&reports(1)).unwrap();
    let headers = async_nats::HeaderMap::new();
    bus.publish_raw("emboflow.report.pool.ex-2", headers, Bytes::from(body)).await.unwrap();
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    let error = next(&mut consumer).await.decode::<Reports>().unwrap_err();
    assert!(matches!(error, BusError::ForeignSubject { .. }), "{error}");
}

#[tokio::test]
async fn a_deleted_consumer_is_made_anew_and_counted() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer =
        bus.consume(ConsumerSpec { durable: "deleted".to_owned(), ..reports_spec() }).await.unwrap();
    bus.publish(&reports(0)).await.unwrap();
    next(&mut consumer).await.ack().await.unwrap();
    let deleted = bus.inner.jetstream.delete_consumer_from_stream("deleted", REPORTS.name).await.unwrap();
    assert!(deleted.success);
    bus.publish(&reports(1)).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(number(&delivery), 1);
    delivery.ack().await.unwrap();
    assert!(crate::metrics::STALLS.with_label_values(&[REPORTS.name, "deleted"]).get() >= 1);
}

#[tokio::test]
async fn a_stream_deleted_under_load_is_made_anew_and_what_comes_later_is_delivered() {
    let server = TestServer::start().await;
    let config = Config { answer_wait: Duration::from_secs(1), ..server.config("bus") };
    let bus = Bus::connect(&config).await.unwrap();
    bus.ensure_streams().await.unwrap();
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    let stop = CancellationToken::new();
    let load = tokio::spawn({
        let (bus, stop) = (bus.clone(), stop.clone());
        async move {
            let mut failures = Vec::new();
            while !stop.is_cancelled() {
                failures.extend(bus.publish(&reports(1_000_000)).await.err());
            }
            failures
        }
    });
    next(&mut consumer).await.ack().await.unwrap();
    let made = *bus.streams_made().borrow();
    delete_stream(&bus, REPORTS.name).await;
    eventually(10, "the stream is back", || async { *bus.streams_made().borrow() > made }).await;
    bus.publish(&reports(5)).await.unwrap();
    within(15, "the message after it", async {
        loop {
            let batch = consumer.next_batch(64).await;
            let found = batch.iter().any(|delivery| number(delivery) == 5);
            let _ = crate::ack_all(batch).await;
            if found {
                return;
            }
        }
    })
    .await;
    stop.cancel();
    // Publishers make the stream anew; only the one whose message was just being stored cannot know.
    let failures = load.await.unwrap();
    let is_unclear = |error: &BusError| matches!(error, BusError::Timeout { .. });
    assert!(failures.len() <= 1 && failures.iter().all(is_unclear), "{failures:?}");
}

#[tokio::test]
async fn a_stopped_consumer_gives_back_what_it_had_fetched() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let messages: Vec<_> = (0..20).map(reports).collect();
    bus.publish_all(&messages).await.unwrap();
    let stop = CancellationToken::new();
    let mut first = bus.consume(reports_spec()).await.unwrap().until(stop.clone());
    next(&mut first).await.ack().await.unwrap();
    stop.cancel();
    assert!(within(5, "the end", first.next_batch(1)).await.is_empty());
    // ack_wait is 15 s: without giving back the second would wait for that long.
    let mut second = bus.consume(reports_spec()).await.unwrap();
    let mut left: std::collections::BTreeSet<usize> = (1..20).collect();
    within(8, "the others come at once", async {
        while !left.is_empty() {
            for delivery in second.next_batch(64).await {
                left.remove(&number(&delivery));
                delivery.ack().await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn two_processes_on_one_consumer_share_the_work() {
    let server = TestServer::start().await;
    let (a, b) = (server.bus("a").await, server.bus("b").await);
    let spec = ConsumerSpec { max_ack_pending: 8, ..reports_spec() };
    let mut first = a.consume(spec.clone()).await.unwrap();
    let mut second = b.consume(spec).await.unwrap();
    let published = async {
        for i in 0.. {
            a.publish(&reports(i)).await.unwrap();
        }
    };
    let taken = async {
        let one = next(&mut first).await;
        let sequence = one.sequence;
        one.ack().await.unwrap();
        sequence
    };
    let other_taken = async { next(&mut second).await.sequence };
    tokio::select! {
        () = published => {}
        (one, other) = async { tokio::join!(taken, other_taken) } => assert_ne!(one, other),
    }
}

#[tokio::test]
async fn a_name_that_is_no_consumers_name_is_refused() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    for name in ["", "a.b", "a b", "*"] {
        let error = bus.consume(ConsumerSpec::new(REPORTS, name)).await.err().unwrap();
        assert!(matches!(error, BusError::Invalid { .. }), "{error}");
    }
    let mut good = bus.consume(reports_spec()).await.unwrap();
    bus.publish(&reports(0)).await.unwrap();
    take_all(&mut good, 1).await;
}
