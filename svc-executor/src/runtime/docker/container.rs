//! RuntimeSpec → what Docker is asked to create. Built from an allow-list: what is not spelled here cannot be had.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountType, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use emboflow_model::runtime_spec::{Isolation, Network};
use emboflow_model::{AttemptId, DeviceId, RuntimeSpec, TaskKey};

use crate::runtime::{ContainerPlan, HEARTBEAT_FILE, Owner, RuntimeError};

/// User and group of a task that names none.
const DEFAULT_UID: u32 = 65_532;
const DEFAULT_PIDS: u32 = 512;
const WORKSPACE: &str = "/workspace";
const SECRETS: &str = "/run/secrets";
const MIB: u64 = 1 << 20;
// Docker refuses less.
const MEMORY_MIN: u64 = 6 * MIB;
const CPU_MIN_MILLIS: u64 = 10;
const TMP_DEFAULT: u64 = 256 * MIB;

pub(super) const MANAGED: &str = "io.emboflow.managed";
pub(super) const INSTANCE: &str = "io.emboflow.instance";
pub(super) const EXECUTOR: &str = "io.emboflow.executor";
const PROJECT: &str = "io.emboflow.project";
const RUN: &str = "io.emboflow.run";
const TASK: &str = "io.emboflow.task";
const ATTEMPT: &str = "io.emboflow.attempt";
const FENCE: &str = "io.emboflow.fence";
const TRACE: &str = "io.emboflow.trace_id";

/// The body of the create call. `cpu_millis` is what the engine has: it refuses a limit above that.
///
/// # Errors
/// The spec has a user, a working directory or a variable that cannot be given.
pub(super) fn create_body(
    plan: &ContainerPlan,
    owner: &Owner,
    cpu_millis: u64,
) -> Result<ContainerCreateBody, RuntimeError> {
    let spec = &plan.spec;
    let (uid, gid) = user_of(spec)?;
    check_input_names(spec)?;
    Ok(ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: (!spec.command.is_empty()).then(|| spec.command.clone()),
        cmd: (!spec.args.is_empty()).then(|| spec.args.clone()),
        env: Some(environment(plan)?),
        user: Some(format!("{uid}:{gid}")),
        working_dir: Some(working_dir(spec)?),
        labels: Some(labels(plan, owner)),
        stop_signal: Some(spec.stop.signal.clone()),
        host_config: Some(host_config(plan, cpu_millis)),
        ..ContainerCreateBody::default()
    })
}

fn host_config(plan: &ContainerPlan, cpu_millis: u64) -> HostConfig {
    let spec = &plan.spec;
    let Isolation::Default = spec.isolation;
    let memory =
        (spec.resources.memory_bytes > 0).then(|| signed(spec.resources.memory_bytes.max(MEMORY_MIN)));
    let tmp = if spec.resources.memory_bytes > 0 { spec.resources.memory_bytes / 2 } else { TMP_DEFAULT };
    HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(true),
        // Programs unpack and run things in /tmp as they do in the workspace.
        tmpfs: Some([("/tmp".to_owned(), format!("rw,exec,nosuid,nodev,mode=1777,size={tmp}"))].into()),
        mounts: Some(mounts(plan)),
        network_mode: Some(match spec.network {
            Network::None => "none".to_owned(),
            Network::Full => "bridge".to_owned(),
        }),
        ipc_mode: Some("private".to_owned()),
        init: Some(true),
        memory,
        memory_swap: memory,
        nano_cpus: nano_cpus(spec.resources.cpu_millis, cpu_millis),
        pids_limit: Some(i64::from(spec.pids.unwrap_or(DEFAULT_PIDS))),
        shm_size: spec.shm_bytes.map(signed),
        ulimits: Some(vec![ResourcesUlimits { name: Some("core".to_owned()), soft: Some(0), hard: Some(0) }]),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(log_config(spec.log_limit_bytes)),
        device_requests: device_requests(spec),
        ..HostConfig::default()
    }
}

