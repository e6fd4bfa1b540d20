//! The life of attempts: a whole executor on a real NATS and a real gateway, with simulated and with real containers.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod support;

use emboflow_model::artifact::ArtifactManifest;
use emboflow_model::runtime_spec::{StageIn, StageInSource, StageOut, Timeouts};
use emboflow_model::{AttemptId, Cause, LogSeal, Outcome, Reason, RuntimeSpec, object_key};
use emboflow_protocol::command::{Command, Start};
use emboflow_protocol::progress::Progress;
use emboflow_protocol::report::Phase;
use exclusive::{
    an_exclusive_attempt_is_renewed_while_it_runs_and_ended_when_it_cannot_be,
    an_exclusive_attempt_whose_place_was_taken_is_ended_at_its_next_renewal,
    an_idempotent_attempt_goes_on_although_nobody_answers,
};
use sha2::{Digest, Sha256};
use support::{Kind, Program, World, until};

/// The same test on both runtimes.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod simulated {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::World::new(crate::Kind::Simulated).await).await;
            })+
        }
        mod docker {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::World::new(crate::Kind::Docker).await).await;
            })+
        }
    };
}

#[path = "attempts/disk.rs"]
mod disk;
#[path = "attempts/endings.rs"]
mod endings;
#[path = "attempts/engine.rs"]
mod engine;
#[path = "attempts/exclusive.rs"]
mod exclusive;
#[path = "attempts/outage.rs"]
mod outage;
#[path = "attempts/secrets.rs"]
mod secrets;
#[path = "attempts/storage.rs"]
mod storage;

on_both! {
    an_attempt_goes_through_its_phases_and_leaves_log_and_outputs
    an_artifact_of_one_task_is_the_input_of_another
    a_stopped_attempt_is_gone_before_its_end_is_reported
    an_attempt_that_runs_too_long_is_stopped
    a_command_that_comes_twice_starts_once
    a_refused_claim_starts_nothing
    a_missing_output_fails_the_attempt_with_its_name
    a_log_beyond_its_limit_is_cut_and_the_seal_says_so
    an_attempt_outlives_a_restart_of_the_executor_with_one_start_and_an_exact_log
    an_attempt_that_ended_while_the_executor_was_away_is_finished
    an_image_that_cannot_be_had_ends_the_attempt_with_what_to_do
    an_end_is_reported_when_nats_comes_back
    a_released_attempt_that_still_runs_is_ended_and_forgotten
    a_command_that_nobody_can_read_is_a_dead_letter
    an_exclusive_attempt_is_renewed_while_it_runs_and_ended_when_it_cannot_be
    an_exclusive_attempt_whose_place_was_taken_is_ended_at_its_next_renewal
    an_idempotent_attempt_goes_on_although_nobody_answers
}

