use async_nats::jetstream::stream::Config as StreamConfig;
use emboflow_model::Timestamp;

use super::within;
use crate::ForeignSpec;
use crate::testing::TestServer;

/// What is taken from the server and not handed on comes again after a wait, behind the rest.
#[tokio::test]
async fn small_batches_of_a_foreign_stream_come_in_order_and_leave_nothing_out() {
    const MESSAGES: u64 = 40;
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let subjects = vec!["orders".to_owned()];
    let config = StreamConfig { name: "ORDERS".to_owned(), subjects, ..StreamConfig::default() };
    bus.inner.jetstream.create_stream(config).await.unwrap();
    for _ in 0..MESSAGES {
        bus.inner.jetstream.publish("orders", "{}".into()).await.unwrap().await.unwrap();
    }
    let spec = ForeignSpec {
        stream: "ORDERS".to_owned(),
        durable: "ours".to_owned(),
        filter: None,
        from: Timestamp(0),
        settled: None,
    };
    let mut consumer = bus.foreign(spec).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < usize::try_from(MESSAGES).unwrap() {
        let batch = within(10, "more messages come", consumer.next_batch(3)).await.unwrap().unwrap();
        assert!(batch.messages.len() <= 3);
        for message in batch.messages {
            // On a slow machine one that was handed out may come a second time.
            if !seen.contains(&message.sequence) {
                seen.push(message.sequence);
            }
            message.ack().await.unwrap();
        }
    }
    assert_eq!(seen, (1..=MESSAGES).collect::<Vec<_>>());
}
