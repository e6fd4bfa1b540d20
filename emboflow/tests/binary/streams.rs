//! Streams of other systems: made by an operator, followed by triggers, on `emboflow up` and with the configuration of
//! NATS that the Compose styles have.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{FIRST, Platform, emboflow, said, until, until_found, workflow};

/// Publishes and waits until the server has it.
fn publish(address: &str, login: &Value, subject: &str, body: &str) {
    let stream = TcpStream::connect(address.trim_start_matches("nats://")).unwrap();
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut stream = stream;
    write!(stream, "CONNECT {login}\r\nPUB {subject} {}\r\n{body}\r\nPING\r\n", body.len()).unwrap();
    let pong = lines.map(Result::unwrap).find(|line| line == "PONG" || line.starts_with("-ERR"));
    assert_eq!(pong.as_deref(), Some("PONG"));
}

#[tokio::test]
async fn a_stream_of_another_system_is_made_and_starts_runs_also_after_a_restart() {
    let mut platform = Platform::new();
    let arguments = ["--runtime", "simulated", "--nats-subject", "orders.>"];
    platform.up(&arguments).await;
    let made = platform.emboflow(&["nats", "stream", "add", "ORDERS", "--subject", "orders.>"]).await;
    assert_eq!((made.code, made.out.trim()), (0, "ORDERS"), "{}", made.err);
    assert!(made.err.contains("`foreign`"), "{}", made.err);
    let users = platform.emboflow(&["nats", "user", "list"]).await;
    assert!(!users.out.contains("stream-maker"), "nobody keeps the right: {}", users.out);

    let file = workflow("take-order", FIRST, "") + "on:\n  nats: { stream: ORDERS, name: orders }\n";
    let file = platform.file("w.yaml", &file);
    assert_eq!(platform.emboflow(&["workflow", "apply", &file]).await.code, 0);
    let started = async |platform: &Platform, count: usize| {
        until_found("the messages have started their runs", async || {
            let runs = ["run", "list", "--label", "emboflow/trigger=orders", "-o", "name"];
            platform.emboflow(&runs).await.out.lines().count() == count
        })
        .await;
    };
    let send = |platform: &Platform| {
        let up = platform.up_json().unwrap();
        let login = json!({ "user": up["nats_user"], "pass": up["nats_password"], "verbose": false });
        publish(up["nats_url"].as_str().unwrap(), &login, "orders.new", "{}");
    };
    send(&platform);
    started(&platform, 1).await;
    platform.stop().await;
    platform.up(&arguments).await;
    send(&platform);
    started(&platform, 2).await;

    let again = platform.emboflow(&["nats", "stream", "add", "ORDERS", "--subject", "orders.>"]).await;
    assert!(again.code == 0 && again.err.contains("there already"), "{}", again.err);
    for (name, subject) in [("EMBOFLOW_X", "x.y"), ("ORDERS", "emboflow.event.>"), ("ORDERS", "_INBOX.>")] {
        let refused = platform.emboflow(&["nats", "stream", "add", name, "--subject", subject]).await;
        assert_eq!(refused.code, 2, "{name}, {subject}: {}", refused.err);
    }
}

/// A nats-server with the configuration that Compose styles ship, on loopback and any free ports.
struct Shipped {
    server: Child,
    folder: tempfile::TempDir,
}

impl Drop for Shipped {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Shipped {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("users");
        for part in ["scheduler", "trigger"] {
            nats(&users, &["user", "add", part, "--part", part]).await;
        }
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose/nats");
        for name in ["nats.conf", "websocket.conf"] {
            let text = std::fs::read_to_string(shipped.join(name)).unwrap();
            let text = text.replace("0.0.0.0", "127.0.0.1").replace("port: 4222", "port: -1");
            let text = text.replace("port: 8080", "port: -1").replace(":8222", ":-1");
            let text = text.replace("../emboflow/nats/users.conf", "users/users.conf");
            let text = text.replace("/data", folder.path().join("data").to_str().unwrap());
            let ports = format!("ports_file_dir: {:?}\n", folder.path());
            let ports = if name == "websocket.conf" { ports } else { String::new() };
            std::fs::write(folder.path().join(name), text + &ports).unwrap();
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("nats-server");
        command.arg("--config").arg(folder.path().join("websocket.conf")).stdin(Stdio::null());
        let server = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let shipped = Self { server, folder };
        until("nats-server listens", || shipped.ports().is_some()).await;
        shipped
    }

    fn ports(&self) -> Option<Value> {
        let name = format!("nats-server_{}.ports", self.server.id());
        serde_json::from_slice(&std::fs::read(self.folder.path().join(name)).ok()?).ok()
    }

    /// `host:port` of one of its doors: `nats`, `websocket`.
    fn address(&self, door: &str) -> String {
        let address = self.ports().unwrap()[door][0].as_str().unwrap().to_owned();
        address.split_once("://").map_or(address.clone(), |(_, rest)| rest.to_owned())
    }
}

async fn nats(dir: &Path, arguments: &[&str]) -> String {
    let mut command = emboflow(&["nats", "--dir"]);
    command.arg(dir).args(arguments);
    let said = said(command).await;
    assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
    said.out
}

#[tokio::test]
async fn where_the_server_runs_apart_a_stream_is_made_and_no_key_changes() {
    let shipped = Shipped::start().await;
    let users = shipped.folder.path().join("users");
    let key = || std::fs::read(users.join("trigger.nk")).unwrap();
    let before = key();
    let (pid, url) = (shipped.server.id().to_string(), format!("nats://{}", shipped.address("nats")));
    let add = ["--pid", &pid, "stream", "add", "ORDERS", "--subject", "orders.>", "--nats-url", &url];
    assert_eq!(nats(&users, &add).await.trim(), "ORDERS");
    nats(&users, &["--pid", &pid, "user", "change", "trigger", "--listen", "plant.>"]).await;
    assert_eq!(key(), before);
    let rights = nats(&users, &["rights", "trigger"]).await;
    assert!(rights.contains("CONSUMER.CREATE.ORDERS.>") && rights.contains("plant.>"), "{rights}");
    nats(&users, &["--pid", &pid, "user", "change", "trigger", "--drop", "ORDERS"]).await;
    let rights = nats(&users, &["rights", "trigger"]).await;
    assert!(!rights.contains("ORDERS") && rights.contains("plant.>"), "{rights}");
}

/// The first line that the server answers a browser whose page comes from `origin`.
fn handshake(address: &str, host: &str, origin: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2l4dGVlbi1ieXRlcy4uLg==\r\n{origin}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_websocket_to_nats() {
    let shipped = Shipped::start().await;
    let address = shipped.address("websocket");
    // As the proxy says it, where TLS ends.
    for (host, origin) in [
        ("flow.example.org", None),
        ("flow.example.org", Some("http://flow.example.org")),
        ("flow.example.org:8443", Some("http://flow.example.org:8443")),
    ] {
        let said = handshake(&address, host, origin);
        assert!(said.contains(" 101 "), "{origin:?}: {said}");
    }
    let host = "flow.example.org";
    for origin in [
        "http://evil.example",
        "http://flow.example.org:8443",
        "http://flow.example.org.evil.example",
        "null",
    ] {
        let said = handshake(&address, host, Some(origin));
        assert!(!said.contains(" 101 "), "{origin}: {said}");
    }
}