fn lines(count: u32) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn an_attempt_goes_through_its_phases_and_leaves_log_and_outputs(mut world: World) {
    let heartbeat = world.start_executor().await;
    assert_eq!(heartbeat.executor.as_str(), "exec-test");
    assert!(heartbeat.capacity.memory_bytes > 0 && heartbeat.slots > 0 && heartbeat.disk.total_bytes > 0);
    let program = Program {
        shell: "for i in 0 1 2; do echo line $i; done; mkdir out; printf made > out/a.txt",
        words: "lines=3 write=out/a.txt:made",
    };
    let output = |name: &str, path: &str| StageOut {
        name: name.into(),
        path: path.into(),
        preview: name == "file",
        optional: false,
        value: false,
    };
    let outputs = vec![output("all", "out/"), output("file", "out/a.txt")];
    let start = world.attempt(RuntimeSpec { outputs, ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.exit_code, end.reason), (Outcome::Succeeded, Some(0), None), "{end:?}");

    let log = lines(3);
    assert_eq!(world.archived(&start).await, log.as_bytes());
    let prefix = object_key::attempt_prefix(&start.project, &start.attempt);
    let seal = end.log.unwrap();
    let (size_bytes, sha256) = (log.len() as u64, hex(log.as_bytes()));
    assert_eq!(seal, LogSeal { prefix: prefix.clone(), size_bytes, lines: 3, sha256, truncated: None });
    let stored = world.storage().get_bytes(&object_key::log_seal(&prefix), 1 << 20).await.unwrap();
    assert_eq!(serde_json::from_slice::<LogSeal>(&stored).unwrap(), seal);

    let named: Vec<_> =
        end.artifacts.iter().map(|a| (a.name.as_str(), a.files, a.directory, a.preview)).collect();
    assert_eq!(named, [("all", 1, true, false), ("file", 1, false, true)]);
    let manifest =
        world.storage().get_bytes(&object_key::artifact_manifest(&prefix, "all"), 1 << 20).await.unwrap();
    assert_eq!(hex(&manifest), end.artifacts[0].manifest_sha256);
    let manifest: ArtifactManifest = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(
        (manifest.files[0].path.as_str(), manifest.files[0].sha256.as_str()),
        ("a.txt", hex(b"made").as_str())
    );
    let key = format!("{}a.txt", object_key::artifact_prefix(&prefix, "all"));
    assert_eq!(&world.storage().get_bytes(&key, 99).await.unwrap()[..], b"made");

    let times = end.times;
    let all = [times.claimed_at, times.pulled_at, times.started_at, times.exited_at, times.stored_at]
        .map(Option::unwrap);
    assert!(all.is_sorted(), "{times:?}");
    world.release(&start).await;
    world.until_forgotten().await;
    let folder = world.data_dir().join("attempts").join(start.attempt.to_string());
    assert!(!folder.exists());
    if world.kind == Kind::Docker {
        assert_eq!(world.containers(), Vec::<String>::new());
    }
}

async fn an_artifact_of_one_task_is_the_input_of_another(mut world: World) {
    world.start_executor().await;
    let program = Program { shell: "mkdir out; printf data > out/a.txt", words: "write=out/a.txt:data" };
    let outputs = vec![StageOut {
        name: "set".into(),
        path: "out/".into(),
        preview: false,
        optional: false,
        value: false,
    }];
    let first = world.attempt(RuntimeSpec { outputs, ..world.spec(program) });
    world.send(Command::Start(Box::new(first.clone()))).await;
    let artifact = world.end(&first).await.artifacts.remove(0);

    let source = StageInSource {
        index: Some(0),
        prefix: artifact.prefix,
        artifact: artifact.name,
        manifest_sha256: artifact.manifest_sha256,
        directory: true,
    };
    let program = Program {
        shell: "cat $INPUT_RAW_DATA/0/a.txt; touch /inputs/raw-data/x || exit 0; exit 9",
        words: "ms=1",
    };
    let with = |source| vec![StageIn { name: "raw-data".into(), sources: vec![source] }];
    let second = world.attempt(RuntimeSpec { inputs: with(source.clone()), ..world.spec(program) });
    world.send(Command::Start(Box::new(second.clone()))).await;
    let end = world.end(&second).await;
    assert_eq!(end.outcome, Outcome::Succeeded, "{end:?}");
    let folder = world.data_dir().join("attempts").join(second.attempt.to_string());
    assert_eq!(std::fs::read_to_string(folder.join("inputs/raw-data/0/a.txt")).unwrap(), "data");
    if world.kind == Kind::Docker {
        let log = String::from_utf8(world.archived(&second).await).unwrap();
        assert!(log.contains("data") && log.contains("Read-only"), "{log}");
    }

    let changed = StageInSource { manifest_sha256: "0".repeat(64), ..source };
    let third = world.attempt(RuntimeSpec { inputs: with(changed), ..world.spec(program) });
    world.send(Command::Start(Box::new(third.clone()))).await;
    let end = world.end(&third).await;
    assert_eq!((end.outcome, end.reason), (Outcome::Failed, Some(Reason::StageInFailed)));
    assert!(end.message.unwrap().contains("'raw-data'"));
}

