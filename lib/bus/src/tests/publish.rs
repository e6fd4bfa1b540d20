use bytes::Bytes;
use emboflow_model::{AttemptId, ImagePull, Timestamp};
use emboflow_protocol::log::live_subject;
use emboflow_protocol::progress::Progress;
use emboflow_protocol::report::{Phase, Report};
use emboflow_protocol::request::Verb;
use emboflow_protocol::stream::{INTAKE, LOGS, MAX_REQUEST_BYTES, REPORTS, STREAMS};

use super::{executor, next, number, project, reports, reports_spec, stream_messages, take_all, within};
use crate::testing::TestServer;
use crate::{BusError, ConsumerSpec, OutgoingRequest};

fn request(body: Vec<u8>) -> OutgoingRequest {
    OutgoingRequest {
        project: project("lab"),
        verb: Verb::Submit,
        key: Some("key-1".to_owned()),
        reply_to: Some("emboflow.reply.lab.x".to_owned()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        body: Bytes::from(body),
    }
}

fn preparing() -> Report {
    Report {
        attempt: format!("run-{}.train.1", "0".repeat(26)).parse().unwrap(),
        fence: 1,
        phase: Phase::Preparing { at: Timestamp(1) },
    }
}

#[tokio::test]
async fn a_published_message_is_delivered_once_and_gone_when_acknowledged() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    bus.publish(&reports(7)).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!((number(&delivery), delivery.delivered), (7, 1));
    delivery.ack().await.unwrap();
    assert_eq!(stream_messages(&bus, REPORTS.name).await, 0);
}

#[tokio::test]
async fn many_messages_arrive_in_the_order_they_were_published() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let messages: Vec<_> = (0..700).map(reports).collect();
    within(20, "700 publishes", bus.publish_all(&messages)).await.unwrap();
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 700 {
        let batch = within(10, "the messages come", consumer.next_batch(100)).await;
        seen.extend(batch.iter().map(number));
        crate::ack_all(batch).await.unwrap();
    }
    assert_eq!(seen, (0..700).collect::<Vec<_>>());
    assert_eq!(stream_messages(&bus, REPORTS.name).await, 0);
}

#[tokio::test]
async fn of_many_messages_only_the_one_that_is_too_large_is_refused() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut messages: Vec<_> = (0..5).map(reports).collect();
    messages[2].reports = vec![preparing(); 20_000];
    let refused = bus.publish_all(&messages).await.unwrap();
    assert!(matches!(refused[..], [(2, BusError::TooLarge { .. })]), "{refused:?}");
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    for wanted in [0, 1, 3, 4] {
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery), wanted);
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_request_is_counted_in_the_intake_until_it_is_settled() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    assert_eq!(bus.stored_messages(&INTAKE).await.unwrap(), 0);
    bus.publish_request(request(b"{}".to_vec())).await.unwrap();
    let mut consumer = bus.consume(ConsumerSpec::new(INTAKE, "scheduler")).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(bus.stored_messages(&INTAKE).await.unwrap(), 1, "delivered, not settled");
    delivery.ack().await.unwrap();
    assert_eq!(bus.stored_messages(&INTAKE).await.unwrap(), 0);
}

#[tokio::test]
async fn key_reply_subject_and_trace_travel_with_a_request() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    bus.publish_request(request(b"{}".to_vec())).await.unwrap();
    let mut consumer = bus.consume(ConsumerSpec::new(INTAKE, "scheduler")).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.subject, "emboflow.request.lab.submit");
    assert_eq!(delivery.headers.idempotency_key(), Some("key-1"));
    assert_eq!(delivery.headers.reply_to(), Some("emboflow.reply.lab.x"));
    assert_eq!(delivery.traceparent(), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    delivery.ack().await.unwrap();
}

#[tokio::test]
async fn a_request_of_the_largest_size_fits_and_a_larger_one_is_named_too_large() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    bus.publish_request(request(vec![b' '; MAX_REQUEST_BYTES])).await.unwrap();
    for bytes in [MAX_REQUEST_BYTES + 5000, 2 * 1024 * 1024] {
        let error = bus.publish_request(request(vec![b' '; bytes])).await.unwrap_err();
        assert!(matches!(error, BusError::TooLarge { bytes: named, .. } if named == bytes), "{error}");
        assert!(!error.is_unavailable());
    }
}

#[tokio::test]
async fn a_line_break_in_a_key_is_refused_before_it_is_sent() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let bad = OutgoingRequest { key: Some("a\r\nNats-Rollup: all".to_owned()), ..request(b"{}".to_vec()) };
    let error = bus.publish_request(bad).await.unwrap_err();
    assert!(matches!(error, BusError::Invalid { what: "idempotency key", .. }), "{error}");
}

