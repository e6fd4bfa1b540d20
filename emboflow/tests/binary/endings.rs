//! How tasks and runs end, from the file to the terminal: exit codes, time limits, tasks that follow all others.

use crate::support::{Platform, until_found};

/// Tasks of a file by name: what is simulated, and further fields.
fn workflow(tasks: &[(&str, &str, &str)]) -> String {
    let variable = svc_executor::runtime::simulated::VARIABLE;
    let tasks = tasks.iter().map(|(name, words, fields)| {
        format!("  {name}: {{ image: i, command: [work], env: {{ {variable}: \"{words}\" }}{fields} }}\n")
    });
    format!("version: 1\nname: endings\ntasks:\n{}", tasks.collect::<String>())
}

async fn until_shown(platform: &Platform, run: &str, task: &str, state: &str) {
    until_found(&format!("{task} is {state}"), async || {
        let get = platform.emboflow(&["run", "get", run]).await;
        get.out.lines().any(|line| line.starts_with(task) && line.contains(state))
    })
    .await;
}

#[tokio::test]
async fn a_code_that_counts_as_success_lets_the_run_succeed_and_another_fails_it_at_once() {
    let platform = Platform::start().await;
    let codes = ", exit_codes: { complete: [3], fail_run: [9] }";
    let good =
        platform.file("good.yaml", &workflow(&[("work", "exit=3", codes), ("then", "", ", needs: [work]")]));
    let watched = platform.emboflow(&["run", &good, "--watch"]).await;
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
    let bad = platform.file("bad.yaml", &workflow(&[("work", "exit=9", codes), ("long", "ms=600000", "")]));
    let watched = platform.emboflow(&["run", &bad, "--watch"]).await;
    assert_eq!(watched.code, 5, "{}{}", watched.out, watched.err);
    assert!(watched.out.contains("work ended with exit code 9, which fails the run"), "{}", watched.out);
}

#[tokio::test]
async fn a_task_that_finds_no_place_in_time_says_so() {
    let platform = Platform::start().await;
    let fields = ", resources: { cpu: 9999 }, timeouts: { queue: 1s }";
    let file = platform.file("w.yaml", &workflow(&[("work", "", fields)]));
    let watched = platform.emboflow(&["run", &file, "--watch"]).await;
    assert_eq!(watched.code, 5, "{}{}", watched.out, watched.err);
    assert!(watched.out.contains("work failed (queue_timeout)"), "{}", watched.out);
    assert!(watched.out.contains("no executor is large enough"), "{}", watched.out);
}

#[tokio::test]
async fn a_cancelled_run_tidies_up_before_it_is_cancelled() {
    let platform = Platform::start().await;
    let tasks = [("work", "ms=600000", ""), ("tidy", "line=tidied", ", finally: always")];
    let run = platform.submit(&platform.file("w.yaml", &workflow(&tasks))).await;
    until_shown(&platform, &run, "work", "(running)").await;
    let cancelled = platform.emboflow(&["run", "cancel", &run, "--wait"]).await;
    assert_eq!(cancelled.code, 0, "{}{}", cancelled.out, cancelled.err);
    until_shown(&platform, &run, "tidy (finally)", "succeeded").await;
    let log = platform.emboflow(&["run", "logs", &run, "tidy"]).await;
    assert_eq!(log.out, "tidied\n", "{}", log.err);
}

#[tokio::test]
async fn what_tidies_up_for_ever_is_stopped_by_a_cancel_that_says_so() {
    let platform = Platform::start().await;
    let tasks = [("work", "", ""), ("tidy", "ms=600000", ", finally: always")];
    let run = platform.submit(&platform.file("w.yaml", &workflow(&tasks))).await;
    until_shown(&platform, &run, "tidy (finally)", "(running)").await;
    let asked = platform.emboflow(&["run", "cancel", &run]).await;
    assert_eq!(asked.code, 0, "{}{}", asked.out, asked.err);
    until_shown(&platform, &run, "tidy (finally)", "(running)").await;
    let cancelled = platform.emboflow(&["run", "cancel", &run, "--skip-finally", "--wait"]).await;
    assert_eq!(cancelled.code, 0, "{}{}", cancelled.out, cancelled.err);
    until_shown(&platform, &run, "tidy (finally)", "cancelled").await;
}
