//! What nobody can read ends as a visible dead letter, and other runs go on.

use futures::{FutureExt, StreamExt};
use system_tests::{Cell, Client, DEADLINE, Stack, on_cells, one_task};

/// One of each family of subjects that a service reads. Live logs are not among them: any bytes are a log.
const CONSUMED: &[&str] = &[
    "emboflow.request.default.submit",
    "emboflow.request.default.sumbit",
    "emboflow.request.default.cancel",
    "emboflow.request.nowhere",
    "emboflow.command.default.exec-1",
    "emboflow.report.default.exec-1",
    "emboflow.report.default.nobody",
    "emboflow.event.default.run-1",
    "emboflow.progress.default.run-1.task.1.exec-1",
    "emboflow.call.scheduler.claim.default.exec-1",
    "emboflow.call.scheduler.claims.default.exec-1",
    "emboflow.call.scheduler.explain",
    "emboflow.call.scheduler.forget",
    "emboflow.call.api.remove_objects",
    HEARTBEAT,
];
/// Scheduler and API both see it.
const HEARTBEAT: &str = "$KV.emboflow_executors.garbage";
const GARBAGE: &[u8] = b"\x00\xff{\"not json\xfe";

/// A subject on which the API takes answers, though none that it waits for.
async fn inbox_of_the_api(client: &Client, outsider: &async_nats::Client) -> String {
    let mut answers = outsider.subscribe("emboflow.reply.default.>").await.unwrap();
    outsider.flush().await.unwrap();
    client.submit("before", &one_task()).await;
    let subject = answers.next().await.unwrap().subject;
    let (inbox, _number) = subject.rsplit_once('.').unwrap();
    format!("{inbox}.1000000")
}

async fn garbage_on_any_consumed_subject_becomes_a_dead_letter(cell: Cell) {
    let mut stack = Stack::start(cell).await;
    let client = stack.client();
    let outsider = stack.unlimited().await;
    let mut dead = outsider.subscribe("emboflow.dead.>").await.unwrap();
    let inbox = inbox_of_the_api(&client, &outsider).await;
    for subject in CONSUMED.iter().copied().chain([inbox.as_str()]) {
        stack.doing = format!("publishing garbage to {subject}");
        outsider.publish_with_reply(subject.to_owned(), outsider.new_inbox(), GARBAGE.into()).await.unwrap();
        let found = async {
            loop {
                let letter = dead.next().await.unwrap();
                let headers = letter.headers.clone().unwrap_or_default();
                if headers.get("Emboflow-Dead-Subject").is_some_and(|told| told.as_str() == subject) {
                    return (letter, headers);
                }
            }
        };
        let (letter, headers) = tokio::time::timeout(DEADLINE, found)
            .await
            .unwrap_or_else(|_| panic!("garbage on {subject} became no dead letter"));
        assert_eq!(letter.payload, GARBAGE, "{subject}");
        for header in ["Emboflow-Dead-Reason", "Emboflow-Dead-Error"] {
            assert!(headers.get(header).is_some_and(|text| !text.as_str().is_empty()), "{subject}: {header}");
        }
    }
    let run = client.submit("after", &one_task()).await;
    client.reaches(&run, "succeeded").await;
    while let Some(Some(letter)) = dead.next().now_or_never() {
        let told = letter.headers.as_ref().and_then(|headers| headers.get("Emboflow-Dead-Subject"));
        assert!(told.is_none_or(|subject| subject.as_str() != HEARTBEAT), "one letter is enough");
    }
}
on_cells!(garbage_on_any_consumed_subject_becomes_a_dead_letter: SQLITE_SIMULATED, MONGO_SIMULATED);
