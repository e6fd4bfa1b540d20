//! What every runtime must do: one list of named cases, carried out on Docker and on the simulated engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use emboflow_model::runtime_spec::{Network, PullPolicy, Stop, Timeouts};
use emboflow_model::{AttemptId, Resources, RunId, RuntimeSpec};
use futures::StreamExt;
use futures::future::BoxFuture;

use super::docker::DockerRuntime;
use super::simulated::{Simulated, VARIABLE};
use super::{ContainerPlan, Exit, Owner, Runtime, RuntimeError, Seen};

const IMAGE: &str = "emboflow/examples-hello:1";
/// No case takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine under test, and how a program is written for it.
struct Bench {
    runtime: Arc<dyn Runtime>,
    other_executor: Arc<dyn Runtime>,
    real: bool,
    scratch: tempfile::TempDir,
}

/// The same program for both: a shell script, and the words of a simulated container.
struct Program {
    shell: &'static str,
    words: &'static str,
}

type Case = (&'static str, for<'a> fn(&'a Bench, u128) -> BoxFuture<'a, ()>);

macro_rules! cases {
    ($($case:ident),+ $(,)?) => { &[$((stringify!($case), |bench, run| Box::pin($case(bench, run)))),+] };
}

const CASES: &[Case] = cases![
    a_container_is_created_once_and_not_started_by_it,
    exit_codes_are_passed_on,
    a_program_that_ends_at_once_keeps_all_its_lines,
    a_line_of_a_megabyte_arrives_whole,
    bytes_that_are_no_text_arrive_as_they_are,
    the_log_can_be_followed_and_read_again_from_the_start,
    a_program_ends_with_its_signal,
    a_program_that_ignores_its_signal_is_killed,
    a_program_beyond_its_memory_is_told_from_a_killed_one,
    a_command_that_does_not_exist_is_told_from_an_exit,
    an_image_that_is_not_here_and_may_not_be_fetched_is_missing,
    files_written_into_the_workspace_are_there_afterwards,
    a_name_that_another_attempt_has_is_refused,
    only_own_containers_are_listed_and_removal_may_be_repeated,
];

impl Bench {
    fn spec(&self, program: &Program) -> RuntimeSpec {
        let (image, env) = if self.real {
            (IMAGE.to_owned(), Default::default())
        } else {
            ("simulated".to_owned(), [(VARIABLE.to_owned(), program.words.to_owned())].into())
        };
        RuntimeSpec {
            image,
            pull: PullPolicy::IfNotPresent,
            command: vec!["/bin/sh".into(), "-c".into()],
            args: vec![program.shell.to_owned()],
            env,
            workdir: None,
            user: None,
            resources: Resources { cpu_millis: 500, memory_bytes: 48 << 20, disk_bytes: 0, gpu: 0 },
            shm_bytes: None,
            pids: None,
            network: Network::None,
            isolation: Default::default(),
            timeouts: Timeouts::default(),
            stop: Stop::default(),
            inputs: Vec::new(),
            complete_codes: Vec::new(),
            outputs: Vec::new(),
            devices: Vec::new(),
            replica: None,
            class: Default::default(),
            log_limit_bytes: 16 << 20,
            secrets: Vec::new(),
        }
    }

    fn plan(&self, run: u128, spec: RuntimeSpec) -> ContainerPlan {
        let attempt = AttemptId { run: RunId::from_bits(run), task: "case".parse().unwrap(), number: 1 };
        let folder = self.scratch.path().join(attempt.to_string());
        ContainerPlan {
            attempt,
            fence: 1,
            project: "conformance".parse().unwrap(),
            trace_id: "0".into(),
            spec,
            workspace: folder.join("workspace"),
            inputs: folder.join("inputs"),
            secrets: Default::default(),
        }
    }

    async fn started(&self, run: u128, program: Program) -> ContainerPlan {
        let plan = self.plan(run, self.spec(&program));
        self.runtime.create(&plan).await.unwrap();
        self.runtime.start(&plan.attempt).await.unwrap();
        plan
    }

    async fn exit(&self, plan: &ContainerPlan) -> Exit {
        let wait = self.runtime.wait(&plan.attempt);
        tokio::time::timeout(PATIENCE, wait).await.expect("the container ends").unwrap();
        match self.runtime.observe(&plan.attempt).await.unwrap() {
            Seen::Exited(exit) => exit,
            other => panic!("the wait is over, but {other:?} is seen"),
        }
    }

    async fn log(&self, plan: &ContainerPlan, follow: bool) -> Vec<u8> {
        let pieces: Vec<_> = self.runtime.logs(&plan.attempt, follow).collect().await;
        pieces.into_iter().flat_map(|piece| piece.unwrap().to_vec()).collect()
    }
}

async fn a_container_is_created_once_and_not_started_by_it(bench: &Bench, run: u128) {
    let plan = bench.plan(run, bench.spec(&Program { shell: "true", words: "" }));
    assert_eq!(bench.runtime.observe(&plan.attempt).await.unwrap(), Seen::Absent);
    bench.runtime.create(&plan).await.unwrap();
    assert_eq!(bench.runtime.observe(&plan.attempt).await.unwrap(), Seen::Created);
    bench.runtime.create(&plan).await.expect("the same attempt takes its own container over");
    assert_eq!(bench.runtime.observe(&plan.attempt).await.unwrap(), Seen::Created);
}

async fn exit_codes_are_passed_on(bench: &Bench, run: u128) {
    let plan = bench.started(run, Program { shell: "exit 37", words: "exit=37" }).await;
    let exit = bench.exit(&plan).await;
    assert_eq!((exit.code, exit.oom_killed), (37, false));
    assert!(exit.started_at.unwrap() <= exit.exited_at.unwrap());
}

async fn a_program_that_ends_at_once_keeps_all_its_lines(bench: &Bench, run: u128) {
    let program = Program {
        shell: "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; printf 'no end'",
        words: "lines=500",
    };
    let plan = bench.started(run, program).await;
    assert_eq!(bench.exit(&plan).await.code, 0);
    let log = String::from_utf8(bench.log(&plan, false).await).unwrap();
    let mut expected: String = (0..500).map(|number| format!("line {number}\n")).collect();
    if bench.real {
        expected.push_str("no end");
    }
    assert_eq!(log, expected);
}

async fn a_line_of_a_megabyte_arrives_whole(bench: &Bench, run: u128) {
    let program = Program {
        shell: "head -c 1000000 /dev/zero | tr '\\000' x; echo; echo end",
        words: "bytes=1000000 line=end",
    };
    let plan = bench.started(run, program).await;
    assert_eq!(bench.exit(&plan).await.code, 0);
    let log = bench.log(&plan, true).await;
    assert_eq!(log.len(), 1_000_005);
    assert!(log[..1_000_000].iter().all(|byte| *byte == b'x') && log.ends_with(b"\nend\n"));
}

async fn bytes_that_are_no_text_arrive_as_they_are(bench: &Bench, run: u128) {
    let shell = "i=0; while [ $i -lt 256 ]; do printf \"\\\\x$(printf %02x $i)\"; i=$((i+1)); done";
    let plan = bench.started(run, Program { shell, words: "noise=256" }).await;
    assert_eq!(bench.exit(&plan).await.code, 0);
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(bench.log(&plan, false).await, all);
}

async fn the_log_can_be_followed_and_read_again_from_the_start(bench: &Bench, run: u128) {
    let program = Program {
        shell: "i=0; while [ $i -lt 10 ]; do echo line $i; sleep 0.05; i=$((i+1)); done",
        words: "ms=500 lines=10",
    };
    let plan = bench.started(run, program).await;
    let followed = tokio::time::timeout(PATIENCE, bench.log(&plan, true))
        .await
        .expect("following ends with the container");
    let expected: String = (0..10).map(|number| format!("line {number}\n")).collect();
    assert_eq!(String::from_utf8(followed).unwrap(), expected);
    bench.exit(&plan).await;
    assert_eq!(bench.log(&plan, false).await, expected.as_bytes());
}

async fn a_program_ends_with_its_signal(bench: &Bench, run: u128) {
    let plan = bench.started(run, Program { shell: "exec sleep 60", words: "ms=60000" }).await;
    assert!(matches!(bench.runtime.observe(&plan.attempt).await.unwrap(), Seen::Running { .. }));
    bench.runtime.signal(&plan.attempt, "SIGTERM").await.unwrap();
    assert_eq!(bench.exit(&plan).await.code, 143);
    bench.runtime.signal(&plan.attempt, "SIGTERM").await.expect("a signal to an ended container is no error");
}

async fn a_program_that_ignores_its_signal_is_killed(bench: &Bench, run: u128) {
    let program = Program {
        shell: "trap '' TERM; echo ready; while true; do sleep 1; done",
        words: "ms=60000 ignore_term line=ready",
    };
    let plan = bench.started(run, program).await;
    let mut log = bench.runtime.logs(&plan.attempt, true);
    log.next().await.expect("it is ready").unwrap();
    bench.runtime.signal(&plan.attempt, "SIGTERM").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(400), bench.runtime.wait(&plan.attempt)).await;
    assert!(early.is_err(), "it ignores the signal");
    let killed = Instant::now();
    bench.runtime.signal(&plan.attempt, "SIGKILL").await.unwrap();
    let exit = bench.exit(&plan).await;
    assert_eq!((exit.code, exit.oom_killed), (137, false));
    assert!(killed.elapsed() < Duration::from_secs(20));
}

