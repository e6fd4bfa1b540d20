//! The digits workflow while one process after the other is killed.

use std::collections::BTreeSet;
use std::time::Duration;

use emboflow_records::testing::MongoServer;
use system_tests::{Cell, Client, Part, Stack, Up, repository, within};

use crate::after::all_is_there_once;

/// The models learn for real.
const PATIENCE: Duration = Duration::from_secs(180);
/// Two of `prepare`, one of each of the eight `train`, three of `report`.
const ARTIFACTS: usize = 13;

async fn submit(client: &Client) -> String {
    let source = std::fs::read_to_string(repository().join("examples/digits/workflow.yaml")).unwrap();
    client.submit("digits", &source).await
}

/// Waits until so many tasks have succeeded.
async fn succeeded(client: &Client, run: &str, least: u64) {
    within(PATIENCE, &format!("{least} tasks have succeeded"), || async {
        let run = client.run(run).await?;
        (run["tasks"]["by_state"]["succeeded"].as_u64().unwrap_or(0) >= least).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn separate_processes_on_mongodb_finish_digits_though_each_of_them_is_killed() {
    let mut mongo = MongoServer::start().await.unwrap();
    let mut stack = Stack::start_on(Cell::MONGO_DOCKER, &mongo).await;
    let client = stack.client();
    let run = submit(&client).await;
    let parts = [Part::Executor, Part::Scheduler, Part::Gateway, Part::Api];
    for (done, part) in (1..).zip(parts) {
        succeeded(&client, &run, done).await;
        stack.doing = format!("killing the {part:?}");
        stack.part(part).restart().await;
    }
    succeeded(&client, &run, 5).await;
    stack.doing = "killing nats-server".to_owned();
    stack.nats.restart().await;
    succeeded(&client, &run, 6).await;
    stack.doing = "killing the records".to_owned();
    mongo.kill_and_restart().await.unwrap();
    client.reaches_within(PATIENCE, &run, "succeeded").await;
    all_is_there_once(&stack, &client, &run, ARTIFACTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emboflow_up_finishes_digits_though_it_and_its_nats_server_are_killed() {
    let mut up = Up::start().await;
    let client = up.client();
    let run = submit(&client).await;
    succeeded(&client, &run, 1).await;
    up.kill_and_restart().await;
    succeeded(&client, &run, 3).await;
    up.kill_nats().await;
    succeeded(&client, &run, 6).await;
    up.kill_and_restart().await;
    client.reaches_within(PATIENCE, &run, "succeeded").await;
    let artifacts = client.artifacts(&run).await;
    let unique: BTreeSet<_> = artifacts.iter().collect();
    assert_eq!((artifacts.len(), unique.len()), (ARTIFACTS, ARTIFACTS), "{artifacts:?}");
    for task in client.tasks(&run).await {
        let attempts = task["attempts"].as_array().unwrap();
        let accepted = attempts.iter().filter(|attempt| attempt["end"]["outcome"] == "succeeded").count();
        assert_eq!(accepted, 1, "{task:#}");
    }
}
