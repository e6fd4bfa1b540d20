//! A server that takes a request and is gone before it answers: whoever asked learns the key to ask with again.

#![expect(clippy::unwrap_used, reason = "a test fails where it is")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::{FIRST, Platform, Said, emboflow, said, workflow};
use serde_json::{Value, json};

/// A server that answers the first requests with these bodies, and then breaks every connection after the request.
fn server(answers: Vec<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut answers = answers.into_iter();
        for stream in listener.incoming().flatten() {
            read_request(&stream);
            if let Some(answer) = answers.next() {
                let body = answer.to_string();
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
                write!(&stream, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
            }
        }
    });
    url
}

fn read_request(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() <= 2 {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}

async fn ask(server: &str, arguments: &[&str]) -> Said {
    let mut command = emboflow(arguments);
    command.env("EMBOFLOW_API_URL", server).env("EMBOFLOW_TOKEN", "x");
    said(command).await
}

/// The key that a message tells.
fn told_key(text: &str) -> &str {
    text.split("--key ").nth(1).expect(text).split(' ').next().unwrap()
}

#[tokio::test]
async fn a_run_that_was_perhaps_taken_ends_with_8_and_tells_its_key() {
    let folder = Platform::new();
    let file = folder.file("w.yaml", &workflow("lost", FIRST, ""));
    let lost = ask(&server(vec![]), &["run", &file]).await;
    assert_eq!((lost.code, told_key(&lost.err).len()), (8, 32), "{}", lost.err);
    let named = ask(&server(vec![]), &["run", &file, "--key", "mine"]).await;
    assert_eq!((named.code, told_key(&named.err)), (8, "mine"), "{}", named.err);

    let nobody = ask("http://127.0.0.1:1", &["run", &file]).await;
    assert_eq!((nobody.code, nobody.err.contains("--key")), (1, false), "nobody heard it: {}", nobody.err);
}

#[tokio::test]
async fn what_was_accepted_of_a_list_is_printed_before_the_failure() {
    let folder = Platform::new();
    let file = folder.file("w.yaml", &workflow("lost", FIRST, ""));
    let list = folder.file("list.jsonl", &"{}\n".repeat(501));
    let run = "run-01jd8v7m2kq3x5w9c0hn4tz6ap";
    let answer = json!({"items": [{"key": "k-1", "status": "accepted", "run_id": run}]});
    let lost = ask(&server(vec![answer]), &["run", &file, "--each", &list, "-o", "json"]).await;
    assert_eq!(lost.code, 8, "{}{}", lost.out, lost.err);
    let printed: Value = serde_json::from_str(&lost.out).unwrap();
    assert_eq!(printed[0]["run_id"], run);
    let (first, last) = lost.err.split_once('\n').unwrap();
    assert_eq!(told_key(first), told_key(last), "{}", lost.err);
}
