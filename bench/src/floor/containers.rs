//! A bare loop over the Docker engine: create, wait, start, read the log, remove, with the settings that tasks have.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType};
use bollard::query_parameters::{
    CreateContainerOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptionsBuilder,
};
use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use crate::workflow::IMAGE;

/// Runs `count` containers of a command, `side_by_side` at once; gives the bytes of their logs.
pub(crate) async fn run(
    folder: &Path,
    command: &[&str],
    count: usize,
    side_by_side: usize,
) -> anyhow::Result<u64> {
    let docker = Docker::connect_with_local_defaults().context("connecting to the Docker engine")?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..side_by_side {
        let (docker, next, folder) = (docker.clone(), next.clone(), folder.to_owned());
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        workers.spawn(async move {
            let mut bytes = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, anyhow::Error>(bytes);
                }
                bytes += one(&docker, &folder.join(number.to_string()), &command).await?;
            }
        });
    }
    let mut bytes = 0;
    while let Some(worker) = workers.join_next().await {
        bytes += worker.context("a worker broke")??;
    }
    Ok(bytes)
}

async fn one(docker: &Docker, workspace: &Path, command: &[String]) -> anyhow::Result<u64> {
    std::fs::create_dir_all(workspace).context("making a workspace")?;
    let created = docker.create_container(None::<CreateContainerOptions>, body(workspace, command)).await;
    let id = created.context("creating a container")?.id;
    let until = WaitContainerOptionsBuilder::new().condition("next-exit").build();
    let waiting = docker.wait_container(&id, Some(until)).into_future();
    let waiting = tokio::spawn(waiting);
    docker.start_container(&id, None::<StartContainerOptions>).await.context("starting a container")?;
    let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
    let log = docker.logs(&id, Some(options)).map_ok(|piece| piece.into_bytes().len() as u64);
    let bytes =
        log.try_fold(0, |sum, length| async move { Ok(sum + length) }).await.context("reading a log")?;
    let (ended, _rest) = waiting.await.context("waiting for a container")?;
    let code = ended.context("a wait without an answer")?.context("waiting for a container")?.status_code;
    ensure!(code == 0, "a bare container ended with {code}");
    let remove = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    docker.remove_container(&id, Some(remove)).await.context("removing a container")?;
    std::fs::remove_dir_all(workspace).context("removing a workspace")?;
    Ok(bytes)
}

fn body(workspace: &Path, command: &[String]) -> ContainerCreateBody {
    let text = |text: &str| text.to_owned();
    let bind = Mount {
        typ: Some(MountType::BIND),
        source: Some(workspace.display().to_string()),
        target: Some(text("/workspace")),
        ..Mount::default()
    };
    let sizes = [("max-size", "269484032"), ("max-file", "3"), ("compress", "false")];
    let log = HostConfigLogConfig {
        typ: Some(text("local")),
        config: Some(sizes.map(|(name, value)| (text(name), text(value))).into()),
    };
    ContainerCreateBody {
        image: Some(text(IMAGE)),
        entrypoint: Some(command.to_vec()),
        user: Some(text("65532:65532")),
        working_dir: Some(text("/workspace")),
        host_config: Some(HostConfig {
            cap_drop: Some(vec![text("ALL")]),
            security_opt: Some(vec![text("no-new-privileges")]),
            readonly_rootfs: Some(true),
            tmpfs: Some([(text("/tmp"), text("rw,exec,nosuid,nodev,mode=1777,size=268435456"))].into()),
            mounts: Some(vec![bind]),
            network_mode: Some(text("none")),
            ipc_mode: Some(text("private")),
            init: Some(true),
            pids_limit: Some(512),
            log_config: Some(log),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}
