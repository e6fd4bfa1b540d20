//! Images from real and from broken registries on loopback.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use emboflow_model::runtime_spec::PullPolicy;
use emboflow_model::{ImagePull, RuntimeSpec};
use svc_executor::runtime::docker::DockerRuntime;
use svc_executor::runtime::{Owner, Runtime, RuntimeError};

const HELLO: &str = "emboflow/examples-hello:1";
const LAYER_BYTES: usize = 1_500_000;

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

/// A way to a port of this machine on which answers come slowly.
#[expect(clippy::disallowed_methods, reason = "nothing is waited for: the line is slow")]
fn throttled(port: u16) -> u16 {
    const PIECE: usize = 32 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) =
                (client.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
            let (mut asked, mut asks) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _either_side_went = std::io::copy(&mut asked, &mut asks);
                let _ = asks.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || {
                let mut piece = vec![0; PIECE];
                while let Ok(length @ 1..) = server.read(&mut piece)
                    && client.write_all(&piece[..length]).is_ok()
                {
                    std::thread::sleep(Duration::from_millis(length as u64 * 20 / PIECE as u64));
                }
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    own
}

/// Builds an image of so many layers that no other image has and nothing can pack.
fn build_image(name: &str, layers: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = std::fs::File::open("/dev/urandom").unwrap();
    let mut file = "FROM scratch\n".to_owned();
    for layer in 0..layers {
        let mut bytes = vec![0; LAYER_BYTES];
        noise.read_exact(&mut bytes).unwrap();
        std::fs::write(folder.path().join(format!("part{layer}")), bytes).unwrap();
        file.push_str(&format!("COPY part{layer} /\n"));
    }
    std::fs::write(folder.path().join("Dockerfile"), file).unwrap();
    docker(&["build", "--quiet", "--tag", name, &folder.path().to_string_lossy()]);
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
async fn an_image_whose_layers_are_here_is_fetched_with_a_digest_and_no_bytes() {
    let registry = Registry::start("");
    let image = registry.image("hello:1");
    docker(&["tag", HELLO, &image]);
    docker(&["push", "--quiet", &image]);
    docker(&["rmi", &image]);
    let heard = Mutex::new(Vec::new());
    let progress = |pull: &ImagePull| heard.lock().unwrap().push(pull.clone());
    let digest = runtime().prepare_image(&spec(&image), &progress).await.unwrap().unwrap();
    assert!(digest.contains("@sha256:") || digest.starts_with("sha256:"), "{digest}");
    assert_eq!(heard.lock().unwrap().as_slice(), [ImagePull::of(&image)]);
    runtime().prepare_image(&spec(&image), &progress).await.unwrap();
    assert_eq!(heard.into_inner().unwrap().len(), 1, "nothing is told when nothing has to be pulled");
    docker(&["rmi", &image]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_pull_is_told_as_it_grows_to_all_who_wait_for_it() {
    let registry = Registry::start("");
    let origin = registry.image("slow:1");
    build_image(&origin, 2);
    docker(&["push", "--quiet", &origin]);
    docker(&["rmi", &origin]);
    let image = format!("127.0.0.1:{}/slow:1", throttled(registry.port));
    let (runtime, spec) = (runtime(), spec(&image));
    let heard: [Mutex<Vec<ImagePull>>; 2] = Default::default();
    let waits =
        heard.each_ref().map(|heard| {
            let (runtime, spec) = (&runtime, &spec);
            async move {
                runtime.prepare_image(spec, &|pull| heard.lock().unwrap().push(pull.clone())).await.unwrap()
            }
        });
    let digests = futures::future::join_all(waits).await;
    docker(&["rmi", &image]);
    assert_eq!(digests[0], digests[1]);
    for heard in heard.map(|heard| heard.into_inner().unwrap()) {
        assert_eq!(heard[0], ImagePull::of(&image), "before the registry has answered");
        let bytes: Vec<u64> = heard.iter().map(|pull| pull.bytes_done).collect();
        assert!(bytes.is_sorted(), "{bytes:?}");
        let whole = 2 * LAYER_BYTES as u64;
        let half_way = |pull: &ImagePull| pull.bytes_total > Some(whole) && !pull.is_fetched();
        assert!(heard.iter().filter(|pull| half_way(pull)).count() > 3, "{heard:?}");
        let last = heard.last().unwrap();
        assert_eq!((last.layers_done, last.layers_total, last.percent()), (2, 2, Some(100)), "{last:?}");
    }
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
