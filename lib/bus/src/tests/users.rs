//! Users come and go while the server runs.

use std::time::Duration;

use emboflow_protocol::rights::Part;

use super::{eventually, within};
use crate::connection::Connection;
use crate::testing::{TestServer, TestUsers};
use crate::{Bus, Config};

#[tokio::test]
async fn a_user_that_is_removed_loses_its_open_connection_and_the_others_keep_theirs() {
    let mut users = TestUsers::platform("exec-1");
    users.add_outside("robots", "lab", false);
    let server = TestServer::start_for(&users).await;
    let (_robots, mut said) = users.client(&server.url(), "robots").await;
    let scheduler = server.bus_for(&users, "scheduler").await;
    let mut connection = scheduler.connection();
    connection.mark_unchanged();

    users.remove("robots");
    server.reload(&users);
    said.wait_for("disconnected").await;
    said.wait_for("authorization violation").await;

    scheduler.ensure_streams().await.unwrap();
    assert!(!connection.has_changed().unwrap(), "the scheduler was never away");
}

#[tokio::test]
async fn a_user_that_is_added_is_let_in_after_a_reload() {
    let mut users = TestUsers::platform("exec-1");
    let server = TestServer::start_for(&users).await;
    users.add_executor("exec-2");
    let bus = Bus::connect(&server.config_for(&users, "exec-2")).await.unwrap();
    eventually(60, "a refusal", || async { server.log().contains("authentication error") }).await;
    assert!(!bus.is_connected());
    server.reload(&users);
    let mut connection = bus.connection();
    within(60, "the connection", connection.wait_for(|state| *state == Connection::Connected)).await.unwrap();
}

#[tokio::test]
async fn nobody_comes_in_with_a_key_of_his_own_a_password_or_nothing() {
    let users = TestUsers::platform("exec-1");
    let server = TestServer::start_for(&users).await;
    // Of the same names, and not of this server.
    let strangers = TestUsers::platform("exec-1");
    let refused = || server.log().matches("authentication error").count();
    let plain = server.config("test");
    let password = Config { user: Some("api".into()), password: Some("api".into()), ..plain.clone() };
    for config in [server.config_for(&strangers, "api"), password, plain] {
        let before = refused();
        let bus = Bus::connect(&config).await.unwrap();
        eventually(60, "a refusal", || async { refused() > before }).await;
        assert!(!bus.is_connected());
    }
}

#[tokio::test]
async fn without_any_user_the_server_lets_nobody_in() {
    let mut users = TestUsers::platform("exec-1");
    let server = TestServer::start_for(&users).await;
    for name in ["api", "scheduler", "gateway", "trigger", "exec-1"] {
        users.remove(name);
    }
    let bus = server.bus_for(&users, "api").await;
    let mut connection = bus.connection();
    server.reload(&users);
    let lost = connection.wait_for(|state| *state == Connection::Disconnected);
    within(60, "the end of the connection", lost).await.unwrap();
    let before = server.log().matches("authentication error").count();
    let _anybody = Bus::connect(&server.config("test")).await.unwrap();
    eventually(60, "a refusal", || async { server.log().matches("authentication error").count() > before })
        .await;
}

#[tokio::test]
async fn a_right_that_is_taken_back_ends_what_it_allowed() {
    let mut users = TestUsers::platform("exec-1");
    users.add_outside("robots", "lab", false);
    let server = TestServer::start_for(&users).await;
    let (robots, mut said) = users.client(&server.url(), "robots").await;
    let _events = robots.subscribe("emboflow.event.lab.>").await.unwrap();
    robots.flush().await.unwrap();
    users.change(
        "robots",
        Part::Outside {
            project: "plant".parse().unwrap(),
            publish_only: false,
            decides: false,
            feeds: Vec::new(),
        },
    );
    server.reload(&users);
    said.wait_for("permissions violation").await;
    tokio::time::timeout(Duration::from_secs(60), robots.flush()).await.unwrap().unwrap();
}
