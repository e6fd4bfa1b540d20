use super::*;
use emboflow_model::runtime_spec::{SecretForm, StageIn, Stop, Timeouts};
use emboflow_model::{Resources, RunId};
use serde_json::Value;

fn spec() -> RuntimeSpec {
    RuntimeSpec {
        image: "busybox:1".into(),
        pull: Default::default(),
        command: vec!["sh".into(), "-c".into()],
        args: vec!["true".into()],
        env: [("MODEL".to_owned(), "forest".to_owned())].into(),
        workdir: None,
        user: None,
        resources: Resources { cpu_millis: 500, memory_bytes: 64 * MIB, disk_bytes: 0, gpu: 0 },
        shm_bytes: None,
        pids: None,
        network: Network::None,
        isolation: Isolation::Default,
        timeouts: Timeouts::default(),
        stop: Stop::default(),
        inputs: vec![StageIn { name: "raw-data".into(), sources: Vec::new() }],
        complete_codes: Vec::new(),
        outputs: Vec::new(),
        devices: Vec::new(),
        replica: None,
        class: Default::default(),
        log_limit_bytes: 10 * MIB,
        secrets: Vec::new(),
    }
}

fn plan(spec: RuntimeSpec) -> ContainerPlan {
    let attempt = AttemptId { run: RunId::from_bits(7), task: "train[3]".parse().unwrap(), number: 2 };
    ContainerPlan {
        attempt,
        fence: 9,
        project: "lab".parse().unwrap(),
        trace_id: "0af7".into(),
        spec,
        workspace: "/data/attempts/a/workspace".into(),
        inputs: "/data/attempts/a/inputs".into(),
        secrets: Default::default(),
    }
}

fn owner() -> Owner {
    Owner { instance: "here".into(), executor: "exec-1".parse().unwrap() }
}

fn emitted(spec: RuntimeSpec) -> Value {
    serde_json::to_value(create_body(&plan(spec), &owner(), 2_000).unwrap()).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn the_create_body_has_these_keys_and_no_others() {
    let body = emitted(RuntimeSpec { shm_bytes: Some(MIB), ..spec() });
    let expected =
        ["Cmd", "Entrypoint", "Env", "HostConfig", "Image", "Labels", "StopSignal", "User", "WorkingDir"];
    assert_eq!(keys(&body), expected);
    let expected = [
        "CapDrop",
        "Init",
        "IpcMode",
        "LogConfig",
        "Memory",
        "MemorySwap",
        "Mounts",
        "NanoCpus",
        "NetworkMode",
        "PidsLimit",
        "ReadonlyRootfs",
        "RestartPolicy",
        "SecurityOpt",
        "ShmSize",
        "Tmpfs",
        "Ulimits",
    ];
    assert_eq!(keys(&body["HostConfig"]), expected);
}

#[test]
fn isolation_is_what_the_design_says() {
    let host = &emitted(spec())["HostConfig"];
    assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
    assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges"]));
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["NetworkMode"], "none");
    assert_eq!(host["Init"], true);
    assert_eq!(host["PidsLimit"], 512);
    assert_eq!(host["Memory"], 64 * MIB);
    assert_eq!(host["MemorySwap"], host["Memory"], "no swap on top");
    assert_eq!(host["NanoCpus"], 500_000_000);
    assert_eq!(host["RestartPolicy"]["Name"], "no");
    assert_eq!(host["LogConfig"]["Type"], "local");
    assert_eq!(emitted(spec())["User"], "65532:65532");
}

#[test]
fn an_attempt_can_be_read_back_from_the_labels() {
    let body = create_body(&plan(spec()), &owner(), 2_000).unwrap();
    let labels = body.labels.unwrap();
    assert_eq!(attempt_of(&labels), Some(plan(spec()).attempt));
    assert_eq!(labels["io.emboflow.managed"], "true");
    assert_eq!(labels["io.emboflow.task"], "train[3]");
    assert_eq!(labels["io.emboflow.attempt"], "2");
    assert_eq!(labels["io.emboflow.fence"], "9");
    assert!(is_of(&labels, &plan(spec()), &owner()));
    assert!(!is_of(&labels, &ContainerPlan { fence: 10, ..plan(spec()) }, &owner()));
}

