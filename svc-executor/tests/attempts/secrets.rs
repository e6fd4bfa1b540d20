//! Secrets: they reach the container, and nothing else.

use std::path::Path;

use emboflow_model::runtime_spec::{SecretForm, SecretUse};
use emboflow_model::{Cause, Outcome, Reason, RuntimeSpec};
use emboflow_protocol::SecretValue;
use emboflow_protocol::call::GivenSecret;
use emboflow_protocol::command::{Command, Start};

use crate::support::{Program, World, until};

const IN_ENV: &str = "canary-in-env-5b1f";
const IN_FILE: &str = "canary-in-file-77aa\nsecond-line-of-it-90cd\n";

on_both! {
    secrets_reach_the_container_and_the_log_does_not_show_them
    a_log_that_is_taken_up_by_a_later_process_does_not_show_them_either
    a_log_whose_secrets_are_no_longer_known_is_not_read_on
    without_a_folder_in_memory_no_secret_is_taken_in
}

async fn begin(world: &mut World, program: Program) -> Start {
    let secrets = [("TOKEN", SecretForm::Env, IN_ENV), ("KEY", SecretForm::File, IN_FILE)];
    let given = secrets.map(|(variable, form, value)| GivenSecret {
        variable: variable.to_owned(),
        form,
        value: SecretValue::new(value),
    });
    world.give_secrets(given.into());
    let named = secrets.map(|(variable, form, _)| SecretUse {
        variable: variable.to_owned(),
        secret: "a-secret".parse().unwrap(),
        form,
    });
    let start = world.attempt(RuntimeSpec { secrets: named.into(), ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    start
}

/// Every byte below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => all.extend(bytes_below(&path)),
            path => all.extend(std::fs::read(path).unwrap_or_default()),
        }
    }
    all
}

fn shows_a_secret(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    ["canary-in-env", "canary-in-file", "second-line-of-it"].iter().any(|part| text.contains(part))
}

async fn secrets_reach_the_container_and_the_log_does_not_show_them(mut world: World) {
    world.start_executor().await;
    let program = Program {
        shell: "echo $TOKEN; cat $KEY_FILE; test $KEY_FILE = /run/secrets/KEY; ! touch /run/secrets/x 2> /dev/null",
        words: "say=TOKEN say=KEY",
    };
    let start = begin(&mut world, program).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.exit_code), (Outcome::Succeeded, Some(0)), "{end:?}");
    let log = String::from_utf8(world.archived(&start).await).unwrap();
    assert_eq!(log.trim_end(), "***\n***", "both were there to be hidden");
    assert!(!shows_a_secret(&bytes_below(world.folder.path())), "journal, spool and objects");
    world.release(&start).await;
    until("they are gone from memory", async || bytes_below(world.memory.path()).is_empty().then_some(()))
        .await;
}

/// Says its secret, and again when it is told to end.
const UNTIL_STOPPED: Program = Program {
    shell: "trap 'echo again $TOKEN; exit 0' TERM; echo $TOKEN; while :; do sleep 0.1; done",
    words: "ms=600000 say=TOKEN",
};

async fn a_log_that_is_taken_up_by_a_later_process_does_not_show_them_either(mut world: World) {
    world.start_executor().await;
    let start = begin(&mut world, UNTIL_STOPPED).await;
    world.running(&start).await;
    world.stop_executor().await;
    world.give_secrets(Vec::new());
    world.start_executor().await;
    world.stop(&start, Reason::Cancelled).await;
    let end = world.end(&start).await;
    assert_eq!(end.outcome, Outcome::Cancelled, "{end:?}");
    let log = String::from_utf8(world.archived(&start).await).unwrap();
    assert!(log.starts_with("***\n") && !shows_a_secret(log.as_bytes()), "{log}");
    assert_eq!(end.log.unwrap().truncated, None);
}

async fn a_log_whose_secrets_are_no_longer_known_is_not_read_on(mut world: World) {
    world.start_executor().await;
    let start = begin(&mut world, UNTIL_STOPPED).await;
    world.running(&start).await;
    world.stop_executor().await;
    // As after a new start of the machine.
    std::fs::remove_dir_all(world.secrets_dir()).unwrap();
    world.start_executor().await;
    world.stop(&start, Reason::Cancelled).await;
    let end = world.end(&start).await;
    assert!(!shows_a_secret(&world.archived(&start).await));
    assert_eq!(end.log.unwrap().truncated.as_deref(), Some("engine_lost"));
}

async fn without_a_folder_in_memory_no_secret_is_taken_in(mut world: World) {
    world.settings.secrets_dir = Some("/proc/no-secrets-here".into());
    world.start_executor().await;
    let start = begin(&mut world, Program { shell: "echo $TOKEN", words: "say=TOKEN" }).await;
    let end = world.end(&start).await;
    assert_eq!((end.cause, end.reason), (Cause::Infra, Some(Reason::SecretUnavailable)), "{end:?}");
    assert!(end.message.unwrap().contains("/proc/no-secrets-here"));
}
