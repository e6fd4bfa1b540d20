//! Systems outside with a key of their own, beside a running `emboflow up`.

use async_nats::{Client, ConnectOptions, Event};
use emboflow_protocol::rights::inbox_prefix;
use serde_json::json;
use system_tests::{Up, eventually_ok, one_task};
use tokio::sync::mpsc;

use crate::outsider::ask;

/// Connects with the key of a user, as soon as the server knows it; whatever happens then is told.
async fn client_of(up: &Up, name: &str, seed: &str) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (sender, told) = mpsc::unbounded_channel();
    let client = eventually_ok(&format!("{name} is let in"), || {
        let sender = sender.clone();
        let note = move |event: Event| {
            let _nobody_listens = sender.send(event.to_string().to_lowercase());
            std::future::ready(())
        };
        let options = ConnectOptions::with_nkey(seed.to_owned())
            .custom_inbox_prefix(inbox_prefix(&name.parse().unwrap()))
            .event_callback(note);
        async move { options.connect(up.told("nats_url")).await.map_err(|error| error.to_string()) }
    })
    .await;
    (client, told)
}

async fn wait_for(told: &mut mpsc::UnboundedReceiver<String>, words: &str) {
    let found = async { while !told.recv().await.expect("the client lives").contains(words) {} };
    tokio::time::timeout(system_tests::DEADLINE, found)
        .await
        .unwrap_or_else(|_| panic!("nothing said of {words}"));
}

#[tokio::test]
async fn an_outside_system_is_let_in_by_a_key_sees_its_own_project_and_is_thrown_out_again() {
    let up = Up::start().await;
    let path = up.command(&["nats", "user", "add", "robots", "--project", "default"]).await;
    let seed = std::fs::read_to_string(path.trim()).unwrap();
    let (robots, mut told) = client_of(&up, "robots", &seed).await;

    let answer = ask(&robots, "emboflow.request.default.submit", "k-1", &json!({ "sauce": "x" })).await;
    assert_eq!(answer["status"], "rejected", "{answer}");
    for subject in ["emboflow.request.plant.submit", "emboflow.report.default.exec-1", "$JS.API.STREAM.NAMES"]
    {
        robots.publish(subject, "{}".into()).await.unwrap();
        robots.flush().await.unwrap();
        wait_for(&mut told, &format!("publish to \"{}\"", subject.to_lowercase())).await;
    }
    let listed = up.command(&["nats", "user", "list", "-o", "json"]).await;
    assert!(listed.contains("robots") && !listed.contains(seed.trim()), "{listed}");

    up.command(&["nats", "user", "remove", "robots"]).await;
    wait_for(&mut told, "disconnected").await;
    assert!(!std::path::Path::new(path.trim()).exists());
    let again = ConnectOptions::with_nkey(seed).connect(up.told("nats_url"));
    assert!(again.await.is_err(), "the key is good for nothing any more");
    // The platform itself has lost nothing.
    up.client().submit("after", &one_task()).await;
}