#[test]
fn inputs_are_read_only_and_named_by_a_variable() {
    let body = emitted(spec());
    let mounts = body["HostConfig"]["Mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 2);
    assert_eq!(mounts[0]["Target"], "/workspace");
    assert_eq!(mounts[1]["Source"], "/data/attempts/a/inputs/raw-data");
    assert_eq!(mounts[1]["Target"], "/inputs/raw-data");
    assert_eq!(mounts[1]["ReadOnly"], true);
    let env = body["Env"].as_array().unwrap();
    assert!(env.contains(&"INPUT_RAW_DATA=/inputs/raw-data".into()));
    assert!(env.contains(&"HOME=/tmp".into()) && env.contains(&"MODEL=forest".into()));
}

#[test]
fn a_spec_may_set_its_own_home_and_needs_no_limits() {
    let mut own = spec();
    own.env.insert("HOME".into(), "/workspace".into());
    own.resources = Resources::default();
    let body = emitted(own);
    assert!(body["Env"].as_array().unwrap().contains(&"HOME=/workspace".into()));
    assert!(body["HostConfig"].get("Memory").is_none() && body["HostConfig"].get("NanoCpus").is_none());
}

#[test]
fn a_cpu_limit_never_exceeds_the_engine() {
    assert_eq!(nano_cpus(64_000, 2_000), Some(2_000_000_000));
    assert_eq!(nano_cpus(1, 2_000), Some(10_000_000));
    assert_eq!(nano_cpus(0, 2_000), None);
}

#[test]
fn devices_are_asked_for_by_their_ids() {
    let ids = ["GPU-8932f937", "GPU-1"].map(|id| id.parse().unwrap());
    let body = emitted(RuntimeSpec { devices: ids.to_vec(), ..spec() });
    let asked = serde_json::json!([{ "DeviceIDs": ["GPU-8932f937", "GPU-1"], "Capabilities": [["gpu"]] }]);
    assert_eq!(body["HostConfig"]["DeviceRequests"], asked);
    assert!(body["Env"].as_array().unwrap().contains(&"EMBOFLOW_GPUS=GPU-8932f937,GPU-1".into()));
    assert!(emitted(spec())["HostConfig"].get("DeviceRequests").is_none());
}

#[test]
fn a_replica_knows_its_number_and_how_many_there_are() {
    let replica = emboflow_model::runtime_spec::Replica { index: 2, count: 4 };
    let body = emitted(RuntimeSpec { replica: Some(replica), ..spec() });
    let env = body["Env"].as_array().unwrap();
    assert!(env.contains(&"EMBOFLOW_REPLICA=2".into()) && env.contains(&"EMBOFLOW_REPLICAS=4".into()));
}

#[test]
fn a_task_that_promises_signs_of_life_knows_the_file_to_touch() {
    let timeouts = Timeouts { heartbeat_ms: Some(1_000), ..Timeouts::default() };
    let named = |spec: RuntimeSpec| {
        let env = emitted(spec)["Env"].clone();
        env.as_array().unwrap().contains(&"EMBOFLOW_HEARTBEAT=/workspace/.emboflow-heartbeat".into())
    };
    assert!(named(RuntimeSpec { timeouts, ..spec() }) && !named(spec()));
}

/// Everything a hostile spec can say, in every field that takes free text.
fn hostile() -> Vec<RuntimeSpec> {
    let texts = [
        "--privileged",
        "host",
        "container:1",
        "/var/run/docker.sock",
        "/",
        "/dev/mem",
        "seccomp=unconfined",
        "apparmor=unconfined",
        "label=disable",
        "../../etc",
        "SYS_ADMIN",
        "a:/host:rw",
        "${HOME}",
        "bind-propagation=shared",
    ];
    let mut specs = Vec::new();
    for text in texts {
        let text = text.to_owned();
        specs.push(RuntimeSpec { image: text.clone(), ..spec() });
        specs.push(RuntimeSpec { command: vec![text.clone()], args: vec![text.clone()], ..spec() });
        specs.push(RuntimeSpec { env: [("X".to_owned(), text.clone())].into(), ..spec() });
        specs.push(RuntimeSpec { stop: Stop { signal: text.clone(), grace_ms: 0 }, ..spec() });
        specs.push(RuntimeSpec { workdir: Some(text.clone()), ..spec() });
        specs.push(RuntimeSpec {
            inputs: vec![StageIn { name: text.clone(), sources: Vec::new() }],
            ..spec()
        });
        specs.push(RuntimeSpec { user: Some(text), ..spec() });
    }
    specs.push(RuntimeSpec { user: Some("0:0".into()), network: Network::Full, ..spec() });
    specs.push(RuntimeSpec {
        pids: Some(u32::MAX),
        shm_bytes: Some(u64::MAX),
        log_limit_bytes: u64::MAX,
        ..spec()
    });
    let everything = Resources { cpu_millis: u64::MAX, memory_bytes: u64::MAX, disk_bytes: u64::MAX, gpu: 0 };
    specs.push(RuntimeSpec { resources: everything, ..spec() });
    specs
}

#[test]
fn whatever_a_spec_says_the_container_is_shut_in() {
    for spec in hostile() {
        let Ok(body) = create_body(&plan(spec), &owner(), 2_000) else { continue };
        let body = serde_json::to_value(body).unwrap();
        let host = &body["HostConfig"];
        for forbidden in [
            "Privileged",
            "CapAdd",
            "Devices",
            "DeviceRequests",
            "DeviceCgroupRules",
            "PidMode",
            "UTSMode",
            "UsernsMode",
            "CgroupnsMode",
            "CgroupParent",
            "Cgroup",
            "Binds",
            "VolumesFrom",
            "Runtime",
            "Sysctls",
            "GroupAdd",
            "OomKillDisable",
            "OomScoreAdj",
            "MaskedPaths",
            "ReadonlyPaths",
            "PortBindings",
            "ExtraHosts",
            "VolumeDriver",
            "Links",
            "AutoRemove",
            "StorageOpt",
            "Dns",
        ] {
            assert!(host.get(forbidden).is_none(), "{forbidden}: {host}");
        }
        assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges"]));
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
        assert_eq!(host["IpcMode"], "private");
        assert!(matches!(host["NetworkMode"].as_str(), Some("none" | "bridge")));
        for mount in host["Mounts"].as_array().unwrap() {
            let source = mount["Source"].as_str().unwrap();
            assert!(source.starts_with("/data/attempts/a/"), "{source}");
            assert_eq!(mount["Type"], "bind");
            assert_eq!(mount["BindOptions"]["Propagation"], "rprivate");
        }
    }
}

#[test]
fn a_user_by_name_and_a_working_directory_of_the_kernel_are_refused() {
    for user in ["root", "1000:", ":1", "-1", "1:staff", "99999999999", ""] {
        let refused = create_body(&plan(RuntimeSpec { user: Some(user.into()), ..spec() }), &owner(), 2_000);
        assert!(matches!(refused, Err(RuntimeError::BadSpec { .. })), "{user}");
    }
    for dir in ["/proc/self/fd/8", "/dev", "/sys/fs", "relative", "/a/../proc", "//proc", ""] {
        let refused =
            create_body(&plan(RuntimeSpec { workdir: Some(dir.into()), ..spec() }), &owner(), 2_000);
        assert!(matches!(refused, Err(RuntimeError::BadSpec { .. })), "{dir}");
    }
    assert_eq!(emitted(RuntimeSpec { workdir: Some("/app".into()), ..spec() })["WorkingDir"], "/app");
}

#[test]
fn a_secret_in_a_file_is_in_nothing_that_the_engine_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = crate::secrets::SecretsDir::new(folder.path().to_owned());
    let given = |form| emboflow_protocol::call::GivenSecret {
        variable: "TOKEN".into(),
        form,
        value: emboflow_protocol::SecretValue::new("canary-4711"),
    };
    let mut plan = plan(spec());
    plan.secrets = secrets.on_any_disk().keep(&plan.attempt, &[given(SecretForm::File)]).unwrap();
    let body = serde_json::to_value(create_body(&plan, &owner(), 2_000).unwrap()).unwrap();
    assert!(!body.to_string().contains("canary"), "{body}");
    let env = body["Env"].as_array().unwrap();
    assert!(env.contains(&"TOKEN_FILE=/run/secrets/TOKEN".into()), "{env:?}");
    let mounts = body["HostConfig"]["Mounts"].as_array().unwrap();
    let mount = mounts.iter().find(|mount| mount["Target"] == "/run/secrets").unwrap();
    assert_eq!(mount["ReadOnly"], true);

    plan.secrets = secrets.on_any_disk().keep(&plan.attempt, &[given(SecretForm::Env)]).unwrap();
    let body = serde_json::to_value(create_body(&plan, &owner(), 2_000).unwrap()).unwrap();
    assert!(body["Env"].as_array().unwrap().contains(&"TOKEN=canary-4711".into()));
    assert!(!format!("{plan:?}").contains("canary"), "a plan may be logged");
}