const ENDLESS: Program = Program {
    shell: "trap '' TERM; echo ready; while true; do sleep 1; done",
    words: "ms=600000 ignore_term line=ready",
};

async fn a_stopped_attempt_is_gone_before_its_end_is_reported(mut world: World) {
    world.start_executor().await;
    let start = world.begin(ENDLESS).await;
    world.running(&start).await;
    world.stop(&start, Reason::Cancelled).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.reason), (Outcome::Cancelled, Some(Reason::Cancelled)));
    assert_eq!(end.exit_code, Some(137), "it ignored the signal and was killed");
    assert!(
        end.times.exited_at.unwrap().ms_since(end.times.started_at.unwrap()) >= 1_000,
        "it had its grace"
    );
    if world.kind == Kind::Docker {
        let name = format!("ef-{}", start.attempt);
        assert_eq!(World::docker(&["inspect", "-f", "{{.State.Running}}", &name]), "false");
    }
    // One that was never here is over as well.
    let never = world.attempt(world.spec(ENDLESS));
    world.stop(&never, Reason::Cancelled).await;
    let end = world.end(&never).await;
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert!(end.message.unwrap().contains("before its container was started"));
}

async fn an_attempt_that_runs_too_long_is_stopped(mut world: World) {
    world.start_executor().await;
    let timeouts = Timeouts { run_ms: Some(500), ..Timeouts::default() };
    let program = Program { shell: "exec sleep 600", words: "ms=600000" };
    let start = world.attempt(RuntimeSpec { timeouts, ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.reason), (Outcome::TimedOut, Some(Reason::RunTimeout)), "{end:?}");
    assert_eq!(end.exit_code, Some(143));
}

async fn a_command_that_comes_twice_starts_once(mut world: World) {
    world.start_executor().await;
    let start = world.begin(Program { shell: "echo once", words: "line=once" }).await;
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    world.send(Command::Start(Box::new(start.clone()))).await;
    until("the end is reported again", async || (world.ends(&start.attempt).len() > 1).then_some(())).await;
    assert!(world.ends(&start.attempt).iter().all(|again| *again == end));
    world.release(&start).await;
    world.until_forgotten().await;
    // Also after the release: a marker that comes later is carried out, the old command is not.
    world.send(Command::Start(Box::new(start.clone()))).await;
    let marker = world.begin(Program { shell: "true", words: "" }).await;
    world.end(&marker).await;
    assert_eq!(world.heartbeat_of(&marker).await, std::slice::from_ref(&marker.attempt));
    assert_eq!(world.archived(&start).await, b"once\n");
}

async fn a_refused_claim_starts_nothing(mut world: World) {
    world.start_executor().await;
    let start = world.attempt(world.spec(Program { shell: "true", words: "" }));
    world.refuse(&start.attempt);
    world.send(Command::Start(Box::new(start.clone()))).await;
    let marker = world.begin(Program { shell: "true", words: "" }).await;
    world.end(&marker).await;
    assert_eq!(world.heartbeat_of(&marker).await, std::slice::from_ref(&marker.attempt));
    assert_eq!(world.phases(&start.attempt), Vec::<Phase>::new());
}

async fn a_missing_output_fails_the_attempt_with_its_name(mut world: World) {
    world.start_executor().await;
    let outputs = vec![StageOut {
        name: "model".into(),
        path: "model.bin".into(),
        preview: false,
        optional: false,
        value: false,
    }];
    let start = world.attempt(RuntimeSpec { outputs, ..world.spec(Program { shell: "true", words: "" }) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.cause), (Outcome::Failed, Cause::User));
    assert_eq!(end.reason, Some(Reason::StageOutFailed));
    assert!(end.message.as_ref().unwrap().contains("'model'"), "{end:?}");
    assert_eq!(end.exit_code, Some(0));
}