/// What `docker run --gpus device=…` asks for: these very devices and no others.
fn device_requests(spec: &RuntimeSpec) -> Option<Vec<DeviceRequest>> {
    (!spec.devices.is_empty()).then(|| {
        vec![DeviceRequest {
            device_ids: Some(spec.devices.iter().map(ToString::to_string).collect()),
            capabilities: Some(vec![vec!["gpu".to_owned()]]),
            ..DeviceRequest::default()
        }]
    })
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

fn nano_cpus(wanted_millis: u64, engine_millis: u64) -> Option<i64> {
    let most = engine_millis.max(CPU_MIN_MILLIS);
    (wanted_millis > 0).then(|| signed(wanted_millis.clamp(CPU_MIN_MILLIS, most).saturating_mul(1_000_000)))
}

/// Room for the whole log twice over, so that an executor that was away still finds its first byte.
fn log_config(limit_bytes: u64) -> HostConfigLogConfig {
    let file = limit_bytes.saturating_add(MIB);
    let options =
        [("max-size", file.to_string()), ("max-file", "3".to_owned()), ("compress", "false".to_owned())];
    HostConfigLogConfig {
        typ: Some("local".to_owned()),
        config: Some(options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
    }
}

fn mounts(plan: &ContainerPlan) -> Vec<Mount> {
    let inputs = plan.spec.inputs.iter().map(|input| {
        let target = format!("/inputs/{}", input.name);
        bind(&plan.inputs.join(&input.name), target, true)
    });
    let secrets = plan.secrets.files.iter().map(|(folder, _)| bind(folder, SECRETS.to_owned(), true));
    std::iter::once(bind(&plan.workspace, WORKSPACE.to_owned(), false)).chain(inputs).chain(secrets).collect()
}

fn bind(source: &Path, target: String, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target),
        read_only: Some(read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

/// User and group of the task's processes. A user without a group gets the group of the same number.
///
/// # Errors
/// The spec names one that is not numeric.
pub(super) fn user_of(spec: &RuntimeSpec) -> Result<(u32, u32), RuntimeError> {
    let Some(user) = &spec.user else { return Ok((DEFAULT_UID, DEFAULT_UID)) };
    let (uid, gid) = user.split_once(':').unwrap_or((user, user));
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number(uid).zip(number(gid)).ok_or_else(|| RuntimeError::BadSpec {
        detail: format!("user '{user}' is not numeric; write it as `1000` or `1000:1000`"),
    })
}

fn check_input_names(spec: &RuntimeSpec) -> Result<(), RuntimeError> {
    let safe = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match spec.inputs.iter().find(|input| !safe(&input.name)) {
        None => Ok(()),
        Some(input) => {
            let name = input.name.escape_debug();
            Err(RuntimeError::BadSpec { detail: format!("'{name}' cannot be the name of an input") })
        }
    }
}

fn working_dir(spec: &RuntimeSpec) -> Result<String, RuntimeError> {
    let Some(dir) = &spec.workdir else { return Ok(WORKSPACE.to_owned()) };
    // A relative or kernel-made path has been a way out of the container more than once.
    let kernel = ["/proc", "/sys", "/dev"];
    let steps_up = dir.split('/').any(|part| part == "..");
    let inside_kernel =
        kernel.iter().any(|root| dir.strip_prefix(root).is_some_and(|r| r.is_empty() || r.starts_with('/')));
    if !dir.starts_with('/') || dir.contains("//") || dir.contains('\0') || steps_up || inside_kernel {
        let detail = format!("workdir '{dir}' is not an absolute path outside /proc, /sys and /dev");
        return Err(RuntimeError::BadSpec { detail });
    }
    Ok(dir.clone())
}

fn environment(plan: &ContainerPlan) -> Result<Vec<String>, RuntimeError> {
    let spec = &plan.spec;
    let mut values: std::collections::BTreeMap<String, String> = [
        ("HOME".to_owned(), "/tmp".to_owned()),
        ("EMBOFLOW_PROJECT".to_owned(), plan.project.to_string()),
        ("EMBOFLOW_RUN".to_owned(), plan.attempt.run.to_string()),
        ("EMBOFLOW_TASK".to_owned(), plan.attempt.task.to_string()),
        ("EMBOFLOW_ATTEMPT".to_owned(), plan.attempt.number.to_string()),
    ]
    .into();
    if let Some(replica) = spec.replica {
        values.insert("EMBOFLOW_REPLICA".to_owned(), replica.index.to_string());
        values.insert("EMBOFLOW_REPLICAS".to_owned(), replica.count.to_string());
    }
    if !spec.devices.is_empty() {
        let ids: Vec<&str> = spec.devices.iter().map(DeviceId::as_str).collect();
        values.insert("EMBOFLOW_GPUS".to_owned(), ids.join(","));
    }
    if spec.timeouts.heartbeat_ms.is_some() {
        values.insert("EMBOFLOW_HEARTBEAT".to_owned(), format!("{WORKSPACE}/{HEARTBEAT_FILE}"));
    }
    for input in &spec.inputs {
        values.insert(input_variable(&input.name), format!("/inputs/{}", input.name));
    }
    values.extend(spec.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    values.extend(plan.secrets.env.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())));
    for name in plan.secrets.files.iter().flat_map(|(_, names)| names) {
        values.insert(format!("{name}_FILE"), format!("{SECRETS}/{name}"));
    }
    for (name, value) in &values {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let detail = format!("'{}' cannot be an environment variable", name.escape_debug());
            return Err(RuntimeError::BadSpec { detail });
        }
    }
    Ok(values.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// `raw-data` → `INPUT_RAW_DATA`.
fn input_variable(name: &str) -> String {
    format!("INPUT_{}", name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

fn labels(plan: &ContainerPlan, owner: &Owner) -> HashMap<String, String> {
    let attempt = &plan.attempt;
    [
        (MANAGED, "true".to_owned()),
        (INSTANCE, owner.instance.clone()),
        (EXECUTOR, owner.executor.to_string()),
        (PROJECT, plan.project.to_string()),
        (RUN, attempt.run.to_string()),
        (TASK, attempt.task.to_string()),
        (ATTEMPT, attempt.number.to_string()),
        (FENCE, plan.fence.to_string()),
        (TRACE, plan.trace_id.clone()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Whether a container with these labels was made for this very attempt.
pub(super) fn is_of(found: &HashMap<String, String>, plan: &ContainerPlan, owner: &Owner) -> bool {
    labels(plan, owner).iter().all(|(key, value)| found.get(key) == Some(value))
}

/// The attempt that a container's labels name.
pub(super) fn attempt_of(labels: &HashMap<String, String>) -> Option<AttemptId> {
    let task: TaskKey = labels.get(TASK)?.parse().ok()?;
    Some(AttemptId { run: labels.get(RUN)?.parse().ok()?, task, number: labels.get(ATTEMPT)?.parse().ok()? })
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
