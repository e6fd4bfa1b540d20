//! The audit: what is in it, what is not, and who may read it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Person, TOKEN, World, answer, until, until_audited};

#[tokio::test]
async fn every_change_is_noted_with_who_from_where_and_what_came_of_it() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let (id, key) = anna.key(&world, None).await;
    let path = "/api/v1/projects/lab/workflows/none";
    let refused = world.bare(Method::PUT, path).bearer_auth(&key).json(&json!({}));
    let response = refused.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();

    let line = &until_audited(&world, &format!("who=key:anna/{id}"), 1).await[0];
    assert_eq!(line["action"], "PUT /api/v1/projects/{project}/workflows/{workflow}");
    assert_eq!((&line["what"], &line["project"]), (&json!(path), &json!("lab")));
    assert_eq!((&line["result"], &line["status"]), (&json!("denied"), &json!(403)));
    assert_eq!((&line["code"], &line["from"]), (&json!("auth.forbidden"), &json!("127.0.0.1")));
    assert_eq!(line["request_id"], json!(request_id));
    let made = &until_audited(&world, "who=local&action=POST%20/api/v1/users", 1).await[0];
    assert_eq!((&made["result"], &made["status"]), (&json!("ok"), &json!(201)));
    let signed_in = &until_audited(&world, "who=user:anna&action=POST%20/session", 1).await[0];
    assert_eq!((&signed_in["result"], &signed_in["status"]), (&json!("ok"), &json!(204)));
    world.end().await;
}

#[tokio::test]
async fn each_way_to_fail_at_sign_in_is_noted_and_no_secret_is() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let wrong = "a-password-that-is-wrong";
    for user in ["anna", "a-password-typed-as-a-name"] {
        let body = json!({"user": user, "password": wrong});
        let (status, _) = answer(world.bare(Method::POST, "/session").json(&body)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let link = world.bare(Method::GET, "/session?code=forged-code.anna");
    assert_eq!(answer(link).await.0, StatusCode::UNAUTHORIZED);
    let key = world.bare(Method::GET, "/api/v1/me").bearer_auth("emb_forged-key");
    assert_eq!(answer(key).await.0, StatusCode::UNAUTHORIZED);
    let denied = until_audited(&world, "who=nobody&result=denied", 4).await;
    assert!(denied.iter().any(|line| line["what"] == "anna" && line["action"] == "POST /session"));
    let (_, text) = world.text("/api/v1/audit/export").await;
    let secret = anna.cookie.split_once('=').unwrap().1.split_once('.').unwrap().0;
    for hidden in [wrong, "typed-as-a-name", "forged-code", "forged-key", Person::PASSWORD, secret] {
        assert!(!text.contains(hidden), "{hidden} is in {text}");
    }
    world.end().await;
}

#[tokio::test]
async fn whoever_reads_what_is_not_theirs_leaves_a_line_and_what_is_theirs_none() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    assert_eq!(anna.get(&world, "/api/v1/projects/lab/runs").await.0, StatusCode::OK);
    assert_eq!(anna.get(&world, "/api/v1/projects/default/runs").await.0, StatusCode::NOT_FOUND);
    assert_eq!(anna.get(&world, "/api/v1/projects/lab/members").await.0, StatusCode::FORBIDDEN);
    let lines = until_audited(&world, "who=user:anna&action=GET%20/api", 2).await;
    let said = |line: &Value| (line["what"].as_str().unwrap().to_owned(), line["status"].as_u64().unwrap());
    let mut said: Vec<_> = lines.iter().map(said).collect();
    said.sort();
    let wanted = [("/api/v1/projects/default/runs", 404), ("/api/v1/projects/lab/members", 403)];
    assert_eq!(said, wanted.map(|(what, status)| (what.to_owned(), status)));
    world.end().await;
}