async fn a_log_beyond_its_limit_is_cut_and_the_seal_says_so(mut world: World) {
    world.start_executor().await;
    let program = Program { shell: "head -c 3000000 /dev/zero | tr '\\000' x", words: "bytes=3000000" };
    let start = world.attempt(RuntimeSpec { log_limit_bytes: 100_000, ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    let seal = end.log.unwrap();
    assert_eq!((end.outcome, seal.size_bytes), (Outcome::Succeeded, 100_000));
    assert_eq!(seal.truncated.as_deref(), Some("log_limit"));
    assert_eq!(world.archived(&start).await, [b'x'; 100_000]);
}

async fn an_attempt_outlives_a_restart_of_the_executor_with_one_start_and_an_exact_log(mut world: World) {
    world.start_executor().await;
    let program = Program {
        shell: "i=0; while [ $i -lt 40 ]; do echo line $i; sleep 0.1; i=$((i+1)); done",
        words: "ms=4000 lines=40",
    };
    let start = world.begin(program).await;
    world.running(&start).await;
    let spool = world.data_dir().join("attempts").join(start.attempt.to_string()).join("log");
    for beginning in ["line 3\n", "line 9\n"] {
        until("some log is spooled", async || {
            std::fs::read_to_string(&spool).ok().filter(|log| log.contains(beginning))
        })
        .await;
        world.stop_executor().await;
        world.start_executor().await;
    }
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.exit_code), (Outcome::Succeeded, Some(0)), "{end:?}");
    assert_eq!(String::from_utf8(world.archived(&start).await).unwrap(), lines(40));
    assert_eq!(end.log.unwrap().sha256, hex(lines(40).as_bytes()));
}

async fn an_attempt_that_ended_while_the_executor_was_away_is_finished(mut world: World) {
    world.start_executor().await;
    let program = Program {
        shell: "echo begin; sleep 1; echo end; exit 3",
        words: "ms=1000 line=begin lines=1 exit=3",
    };
    let start = world.begin(program).await;
    world.running(&start).await;
    world.stop_executor().await;
    if world.kind == Kind::Docker {
        World::docker(&["wait", &format!("ef-{}", start.attempt)]);
    }
    world.start_executor().await;
    let end = world.end(&start).await;
    assert_eq!((end.reason, end.exit_code), (Some(Reason::ExitCode), Some(3)));
    let expected = if world.kind == Kind::Docker { "begin\nend\n" } else { "begin\nline 0\n" };
    assert_eq!(String::from_utf8(world.archived(&start).await).unwrap(), expected);
}

