use async_nats::jetstream::stream::Config as StreamConfig;
use emboflow_protocol::stream::{EVENTS, STREAMS};
use serde_json::Value;

use crate::Bus;
use crate::testing::TestServer;

async fn config_of(bus: &Bus, name: &str) -> StreamConfig {
    let info: Value = bus.api(&format!("STREAM.INFO.{name}"), &Value::Null, "test".to_owned()).await.unwrap();
    serde_json::from_value(info.get("config").unwrap().clone()).unwrap()
}

#[tokio::test]
async fn ensuring_the_streams_again_changes_nothing() {
    let server = TestServer::start().await;
    let bus = server.bus("first").await;
    let made = *bus.streams_made().borrow();
    assert_eq!(made, STREAMS.len() as u64 + 1, "every stream and the bucket");
    for spec in STREAMS {
        let found = config_of(&bus, spec.name).await;
        assert!(crate::jetstream::is_up_to_date(&found, spec), "{found:?}");
    }
    let second = server.bus("second").await;
    assert_eq!(*second.streams_made().borrow(), 0);
}

#[tokio::test]
async fn a_setting_that_somebody_changed_is_brought_back() {
    let server = TestServer::start().await;
    let bus = server.bus("bus").await;
    let mut config = config_of(&bus, EVENTS.name).await;
    config.max_bytes = 1024;
    let _: Value =
        bus.api(&format!("STREAM.UPDATE.{}", EVENTS.name), &config, "test".to_owned()).await.unwrap();
    bus.ensure_streams().await.unwrap();
    assert_eq!(config_of(&bus, EVENTS.name).await.max_bytes, EVENTS.max_bytes);
}