#[tokio::test]
async fn a_flood_of_refusals_leaves_a_few_lines() {
    let world = World::start().await;
    for _ in 0..200 {
        let request = world.bare(Method::POST, "/api/v1/users").json(&json!({}));
        assert_eq!(answer(request).await.0, StatusCode::UNAUTHORIZED);
    }
    // What comes later is noted: everything before it has been.
    let made = world.request(Method::POST, "/api/v1/projects").json(&json!({"name": "after"}));
    assert_eq!(answer(made).await.0, StatusCode::CREATED);
    until_audited(&world, "who=local&action=POST%20/api/v1/projects", 1).await;
    let (_, page) = world.get("/api/v1/audit?who=nobody&limit=1000").await;
    let lines = page["items"].as_array().unwrap();
    // The minute may have ended once or twice meanwhile.
    assert!((30..150).contains(&lines.len()), "{}", lines.len());
    world.end().await;
}

#[tokio::test]
async fn the_audit_is_read_in_pages_exported_as_lines_and_by_each_project_for_itself() {
    let world = World::start().await;
    let boss = Person::of_lab(&world, "boss", "admin").await;
    for project in ["lab", "default", "lab"] {
        let path = format!("/api/v1/projects/{project}/members/nobody");
        let put = world.request(Method::PUT, &path).json(&json!({"role": "viewer"}));
        assert_eq!(answer(put).await.0, StatusCode::NOT_FOUND);
    }
    until_audited(&world, "action=PUT", 3).await;
    let (_, first) = world.get("/api/v1/audit?action=PUT&limit=2").await;
    let next = first["next"].as_str().unwrap();
    let (_, second) = world.get(&format!("/api/v1/audit?action=PUT&limit=2&cursor={next}")).await;
    let ids = |page: &Value| {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|line| line["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((ids(&first).len(), ids(&second).len(), &second["next"]), (2, 1, &Value::Null));
    assert!(!ids(&first).contains(&ids(&second)[0]));

    let (status, own) = boss.get(&world, "/api/v1/projects/lab/audit?action=PUT").await;
    assert_eq!(status, StatusCode::OK);
    assert!(own["items"].as_array().unwrap().iter().all(|line| line["project"] == "lab"));
    assert_eq!(ids(&own).len(), 2);
    let (_, sly) = boss.get(&world, "/api/v1/projects/lab/audit?action=PUT&project=default").await;
    assert_eq!(ids(&sly), ids(&own), "the address decides");
    let (status, text) = world.text("/api/v1/audit/export?action=PUT").await;
    assert_eq!(status, StatusCode::OK);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for bad in ["result=maybe", "limit=0", "cursor=x", "since=yesterday", "project=No%20Name"] {
        let (status, _) = world.get(&format!("/api/v1/audit?{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_was_answered_before_the_end_is_in_the_audit() {
    let world = World::start().await;
    for n in 0..20 {
        let made = world.request(Method::POST, "/api/v1/projects").json(&json!({"name": format!("p{n}")}));
        assert_eq!(answer(made).await.0, StatusCode::CREATED);
    }
    let records = world.records.clone();
    world.end().await;
    let filter = emboflow_records::AuditFilter { limit: 100, ..Default::default() };
    let count = until("all lines", async || {
        let page = records.audit(filter.clone()).await.unwrap();
        Some(page.entries.iter().filter(|line| line.action == "POST /api/v1/projects").count())
    })
    .await;
    assert_eq!(count, 20);
}

#[tokio::test]
async fn who_hangs_up_right_after_the_request_is_noted_all_the_same_and_the_change_is_finished() {
    let world = World::start().await;
    Person::of_lab(&world, "anna", "viewer").await;
    let host = world.api.url().trim_start_matches("http://").to_owned();
    let send = async |method: &str, path: &str, token: &str, body: &Value| {
        let body = body.to_string();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json");
        let head = format!("{head}\r\nauthorization: Bearer {token}\r\ncontent-length: {}", body.len());
        let mut connection = TcpStream::connect(&host).await.unwrap();
        connection.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    };
    // To hash a password takes a while, in which the API sees that nobody is there any more.
    let new = "nine quiet lanterns drift";
    send("PATCH", "/api/v1/users/anna", TOKEN, &json!({"password": new})).await;
    let line = &until_audited(&world, "who=local&action=PATCH", 1).await[0];
    assert_eq!((&line["what"], &line["status"]), (&json!("/api/v1/users/anna"), &json!(200)));
    let sign_in = world.bare(Method::POST, "/session").json(&json!({"user": "anna", "password": new}));
    assert_eq!(answer(sign_in).await.0, StatusCode::NO_CONTENT);
    world.end().await;
}
