//! Images from real and from broken registries on loopback.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use emboflow_model::RuntimeSpec;
use emboflow_model::runtime_spec::PullPolicy;
use svc_executor::runtime::docker::DockerRuntime;
use svc_executor::runtime::{Owner, Runtime, RuntimeError};

const HELLO: &str = "emboflow/examples-hello:1";

/// Debian's registry, on any free port; it ends with the test.
struct Registry {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Registry {
    fn start(auth: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let passwords = folder.path().join("passwords");
        std::fs::write(&passwords, "somebody:$2y$05$WWWWWWWWWWWWWWWWWWWWWOu2fgVqHYxn5BFGFaxaLJEQWpJmZMnXa\n")
            .unwrap();
        let auth = auth.replace("PASSWORDS", &passwords.to_string_lossy());
        let root = folder.path().join("root");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n{auth}",
            root.display()
        );
        let config = folder.path().join("config.yml");
        std::fs::write(&config, text).unwrap();
        let child = Self::spawn(&config);
        let registry = Self { child, port, _folder: folder };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the registry does not come up");
            std::thread::yield_now();
        }
        registry
    }

    fn spawn(config: &Path) -> Child {
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("no docker-registry on the PATH: run `make setup`")
    }

    fn image(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Something on a port that is no proper registry.
fn listener(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if answer.is_empty() {
                silent.push(stream);
                continue;
            }
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    port
}

fn runtime() -> DockerRuntime {
    let owner = Owner { instance: "test-images".into(), executor: "exec-images".parse().unwrap() };
    DockerRuntime::new(None, owner).unwrap().with_registry_silence(Duration::from_secs(2))
}

fn spec(image: &str) -> RuntimeSpec {
    let spec = serde_json::json!({ "image": image, "resources": {}, "log_limit_bytes": 1 });
    RuntimeSpec { pull: PullPolicy::IfNotPresent, ..serde_json::from_value(spec).unwrap() }
}

async fn refusal(image: &str) -> RuntimeError {
    runtime().prepare_image(&spec(image), &|_| {}).await.expect_err("the image cannot be had")
}

fn docker(arguments: &[&str]) {
    let status = Command::new("/usr/bin/docker").args(arguments).stdout(Stdio::null()).status();
    assert!(status.expect("no docker client: run `make setup`").success(), "docker {arguments:?}");
}

#[tokio::test]
async fn an_image_is_fetched_with_signs_of_life_and_a_digest() {
    let registry = Registry::start("");
    let image = registry.image("hello:1");
    docker(&["tag", HELLO, &image]);
    docker(&["push", "--quiet", &image]);
    docker(&["rmi", &image]);
    let heard = Mutex::new(Vec::new());
    let progress = |status: &str| heard.lock().unwrap().push(status.to_owned());
    let digest = runtime().prepare_image(&spec(&image), &progress).await.unwrap().unwrap();
    assert!(digest.contains("@sha256:") || digest.starts_with("sha256:"), "{digest}");
    assert!(!heard.lock().unwrap().is_empty());
    docker(&["rmi", &image]);
}

#[tokio::test]
async fn an_image_that_the_registry_does_not_know_is_not_found() {
    let registry = Registry::start("");
    let error = refusal(&registry.image("nothing/here:1")).await;
    assert!(matches!(error, RuntimeError::ImageNotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_wants_a_password_denies() {
    let registry = Registry::start("auth: {htpasswd: {realm: private, path: PASSWORDS}}\n");
    let error = refusal(&registry.image("hello:1")).await;
    assert!(matches!(error, RuntimeError::ImageDenied { .. }), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_fails_or_is_not_there_is_unavailable() {
    let failing =
        listener(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    for image in [format!("127.0.0.1:{failing}/hello:1"), "127.0.0.1:1/hello:1".to_owned()] {
        let error = refusal(&image).await;
        assert!(matches!(error, RuntimeError::ImageUnavailable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_given_up() {
    let silent = listener(b"");
    let error = refusal(&format!("127.0.0.1:{silent}/hello:1")).await;
    assert!(matches!(error, RuntimeError::ImageUnavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("nothing for 2 s"), "{error}");
}

#[tokio::test]
async fn what_is_no_image_name_is_not_found() {
    for image in ["Not An Image", "a:b:c", "UPPER/case:1"] {
        let error = refusal(image).await;
        assert!(matches!(error, RuntimeError::ImageNotFound { .. }), "{image}: {error:?}");
    }
}

#[tokio::test]
async fn an_engine_that_is_not_there_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let host = format!("unix://{}", folder.path().join("docker.sock").display());
    let owner = Owner { instance: "test-images".into(), executor: "exec-images".parse().unwrap() };
    let runtime = DockerRuntime::new(Some(&host), owner.clone()).expect("the address is a good one");
    assert!(matches!(runtime.probe().await, Err(RuntimeError::Unreachable { .. })));
    assert!(DockerRuntime::new(Some("tcp://10.0.0.1:2375"), owner).is_err(), "no engine over the network");
}
