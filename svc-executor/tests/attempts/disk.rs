//! The disk that a task may take.

use std::process::Command as Process;

use emboflow_model::{Cause, Outcome, Reason, Resources, RuntimeSpec};
use emboflow_protocol::command::{Command, Start};

use crate::support::{Kind, Program, World, until};

const MIB: u64 = 1 << 20;

/// Writes 24 MiB in pieces and goes on, deaf to signals.
const WRITER: Program = Program {
    shell: "trap '' TERM; mkdir -p out/deep; for i in 1 2 3; do head -c 8388608 /dev/zero > out/deep/$i; done; \
            ln -s / link; while true; do sleep 1; done",
    words: "",
};

async fn begin_with_disk(world: &mut World, program: Program, disk_bytes: u64) -> Start {
    let resources = Resources { disk_bytes, ..world.spec(program).resources };
    let start = world.attempt(RuntimeSpec { resources, ..world.spec(program) });
    world.send(Command::Start(Box::new(start.clone()))).await;
    start
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_takes_more_disk_than_it_may_is_killed_and_told_the_figures() {
    let mut world = World::new(Kind::Docker).await;
    world.start_executor().await;
    let start = begin_with_disk(&mut world, WRITER, 4 * MIB).await;
    let end = world.end(&start).await;
    assert_eq!((end.outcome, end.cause, end.reason), (Outcome::Failed, Cause::User, Some(Reason::DiskFull)));
    assert_eq!(end.exit_code, Some(137), "killed at once: in a grace it would write on");
    let message = end.message.unwrap();
    for part in ["MiB of disk", "/workspace/out", "may hold 4.0 MiB", "raise `resources.disk`"] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_names_no_disk_has_the_limit_of_its_executor() {
    let mut world = World::new(Kind::Docker).await;
    world.settings.disk_limit_bytes = 4 * MIB;
    world.start_executor().await;
    let start = world.begin(WRITER).await;
    let end = world.end(&start).await;
    assert_eq!((end.cause, end.reason), (Cause::User, Some(Reason::DiskFull)));
    let message = end.message.unwrap();
    assert!(message.contains("a task without `resources.disk`") && message.contains("or set"), "{message}");
    // One that names enough is left alone, also by the look at its end.
    let enough = Program { shell: "head -c 8388608 /dev/zero > a; sleep 2", words: "" };
    let start = begin_with_disk(&mut world, enough, 64 * MIB).await;
    assert_eq!(world.end(&start).await.outcome, Outcome::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_executor_does_not_forget_why_a_task_was_stopped() {
    let mut world = World::new(Kind::Docker).await;
    world.start_executor().await;
    world.stop_storage().await;
    let start = begin_with_disk(&mut world, WRITER, 4 * MIB).await;
    until("it is killed", async || {
        let name = format!("ef-{}", start.attempt);
        (World::docker(&["inspect", "-f", "{{.State.ExitCode}}", &name]) == "137").then_some(())
    })
    .await;
    world.stop_executor().await;
    world.restart_storage().await;
    world.start_executor().await;
    let end = world.end(&start).await;
    assert_eq!((end.cause, end.reason), (Cause::User, Some(Reason::DiskFull)), "{end:?}");
    assert!(end.message.unwrap().contains("/workspace/out"));
}

/// An image that brings a volume along, on the one that `make setup` makes.
struct VolumeImage(String);

impl VolumeImage {
    fn build() -> Self {
        let name = format!("emboflow/test-volume:{}", uuid::Uuid::new_v4().simple());
        let folder = tempfile::tempdir().unwrap();
        let text = "FROM emboflow/examples-hello:1\nVOLUME /data\n";
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let built =
            Process::new("/usr/bin/docker").args(["build", "-q", "-t", &name]).arg(folder.path()).output();
        let built = built.expect("no docker client here: run `make setup`");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self(name)
    }
}

impl Drop for VolumeImage {
    fn drop(&mut self) {
        World::docker(&["rmi", "-f", &self.0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_an_image_brings_along_is_no_way_around_the_limit() {
    let image = VolumeImage::build();
    let mut world = World::new(Kind::Docker).await;
    world.start_executor().await;
    let program = Program {
        shell: "head -c 16777216 /dev/zero > /data/large && while true; do sleep 1; done",
        words: "",
    };
    let spec = world.spec(program);
    let resources = Resources { disk_bytes: 4 * MIB, ..spec.resources };
    let root = Some("0".to_owned());
    let start = world.attempt(RuntimeSpec { image: image.0.clone(), user: root, resources, ..spec });
    world.send(Command::Start(Box::new(start.clone()))).await;
    let end = world.end(&start).await;
    assert_eq!((end.cause, end.reason), (Cause::User, Some(Reason::DiskFull)), "{end:?}");
    assert!(end.message.unwrap().contains("/data/large"));
    world.release(&start).await;
    world.until_forgotten().await;
}