async fn an_image_that_cannot_be_had_ends_the_attempt_with_what_to_do(mut world: World) {
    world.start_executor().await;
    let spec = world.spec(Program { shell: "true", words: "" });
    // Nothing listens on port 1, so that this fails in the same way wherever it runs.
    let image = if world.kind == Kind::Docker { "127.0.0.1:1/no/such:1" } else { "simulated/unavailable" };
    let start = world.attempt(RuntimeSpec { image: image.into(), ..spec });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.cause), (Outcome::Failed, Cause::Infra), "{end:?}");
    assert_eq!(end.reason, Some(Reason::ImageUnavailable));
    let message = end.message.unwrap();
    assert!(message.contains(image) && message.contains("docker load"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_is_shown_while_it_lasts_and_its_end_is_known_while_the_program_runs() {
    let mut world = World::new(Kind::Simulated).await;
    world.start_executor().await;
    let mut shown = world.bus.subscribe(Progress::filter(None)).await.unwrap();
    world.bus.flush().await;
    let nothing_to_pull = world.begin(Program { shell: "", words: "" }).await;
    world.end(&nothing_to_pull).await;
    let start = world.begin(Program { shell: "", words: "pull=2500 ms=60000" }).await;
    let mut pulls = Vec::new();
    loop {
        let message = tokio::time::timeout(support::PATIENCE, shown.next()).await.unwrap().unwrap();
        let progress: Progress = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!((&progress.project, &progress.attempt), (&start.project, &start.attempt));
        match progress.pull {
            Some(pull) => pulls.push(pull),
            None => break,
        }
    }
    assert!((2..=4).contains(&pulls.len()), "at most one a second: {pulls:?}");
    assert!(pulls.is_sorted_by_key(|pull| pull.bytes_done) && pulls[0].bytes_done == 0, "{pulls:?}");
    assert_eq!((pulls[1].image.as_str(), pulls[1].bytes_total), (start.spec.image.as_str(), Some(40 << 20)));
    world.running(&start).await;
    let phases = world.phases(&start.attempt);
    let Some(Phase::Running { at, pulled_at: Some(pulled_at) }) = phases.last() else { panic!("{phases:?}") };
    assert!(pulled_at <= at);
    assert_eq!(phases.len(), 2, "no report is about the pull: {phases:?}");
    world.stop(&start, Reason::Cancelled).await;
    world.end(&start).await;
}

async fn an_end_is_reported_when_nats_comes_back(mut world: World) {
    // Its log is stored with a token that nobody could renew meanwhile.
    world.give_tokens_for(std::time::Duration::from_secs(1));
    world.start_executor().await;
    let start =
        world.begin(Program { shell: "echo on; sleep 1.5; echo off", words: "ms=1500 line=on" }).await;
    world.running(&start).await;
    world.nats.kill();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    world.nats.restart().await;
    let end = world.end(&start).await;
    assert_eq!(end.outcome, Outcome::Succeeded, "{end:?}");
    let expected = if world.kind == Kind::Docker { "on\noff\n" } else { "on\n" };
    assert_eq!(String::from_utf8(world.archived(&start).await).unwrap(), expected);
}

async fn a_released_attempt_that_still_runs_is_ended_and_forgotten(mut world: World) {
    world.start_executor().await;
    let start = world.begin(ENDLESS).await;
    world.running(&start).await;
    world.release(&start).await;
    world.until_forgotten().await;
    assert_eq!(world.ends(&start.attempt), []);
    if world.kind == Kind::Docker {
        assert_eq!(world.containers(), Vec::<String>::new());
    }
}

async fn a_command_that_nobody_can_read_is_a_dead_letter(mut world: World) {
    world.start_executor().await;
    world.bus.reply("emboflow.command.default.exec-test", &"garbage").await.unwrap();
    let letter = until("a dead letter", async || world.bus.dead_letters(10).await.unwrap().pop()).await;
    assert!(format!("{letter:?}").contains("unreadable_command"), "{letter:?}");
    let start = world.begin(Program { shell: "true", words: "" }).await;
    assert_eq!(world.end(&start).await.outcome, Outcome::Succeeded, "others go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_in_docker_is_shut_in() {
    let mut world = World::new(Kind::Docker).await;
    world.start_executor().await;
    let shell = "id -u; pwd; ls /sys/class/net; grep -c . /proc/net/route; grep CapEff /proc/self/status; \
        grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status; touch /etc/x 2>/dev/null || echo root is read-only; \
        touch /tmp/x && touch x && echo tmp and workspace are not; ls /var/run/docker.sock 2>/dev/null || echo no socket";
    let start = world.begin(Program { shell, words: "" }).await;
    let end = world.end(&start).await;
    assert_eq!(end.outcome, Outcome::Succeeded, "{end:?}");
    let log = String::from_utf8(world.archived(&start).await).unwrap();
    let said: Vec<String> =
        log.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "65532",
        "/workspace",
        "lo",
        "1",
        "CapEff: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
        "root is read-only",
        "tmp and workspace are not",
        "no socket",
    ];
    assert_eq!(said, expected);
}

impl World {
    /// What the executor holds, in a heartbeat that knows of this attempt.
    async fn heartbeat_of(&self, start: &Start) -> Vec<AttemptId> {
        until("a heartbeat names it", async || {
            let held: Vec<_> =
                self.heartbeat().await?.attempts.into_iter().map(|held| held.attempt).collect();
            held.contains(&start.attempt).then_some(held)
        })
        .await
    }
}
