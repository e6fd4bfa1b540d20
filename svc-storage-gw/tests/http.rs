//! The gateway as its callers see it, over a directory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use emboflow_objects::Digest;
use emboflow_protocol::storage_token::StorageClaims;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use support::{Gateway, eventually, noise, now, token, token_of};
use svc_storage_gw::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    (status, problem["code"].as_str().unwrap().to_owned())
}

/// Sends bytes as they are and reads until the gateway closes.
async fn raw(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway.started.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_object_goes_in_and_comes_out_with_its_checksum() {
    let gateway = Gateway::start().await;
    let (url, token, content) = (gateway.url("/objects/p/a.bin"), token("p"), noise(1, 700_000));
    let digest = Digest::of(&content).to_string();
    let client = Client::new();
    let put = client.put(&url).bearer_auth(&token).header("x-emboflow-sha256", &digest).body(content.clone());
    let put = put.send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    let stored: Value = put.json().await.unwrap();
    assert_eq!(stored, serde_json::json!({"key": "p/a.bin", "size_bytes": 700_000, "sha256": digest}));

    let head = client.head(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "700000");
    assert_eq!(head.headers()["x-emboflow-sha256"], digest.as_str());
    assert_eq!(head.headers()["x-content-type-options"], "nosniff");
    let policy = head.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(head.headers().contains_key("last-modified"));

    let get = client.get(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(get.headers()["etag"], format!("\"{digest}\""));
    assert!(get.bytes().await.unwrap() == content);
    let streamed = futures::stream::iter([Ok::<_, std::io::Error>("ab"), Ok("c")]);
    let put =
        client.put(&url).bearer_auth(&token).body(reqwest::Body::wrap_stream(streamed)).send().await.unwrap();
    assert_eq!(put.json::<Value>().await.unwrap()["size_bytes"], 3, "a chunked body replaces the object");
}

#[tokio::test]
async fn a_wrong_or_unreadable_checksum_stores_nothing() {
    let gateway = Gateway::start().await;
    let (url, token) = (gateway.url("/objects/p/a"), token("p"));
    let client = Client::new();
    let put =
        |sha256: String| client.put(&url).bearer_auth(&token).header("x-emboflow-sha256", sha256).body("abc");
    let wrong = put("0".repeat(64)).send().await.unwrap();
    assert_eq!(code(wrong).await, (422, "storage.checksum".into()));
    let unreadable = put("abc".into()).send().await.unwrap();
    assert_eq!(code(unreadable).await, (400, "request.invalid".into()));
    let missing = client.get(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(code(missing).await, (404, "storage.not_found".into()));
    assert_eq!(gateway.incoming(), 0);
}

#[tokio::test]
async fn a_conditional_put_fails_where_an_object_is() {
    let gateway = Gateway::start().await;
    let (url, token) = (gateway.url("/objects/p/a"), token("p"));
    let put = |condition| {
        Client::new().put(&url).bearer_auth(&token).header("if-none-match", condition).body("abc")
    };
    assert_eq!(put("*").send().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(code(put("*").send().await.unwrap()).await, (412, "storage.exists".into()));
    assert_eq!(code(put("\"tag\"").send().await.unwrap()).await, (400, "request.invalid".into()));
}

#[tokio::test]
async fn a_token_reaches_as_far_as_its_claims_and_no_further() {
    let gateway = Gateway::start().await;
    let client = Client::new();
    let url = gateway.url("/objects/p/out/a");
    let all = token("");
    client.put(&url).bearer_auth(&all).body("x").send().await.unwrap();
    assert_eq!(code(client.get(&url).send().await.unwrap()).await, (401, "storage.token_invalid".into()));

    let claims = StorageClaims {
        sub: "attempt".into(),
        exp: now() + 60,
        read: vec!["p/in".into()],
        write: vec!["p/out".into()],
        delete: false,
        quota: None,
    };
    let attempt = token_of(&claims);
    let expired = token_of(&StorageClaims { exp: now() - 1, ..claims });
    for bad in ["nonsense", &expired, &format!("{all}x")] {
        let answer = client.get(&url).bearer_auth(bad).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(answer).await, (401, "storage.token_invalid".into()));
    }
    let forbidden = (403, "storage.forbidden".to_owned());
    for request in [
        client.get(&url),
        client.delete(&url),
        client.put(gateway.url("/objects/p/in/a")).body("x"),
        client.put(gateway.url("/objects/p/outside/a")).body("x"),
        client.get(gateway.url("/objects?prefix=p/")),
        client.get(gateway.url("/objects?prefix=p/in")),
        client.get(gateway.url("/usage")),
        client.get(gateway.url("/probe")),
    ] {
        assert_eq!(code(request.bearer_auth(&attempt).send().await.unwrap()).await, forbidden);
    }
    let inside = client.put(&url).bearer_auth(&attempt).body("y").send().await.unwrap();
    assert_eq!(inside.status(), StatusCode::CREATED);
    let inside = client.get(gateway.url("/objects?prefix=p/in/")).bearer_auth(&attempt).send().await.unwrap();
    assert_eq!(inside.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_key_that_could_leave_the_root_is_refused_however_it_is_written() {
    let gateway = Gateway::start().await;
    let token = token("");
    for path in [
        "/objects/../secret",
        "/objects/p/../../secret",
        "/objects/p/%2e%2e/secret",
        "/objects/p/%2E./secret",
        "/objects/p/%252e%252e/secret",
        "/objects/p%2f..%2fsecret",
        "/objects/p/%5c..%5csecret",
        "/objects//etc/passwd",
        "/objects/%2fetc%2fpasswd",
        "/objects/p//a",
        "/objects/p/",
        "/objects/p/%00",
        "/objects/p/a%0ab",
        "/objects/p/%ff",
    ] {
        for method in ["GET", "PUT"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx"
            );
            let answer = raw(&gateway, &request).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{method} {path}: {answer}");
            assert!(answer.contains("storage.bad_key"), "{method} {path}: {answer}");
        }
    }
    assert!(!gateway.folder.path().join("secret").exists());
}

#[tokio::test]
async fn ranges_are_served_or_refused_as_http_says() {
    let gateway = Gateway::start().await;
    let (url, token) = (gateway.url("/objects/p/a"), token("p"));
    let client = Client::new();
    client.put(&url).bearer_auth(&token).body("0123456789").send().await.unwrap();
    let get = |range: &str| client.get(&url).bearer_auth(&token).header("range", range).send();
    let part = get("bytes=2-4").await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(part.text().await.unwrap(), "234");
    let outside = get("bytes=10-").await.unwrap();
    assert_eq!(outside.headers()["content-range"], "bytes */10");
    assert_eq!(code(outside).await, (416, "storage.range".into()));
    let several = get("bytes=0-1,4-5").await.unwrap();
    assert_eq!(several.status(), StatusCode::OK);
    assert_eq!(several.text().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn a_listing_and_the_usage_tell_what_lies_below_a_prefix() {
    let gateway = Gateway::start().await;
    let (client, token) = (Client::new(), token("p"));
    for name in ["b", "a", "c/d", "größe"] {
        client
            .put(gateway.url(&format!("/objects/p/{name}")))
            .bearer_auth(&token)
            .body("abc")
            .send()
            .await
            .unwrap();
    }
    let get = |path: &str| client.get(gateway.url(path)).bearer_auth(&token).send();
    let page: Value = get("/objects?prefix=p/&limit=2").await.unwrap().json().await.unwrap();
    assert_eq!(page["items"][0]["key"], "p/a");
    assert_eq!(page["items"][0]["size_bytes"], 3);
    assert_eq!(page["next"], "p/b");
    let page: Value = get("/objects?prefix=p/&limit=2&after=p/b").await.unwrap().json().await.unwrap();
    assert_eq!(page["items"][1]["key"], "p/größe");
    assert_eq!(page["next"], Value::Null);
    let usage: Value = get("/usage?prefix=p/").await.unwrap().json().await.unwrap();
    assert_eq!(
        (&usage["objects"], &usage["size_bytes"], &usage["complete"]),
        (&4.into(), &12.into(), &true.into())
    );
    assert!(usage["free_bytes"].as_u64().unwrap() > 0);
    for path in
        ["/objects?prefix=p/&limit=0", "/objects?prefix=p/&limit=1001", "/objects?prefx=p/", "/usage?x=1"]
    {
        assert_eq!(code(get(path).await.unwrap()).await, (400, "request.invalid".into()), "{path}");
    }
    assert_eq!(code(get("/objects?prefix=p/../").await.unwrap()).await, (400, "storage.bad_key".into()));
    assert_eq!(code(get("/elsewhere").await.unwrap()).await, (404, "route.not_found".into()));
    let post = client.post(gateway.url("/objects")).send().await.unwrap();
    assert_eq!(code(post).await, (405, "route.method_not_allowed".into()));
}

#[tokio::test]
async fn a_caller_that_hangs_up_in_the_middle_leaves_nothing() {
    let gateway = Gateway::start().await;
    let token = token("p");
    let head = format!(
        "PUT /objects/p/half HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 9000000\r\n\r\n"
    );
    let mut stream = TcpStream::connect(gateway.started.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&noise(1, 2_000_000)).await.unwrap();
    eventually("the upload is under way", async || gateway.incoming() == 1).await;
    drop(stream);
    eventually("the upload is cleared away", async || gateway.incoming() == 0).await;
    let answer = Client::new().head(gateway.url("/objects/p/half")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_caller_that_stalls_is_given_up() {
    let gateway = Gateway::with(Limits { stall_ms: 50, ..Limits::default() }).await;
    let token = token("p");
    let answer = raw(
        &gateway,
        &format!("PUT /objects/p/slow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 9\r\nconnection: close\r\n\r\nab"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("50 ms"), "{answer}");
    assert_eq!(gateway.incoming(), 0);
}

#[tokio::test]
async fn an_object_larger_than_allowed_or_than_the_disk_is_refused_before_it_is_sent() {
    let gateway = Gateway::with(Limits { object_bytes: 1 << 60, stall_ms: 50, ..Limits::default() }).await;
    let token = token("p");
    for (length, status, code) in
        [(1_u64 << 59, 507, "storage.disk_full"), (1 << 61, 413, "request.too_large")]
    {
        let request = format!(
            "PUT /objects/p/a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        let answer = raw(&gateway, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(code), "{answer}");
    }
}

#[tokio::test]
async fn more_uploads_than_allowed_wait_and_then_are_told_to_come_back() {
    let limits = Limits { uploads: 1, upload_wait_ms: 50, ..Limits::default() };
    let gateway = Gateway::with(limits).await;
    let token = token("p");
    let first = format!(
        "PUT /objects/p/first HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 9000000\r\n\r\n"
    );
    let mut stream = TcpStream::connect(gateway.started.address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    stream.write_all(&noise(1, 2_000_000)).await.unwrap();
    eventually("the first upload is under way", async || gateway.incoming() == 1).await;
    let second = || Client::new().put(gateway.url("/objects/p/second")).bearer_auth(&token).body("x").send();
    let refused = second().await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(code(refused).await, (503, "storage.unavailable".into()));
    drop(stream);
    eventually("the second has its turn", async || second().await.unwrap().status() == StatusCode::CREATED)
        .await;
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_not_served() {
    let gateway = Gateway::start().await;
    let (url, token) = (gateway.url("/objects/p/a"), token("p"));
    let client = Client::new();
    client.put(&url).bearer_auth(&token).body("0123456789").send().await.unwrap();
    let file = gateway.folder.path().join("store/objects/p/a.object");
    let whole = std::fs::read(&file).unwrap();
    for damage in [&whole[..whole.len() - 1], &whole[..5], b"" as &[u8]] {
        std::fs::write(&file, damage).unwrap();
        let answer = client.get(&url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.text().await.unwrap().contains("damaged"));
    }
}

#[tokio::test]
async fn the_probe_tells_of_each_step_and_leaves_nothing() {
    let gateway = Gateway::start().await;
    let claims = StorageClaims::for_probe("test", now() + 60);
    let probe = Client::new().get(gateway.url("/probe")).bearer_auth(token_of(&claims)).send().await.unwrap();
    let view: Value = probe.json().await.unwrap();
    assert_eq!((&view["backend"], &view["ok"]), (&"directory".into(), &true.into()), "{view}");
    let steps: Vec<_> =
        view["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["put", "get", "delete"]);
    assert_eq!(support::files_in(&gateway.folder.path().join("store/objects")), 0);
}

#[tokio::test]
async fn readiness_and_metrics_are_on_the_same_address() {
    let gateway = Gateway::start().await;
    let ready = reqwest::get(gateway.url("/ready")).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    assert_eq!(ready.json::<Value>().await.unwrap()["checks"][0]["name"], "backend");
    let _not_found =
        Client::new().get(gateway.url("/objects/a")).bearer_auth(token("")).send().await.unwrap();
    let metrics = reqwest::get(gateway.url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"emboflow_storage_up{backend="directory"} 1"#), "{metrics}");
    let counted = r#"emboflow_storage_op_seconds_count{backend="directory",op="get",result="refused"}"#;
    assert!(metrics.contains(counted), "{metrics}");
}
