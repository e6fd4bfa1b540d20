//! What has to be true when everything works again.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use emboflow_protocol::stream::{COMMANDS, INTAKE, REPORTS, StreamSpec};
use serde_json::Value;
use system_tests::{Client, Stack, eventually_ok, within};

use super::workload::{History, Kind, TRIES};
use crate::after::all_is_there_once;

/// Everything ends within this time after the last fault.
const ENDS_WITHIN: Duration = Duration::from_secs(240);

pub(super) async fn judge(stack: &Stack, client: &Client, histories: &[History]) {
    stack.ready().await;
    for history in histories {
        let state = ended(client, &history.run).await;
        let expected = match history.kind {
            Kind::Pair | Kind::FanOut => "succeeded",
            Kind::Failing => "failed",
            Kind::Cancelled => "cancelled",
        };
        assert_eq!(state, expected, "{history:?}: {:#?}", client.tasks(&history.run).await);
    }
    every_run_was_asked_for_once(client, histories).await;
    for history in histories {
        match history.kind {
            Kind::Pair => {
                all_is_there_once(stack, client, &history.run, 2).await;
                let log = client.text(&format!("/runs/{}/tasks/second/logs", history.run)).await;
                assert_eq!(log, "two\n", "{history:?}");
            }
            Kind::FanOut => all_is_there_once(stack, client, &history.run, 5).await,
            Kind::Failing => the_user_is_charged_for_the_program_alone(client, history).await,
            Kind::Cancelled => {
                assert_eq!(stack.containers.running(&history.run), Vec::<String>::new(), "{history:?}");
            }
        }
    }
    nothing_is_left(stack).await;
}

async fn ended(client: &Client, run: &str) -> String {
    within(ENDS_WITHIN, &format!("{run} ends"), || async {
        let seen = client.run(run).await?;
        let is_over = !seen["finished_at"].is_null();
        is_over.then(|| seen["state"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

/// A key is one run, and nothing runs that nobody asked for.
async fn every_run_was_asked_for_once(client: &Client, histories: &[History]) {
    let promised: BTreeSet<&str> = histories.iter().map(|history| history.run.as_str()).collect();
    assert_eq!(promised.len(), histories.len(), "two keys have the same run");
    for History { key, run, .. } in histories {
        let known = client.get(&format!("/requests/{key}")).await;
        assert_eq!(known["run_id"], run.as_str(), "{known:#}");
    }
    let mut found = BTreeSet::new();
    let mut path = "/runs?limit=200".to_owned();
    loop {
        let page = client.get(&path).await;
        for run in page["items"].as_array().unwrap() {
            let id = run["id"].as_str().unwrap();
            assert!(promised.contains(id), "nobody asked for {run:#}");
            assert!(found.insert(id.to_owned()), "{id} is listed twice");
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/runs?limit=200&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), promised.len(), "runs are missing from the list");
}

/// What was lost to the infrastructure uses up none of the tries that the user gave.
async fn the_user_is_charged_for_the_program_alone(client: &Client, history: &History) {
    let task = client.only_task(&history.run).await;
    let ends = task["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["end"]);
    let by_program: Vec<&Value> = ends.filter(|end| end["cause"] == "user").collect();
    assert_eq!(by_program.len(), TRIES as usize, "{task:#}");
    assert!(by_program.iter().all(|end| end["exit_code"] == 3), "{task:#}");
}

/// No message waits for anybody, and no attempt is in anybody's hands.
async fn nothing_is_left(stack: &Stack) {
    let jetstream = async_nats::jetstream::new(stack.unlimited().await);
    for StreamSpec { name, .. } in [INTAKE, COMMANDS, REPORTS] {
        eventually_ok(&format!("{name} is empty"), || async {
            let stream = jetstream.get_stream(name).await.map_err(|error| error.to_string())?;
            match stream.cached_info().state.messages {
                0 => Ok(()),
                left => Err(format!("{left} messages are left")),
            }
        })
        .await;
    }
    eventually_ok("the executor holds no attempt", || async {
        let folder = Path::new(stack.executor.setting("data_dir").unwrap()).join("attempts");
        let left: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}