#[tokio::test]
async fn a_full_stream_refuses_instead_of_forgetting() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    server.limit_stream(&bus, &REPORTS, 2000).await;
    let mut taken = 0;
    let error = loop {
        match bus.publish(&reports(taken)).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BusError::Full { .. }), "{error}");
    let refused = bus.publish_all(&[reports(0), reports(1)]).await.unwrap();
    assert!(matches!(refused[..], [(0, BusError::Full { .. }), (1, BusError::Full { .. })]), "{refused:?}");
    let mut consumer = bus.consume(reports_spec()).await.unwrap();
    take_all(&mut consumer, taken).await;
    bus.publish(&reports(0)).await.unwrap();
}

#[tokio::test]
async fn without_nats_a_publish_says_unavailable_in_bounded_time() {
    let mut server = TestServer::start().await;
    let bus = server.bus("bus").await;
    server.kill();
    let error = within(8, "the refusal", bus.publish(&reports(1))).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let attempt: AttemptId = format!("run-{}.train.1", "0".repeat(26)).parse().unwrap();
    super::eventually(5, "the loss is noticed", || async { !bus.is_connected() }).await;
    assert!(
        !bus.publish_live_log(&project("lab"), &attempt, &executor("exec-1"), 0, Bytes::from_static(b"x"))
            .await
    );
    assert!(
        !bus.publish_live(&Progress {
            project: project("lab"),
            attempt,
            executor: executor("exec-1"),
            pull: None
        })
        .await
    );
}

#[tokio::test]
async fn progress_reaches_who_listens_and_is_stored_nowhere() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let attempt: AttemptId = format!("run-{}.train_3.1", "0".repeat(26)).parse().unwrap();
    bus.ensure_streams().await.unwrap();
    let mut messages = bus.subscribe(Progress::filter(None)).await.unwrap();
    let progress = Progress {
        project: project("lab"),
        attempt,
        executor: executor("exec-1"),
        pull: Some(ImagePull::of("debian:12")),
    };
    assert!(bus.publish_live(&progress).await);
    let message = within(5, "it comes", messages.next()).await.unwrap();
    assert_eq!(message.subject, format!("emboflow.progress.lab.run-{}.train_3.1.exec-1", "0".repeat(26)));
    assert_eq!(serde_json::from_slice::<Progress>(&message.payload).unwrap(), progress);
    for stream in STREAMS {
        assert_eq!(stream_messages(&bus, stream.name).await, 0, "{}", stream.name);
    }
}

#[tokio::test]
async fn live_log_frames_carry_their_offsets_and_long_pieces_are_cut() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let attempt: AttemptId = format!("run-{}.train.1", "0".repeat(26)).parse().unwrap();
    let mut frames =
        bus.subscribe(live_subject(&project("lab"), &attempt, &executor("exec-1"))).await.unwrap();
    let piece: Vec<u8> = (0..600_000_u32).map(|i| i as u8).collect();
    assert!(
        bus.publish_live_log(
            &project("lab"),
            &attempt,
            &executor("exec-1"),
            1000,
            Bytes::from(piece.clone())
        )
        .await
    );
    let mut got = Vec::new();
    while got.len() < piece.len() {
        let frame = within(5, "a frame comes", frames.next()).await.unwrap();
        assert_eq!(frame.headers.log_offset(), Some(1000 + got.len() as u64));
        got.extend_from_slice(&frame.payload);
    }
    assert_eq!(got, piece);
}

#[tokio::test]
async fn a_replay_gives_stored_frames_in_order_and_then_live_ones() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let attempt: AttemptId = format!("run-{}.train.1", "0".repeat(26)).parse().unwrap();
    let other: AttemptId = format!("run-{}.train.2", "0".repeat(26)).parse().unwrap();
    let subject = live_subject(&project("lab"), &attempt, &executor("exec-1"));
    let nothing = bus.replay(&LOGS, subject.clone()).await.unwrap();
    assert_eq!(nothing.pending(), 0);
    // More than two batches.
    let publish = |attempt: AttemptId, offset: u64| {
        let bus = bus.clone();
        async move {
            assert!(
                bus.publish_live_log(
                    &project("lab"),
                    &attempt,
                    &executor("exec-1"),
                    offset,
                    Bytes::from("x")
                )
                .await
            )
        }
    };
    for offset in 0..1300 {
        publish(attempt.clone(), offset).await;
        publish(other.clone(), offset).await;
    }
    super::eventually(5, "all are stored", || async { stream_messages(&bus, LOGS.name).await == 2600 }).await;
    let mut replay = bus.replay(&LOGS, subject.clone()).await.unwrap();
    assert_eq!(replay.pending(), 1300);
    publish(attempt.clone(), 1300).await;
    for offset in 0..=1300 {
        let frame = within(5, "a frame", replay.next()).await.unwrap();
        assert_eq!((frame.headers.log_offset(), frame.subject.as_str()), (Some(offset), subject.as_str()));
    }
    publish(attempt.clone(), 1301).await;
    // The one that came while the stored ones were read may come both ways.
    let mut last = within(5, "a live frame", replay.next()).await.unwrap();
    if last.headers.log_offset() == Some(1300) {
        last = within(5, "a live frame", replay.next()).await.unwrap();
    }
    assert_eq!((last.headers.log_offset(), replay.pending()), (Some(1301), 0));
}
