//! The gateway as a process: killed in the middle of an upload, and started on a directory in use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use reqwest::{Client, StatusCode};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use support::{SIGNING_KEY, eventually, files_in, noise, token};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

fn command(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svc-storage-gw"));
    command
        .args(["--set", "listen=127.0.0.1:0"])
        .env("EMBOFLOW__BACKEND__DIRECTORY__ROOT", root)
        .env("EMBOFLOW__SIGNING_KEY", SIGNING_KEY)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn start(root: &Path) -> (Child, SocketAddr) {
    let mut process = command(root).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if let Some(address) = line["fields"]["address"].as_str() {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (process, address.parse().unwrap());
        }
    }
    panic!("the gateway ended before it answered");
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_upload_leaves_no_torn_object() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, address) = start(folder.path()).await;
    let (client, token) = (Client::new(), token("p"));
    let whole = noise(1, 100_000);
    let put = client.put(format!("http://{address}/objects/p/whole")).bearer_auth(&token).body(whole.clone());
    assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);

    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT /objects/p/half HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 9000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&noise(2, 2_000_000)).await.unwrap();
    let incoming = folder.path().join("incoming");
    eventually("the upload is under way", async || files_in(&incoming) == 1).await;
    process.kill().await.unwrap();
    assert_eq!(files_in(&incoming), 1, "nobody could clear it away");

    let (mut process, address) = start(folder.path()).await;
    assert_eq!(files_in(&incoming), 0);
    let get =
        |name: &str| client.get(format!("http://{address}/objects/p/{name}")).bearer_auth(&token).send();
    assert!(get("whole").await.unwrap().bytes().await.unwrap() == whole);
    assert_eq!(get("half").await.unwrap().status(), StatusCode::NOT_FOUND);

    let pid = process.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(process.wait().await.unwrap().success(), "an orderly stop ends with 0");
}

#[tokio::test]
async fn a_second_gateway_on_the_same_directory_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let (_process, _) = start(folder.path()).await;
    let mut second = command(folder.path()).spawn().unwrap();
    let mut text = String::new();
    second.stderr.take().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(second.wait().await.unwrap().code(), Some(1));
    assert!(text.contains("another gateway uses this directory"), "{text}");
}

#[tokio::test]
async fn a_bad_configuration_ends_with_2_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let ended = command(folder.path()).args(["--set", "signing_kee=x"]).output().await.unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let text = String::from_utf8(ended.stderr).unwrap();
    assert!(text.contains("did you mean `signing_key`?"), "{text}");
}
