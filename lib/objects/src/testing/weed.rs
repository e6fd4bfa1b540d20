//! A real S3 server (SeaweedFS) for a test binary, on loopback.

use crate::config::{Checksums, S3Backend};
use emboflow_service::Secret;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const ACCESS_KEY: &str = "tester";
const SECRET_KEY: &str = "tester-secret";

static WEED: OnceLock<Weed> = OnceLock::new();

struct Weed {
    endpoint: String,
    // The server lives as long as this process holds the other end of its standard input.
    _process: Child,
}

/// A bucket on the server, with settings to reach it. Starts the server when it is the first.
pub async fn bucket(name: &str) -> S3Backend {
    emboflow_service::tls::install();
    let weed = tokio::task::spawn_blocking(|| WEED.get_or_init(Weed::start)).await.expect("weed starts");
    let settings = S3Backend {
        endpoint: Some(weed.endpoint.clone()),
        bucket: name.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: Secret::new(SECRET_KEY),
        path_style: true,
        checksums: Checksums::WhenRequired,
        part_bytes: 5 << 20,
        parts_in_flight: 2,
        memory_bytes: 32 << 20,
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match client(&settings).create_bucket().bucket(name).send().await {
            Ok(_) => return settings,
            Err(error) => {
                let text = format!("{:?}", error);
                if text.contains("BucketAlready") {
                    return settings;
                }
                assert!(Instant::now() < deadline, "weed does not answer: {text}");
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A client of the tests' own.
pub fn client(settings: &S3Backend) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
    let keys = Credentials::new(&settings.access_key, settings.secret_key.reveal(), None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(keys)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .endpoint_url(settings.endpoint.clone().expect("it is set"));
    aws_sdk_s3::Client::from_conf(config.build())
}

impl Weed {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made").keep();
        let keys = serde_json::json!({ "identities": [{
            "name": "tester",
            "credentials": [{ "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY }],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        let keys_file = folder.join("s3.json");
        std::fs::write(&keys_file, keys.to_string()).expect("the keys can be written");
        let ports = free_ports();
        let process = supervised(&folder, &ports, &arguments(&folder, &keys_file, &ports));
        Self { endpoint: format!("http://127.0.0.1:{}", ports[6]), _process: process }
    }
}

fn free_ports() -> Vec<u16> {
    let listeners: Vec<_> =
        (0..8).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}

fn arguments(folder: &Path, keys_file: &Path, ports: &[u16]) -> Vec<String> {
    let mut arguments: Vec<String> = ["weed", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        .into_iter()
        .chain(["-volume.max=1000", "-master.volumeSizeLimitMB=64", "-filer", "-s3"])
        .map(str::to_owned)
        .collect();
    arguments.push(format!("-dir={}", folder.display()));
    arguments.push(format!("-s3.config={}", keys_file.display()));
    for (name, port) in ["master", "volume", "filer", "s3"].iter().zip(ports.chunks(2)) {
        arguments.push(format!("-{name}.port={}", port[0]));
        arguments.push(format!("-{name}.port.grpc={}", port[1]));
    }
    arguments
}

/// Runs a command that ends, with its folder, when this process does.
fn supervised(folder: &Path, ports: &[u16], arguments: &[String]) -> Child {
    let found =
        Command::new(&arguments[0]).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(found.is_ok(), "`weed` (SeaweedFS) is not on PATH: run `make setup`");
    let script = r#"folder=$1; ports=$2; shift 2; "$@" </dev/null >"$folder/weed.log" 2>&1 & weed=$!
        read -r _; kill -9 $weed; wait $weed 2>/dev/null; rm -rf "$folder"
        for port in $ports; do rm -f /tmp/seaweedfs-*-"$port".sock; done"#;
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Command::new("sh")
        .args(["-c", script, "weed"])
        .arg(folder)
        .arg(ports.join(" "))
        .args(arguments)
        // Each bucket has volumes of its own; seven at once, as by default, would soon be all that there may be.
        .env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started")
}