async fn a_program_beyond_its_memory_is_told_from_a_killed_one(bench: &Bench, run: u128) {
    let program = Program { shell: "exec tail -c 200000000 /dev/zero", words: "oom" };
    let plan = bench.started(run, program).await;
    let mut exit = bench.exit(&plan).await;
    assert_eq!(exit.code, 137);
    // An engine may note why a moment after the end.
    let deadline = Instant::now() + PATIENCE;
    while !exit.oom_killed {
        assert!(Instant::now() < deadline, "{exit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        exit = bench.exit(&plan).await;
    }
}

async fn a_command_that_does_not_exist_is_told_from_an_exit(bench: &Bench, run: u128) {
    let mut spec = bench.spec(&Program { shell: "", words: "bad_command" });
    spec.command = vec!["/bin/nothing-here".into()];
    spec.args = Vec::new();
    let plan = bench.plan(run, spec);
    bench.runtime.create(&plan).await.unwrap();
    match bench.runtime.start(&plan.attempt).await {
        Err(RuntimeError::BadCommand { .. }) => {}
        Err(other) => panic!("{other}"),
        // The container's init starts, and says in the log that the command does not.
        Ok(()) => {
            let exit = bench.exit(&plan).await;
            let log = bench.log(&plan, false).await;
            let verdict = crate::outcome::of_exit(crate::outcome::EndOfContainer {
                exit: &exit,
                asked: None,
                engine_restarted: false,
                complete_codes: &[],
                log_head: &log,
                memory_bytes: 0,
            });
            let said = String::from_utf8_lossy(&log);
            assert_eq!(verdict.reason, Some(emboflow_model::Reason::BadCommand), "{exit:?} {said}");
        }
    }
}

async fn an_image_that_is_not_here_and_may_not_be_fetched_is_missing(bench: &Bench, _run: u128) {
    let mut spec = bench.spec(&Program { shell: "", words: "" });
    spec.image = if bench.real { "emboflow/no-such-image:1".into() } else { "simulated/missing".into() };
    spec.pull = PullPolicy::Never;
    let refused = bench.runtime.prepare_image(&spec, &|_| {}).await;
    assert!(matches!(refused, Err(RuntimeError::ImageNotFound { .. })), "{refused:?}");
    let here = bench.spec(&Program { shell: "", words: "" });
    bench.runtime.prepare_image(&here, &|_| {}).await.expect("run `make setup`: it makes the example image");
}

async fn files_written_into_the_workspace_are_there_afterwards(bench: &Bench, run: u128) {
    let program = Program { shell: "mkdir out && printf made > out/a.txt", words: "write=out/a.txt:made" };
    let plan = bench.started(run, program).await;
    assert_eq!(bench.exit(&plan).await.code, 0);
    assert_eq!(std::fs::read_to_string(plan.workspace.join("out/a.txt")).unwrap(), "made");
}

async fn a_name_that_another_attempt_has_is_refused(bench: &Bench, run: u128) {
    let plan = bench.plan(run, bench.spec(&Program { shell: "true", words: "" }));
    bench.runtime.create(&plan).await.unwrap();
    let other = ContainerPlan { fence: 2, ..plan.clone() };
    let refused = bench.runtime.create(&other).await;
    assert!(matches!(refused, Err(RuntimeError::NameTaken { .. })), "{refused:?}");
}

async fn only_own_containers_are_listed_and_removal_may_be_repeated(bench: &Bench, run: u128) {
    let plan = bench.started(run, Program { shell: "sleep 60", words: "ms=60000" }).await;
    assert!(bench.runtime.inventory().await.unwrap().contains(&plan.attempt));
    assert!(!bench.other_executor.inventory().await.unwrap().contains(&plan.attempt));
    bench.runtime.remove(&plan.attempt).await.expect("a running container is removed too");
    bench.runtime.remove(&plan.attempt).await.unwrap();
    assert_eq!(bench.runtime.observe(&plan.attempt).await.unwrap(), Seen::Absent);
    assert!(!bench.runtime.inventory().await.unwrap().contains(&plan.attempt));
}

/// Carries out all cases, a few side by side, and names those that failed.
async fn all_cases(bench: Bench) {
    let bench = Arc::new(bench);
    let first = uuid::Uuid::now_v7().as_u128() & !0xff;
    let outcomes = futures::stream::iter(CASES.iter().zip(1u128..).map(|((name, case), number)| {
        let bench = bench.clone();
        async move {
            let run = first | number;
            let running = bench.clone();
            let outcome = tokio::spawn(async move { case(&running, run).await }).await;
            let attempt = AttemptId { run: RunId::from_bits(run), task: "case".parse().unwrap(), number: 1 };
            bench.runtime.remove(&attempt).await.unwrap();
            (*name, outcome.is_ok())
        }
    }));
    let outcomes: Vec<_> = outcomes.buffer_unordered(4).collect().await;
    let failed: Vec<_> = outcomes.iter().filter(|(_, well)| !well).map(|(name, _)| name).collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

fn owner(executor: &str) -> Owner {
    let instance = format!("conformance-{}", uuid::Uuid::new_v4().simple());
    Owner { instance, executor: executor.parse().unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_runtime_does_what_every_runtime_must() {
    let engine = Simulated::default();
    all_cases(Bench {
        runtime: Arc::new(engine.for_owner(owner("one"))),
        other_executor: Arc::new(engine.for_owner(owner("two"))),
        real: false,
        scratch: tempfile::tempdir().unwrap(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_does_what_every_runtime_must() {
    let runtime = DockerRuntime::new(None, owner("one")).unwrap();
    let engine = runtime.probe().await;
    engine.expect("no container engine answers: run `make setup`");
    all_cases(Bench {
        runtime: Arc::new(runtime),
        other_executor: Arc::new(DockerRuntime::new(None, owner("two")).unwrap()),
        real: true,
        scratch: tempfile::tempdir().unwrap(),
    })
    .await;
}
