//! Uploads: asked for, put to the gateway, finished, listed, removed.

use emboflow_model::hold::Hold;
use emboflow_model::upload::{KIND, KeptUpload};
use emboflow_model::{Timestamp, object_key};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{World, answer};

const LAB: &str = "/api/v1/projects/lab/uploads";

fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn ask(world: &World, body: Value) -> (StatusCode, Value) {
    answer(world.request(Method::POST, LAB).json(&body)).await
}

/// Sends the bytes as a browser does: to the address of the page, with nothing but the token.
async fn put(world: &World, ticket: &Value, bytes: &[u8]) -> (StatusCode, Value) {
    let url = format!("/{}", ticket["url"].as_str().unwrap());
    let request = world.bare(Method::PUT, &url).bearer_auth(ticket["token"].as_str().unwrap());
    answer(request.body(bytes.to_vec())).await
}

fn version_of(ticket: &Value) -> String {
    let (name, version) = (ticket["name"].as_str().unwrap(), ticket["version"].as_str().unwrap());
    format!("{LAB}/{name}/versions/{version}")
}

async fn finish(world: &World, ticket: &Value, sha256: &str) -> (StatusCode, Value) {
    let body = json!({ "sha256": sha256, "content_type": "text/csv" });
    answer(world.request(Method::PUT, &version_of(ticket)).json(&body)).await
}

/// A whole upload; gives its view.
async fn upload(world: &World, name: &str, bytes: &[u8]) -> Value {
    let (status, ticket) = ask(world, json!({ "name": name, "size_bytes": bytes.len() })).await;
    assert_eq!(status, StatusCode::CREATED, "{ticket}");
    let (status, stored) = put(world, &ticket, bytes).await;
    assert_eq!(status, StatusCode::CREATED, "{stored}");
    let (status, view) = finish(world, &ticket, stored["sha256"].as_str().unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{view}");
    view
}

fn refused((status, problem): (StatusCode, Value)) -> (u16, String) {
    (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_file_goes_in_becomes_the_newest_version_and_lies_like_an_artifact() {
    let world = World::start().await;
    let first = upload(&world, "data.csv", b"a,b\n1,2\n").await;
    assert_eq!(first["sha256"], json!(sum(b"a,b\n1,2\n")));
    assert_eq!((&first["size_bytes"], &first["content_type"]), (&json!(8), &json!("text/csv")));
    let second = upload(&world, "data.csv", b"other").await;
    let (_, listed) = world.get(LAB).await;
    assert_eq!(listed["items"], json!([second]));
    let (_, shown) = world.get(&format!("{LAB}/data.csv")).await;
    assert_eq!(shown["newest"], second);
    let versions: Vec<_> = shown["versions"].as_array().unwrap().iter().map(|one| &one["version"]).collect();
    assert_eq!(versions, [&second["version"], &first["version"]]);
    let (_, other) = world.get("/api/v1/projects/default/uploads").await;
    assert_eq!(other["items"], json!([]), "it is of one project");

    let kept = world.records.kept(KIND, "lab", "data.csv").await.unwrap().unwrap();
    let kept: KeptUpload = serde_json::from_str(&kept.body).unwrap();
    let (project, name) = ("lab".parse().unwrap(), "data.csv".parse().unwrap());
    let prefix = object_key::upload_version_prefix(&project, &name, kept.pinned.version);
    assert!(world.has_object(&object_key::upload_file(&prefix, &name)).await);
    assert!(world.has_object(&object_key::upload_manifest(&prefix)).await);
    world.end().await;
}

#[tokio::test]
async fn half_an_upload_is_nothing_that_anybody_can_use() {
    let world = World::start().await;
    let (_, ticket) = ask(&world, json!({ "name": "half.bin", "size_bytes": 10 })).await;
    assert_eq!(
        refused(finish(&world, &ticket, &sum(b"0123456789")).await),
        (409, "upload.incomplete".into())
    );
    assert_eq!(refused(put(&world, &ticket, b"01234").await), (400, "request.invalid".into()));
    assert_eq!(refused(finish(&world, &ticket, &sum(b"01234")).await), (409, "upload.incomplete".into()));
    assert_eq!(put(&world, &ticket, b"0123456789").await.0, StatusCode::CREATED);
    let (_, listed) = world.get(LAB).await;
    assert_eq!(listed["items"], json!([]), "nobody has said that it is complete");
    assert_eq!(refused(world.get(&format!("{LAB}/half.bin")).await), (404, "upload.not_found".into()));
    assert_eq!(refused(finish(&world, &ticket, &sum(b"other")).await), (422, "storage.checksum".into()));
    let (status, view) = finish(&world, &ticket, &sum(b"0123456789")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        finish(&world, &ticket, &sum(b"0123456789")).await,
        (StatusCode::OK, view),
        "again is nothing"
    );
    world.end().await;
}

#[tokio::test]
async fn a_version_that_ends_later_than_a_newer_one_does_not_take_its_place() {
    let world = World::start().await;
    let (_, older) = ask(&world, json!({ "name": "a", "size_bytes": 3 })).await;
    let stored = put(&world, &older, b"old").await;
    assert_eq!(stored.0, StatusCode::CREATED);
    let newer = upload(&world, "a", b"new").await;
    assert_eq!(finish(&world, &older, &sum(b"old")).await.0, StatusCode::OK);
    let (_, shown) = world.get(&format!("{LAB}/a")).await;
    assert_eq!(shown["newest"], newer);
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_an_upload_is_refused_before_a_byte_is_sent() {
    let world = World::start().await;
    for name in ["", "..", "../other", "a/b", "a\\b", ".hidden", "a%2fb", "a\u{0}", "ä", &"x".repeat(101)] {
        let asked = ask(&world, json!({ "name": name, "size_bytes": 1 })).await;
        assert_eq!(asked.0, StatusCode::BAD_REQUEST, "{name:?}: {}", asked.1);
    }
    for body in [
        json!({ "name": "a", "size_bytes": -1 }),
        json!({ "name": "a", "size_bytes": (1_u64 << 40) + 1 }),
        json!({ "name": "a", "size_bytes": 1, "sha256": "abc" }),
        json!({ "name": "a", "size_bytes": 1, "key": "other/secret" }),
    ] {
        assert_eq!(ask(&world, body.clone()).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    for path in ["..%2f..%2fother", "%2e%2e", "a%00b"] {
        let (status, _) = world.get(&format!("{LAB}/{path}")).await;
        assert!(matches!(status.as_u16(), 400 | 404), "{path}: {status}");
    }
    let version = format!("{LAB}/a/versions/NOT-A-VERSION");
    let asked = answer(world.request(Method::PUT, &version).json(&json!({ "sha256": sum(b"") }))).await;
    assert_eq!(refused(asked), (404, "upload.not_found".into()));
    world.end().await;
}

#[tokio::test]
async fn the_token_of_an_upload_is_good_for_its_bytes_and_nothing_else() {
    let world = World::start().await;
    let right = sum(b"right");
    let (_, ticket) = ask(&world, json!({ "name": "a", "size_bytes": 5, "sha256": right })).await;
    assert_eq!(refused(put(&world, &ticket, b"wrong").await), (422, "storage.checksum".into()));
    assert_eq!(refused(put(&world, &ticket, b"too long").await), (413, "request.too_large".into()));
    let forged = json!({ "url": "upload", "token": format!("{}x", ticket["token"].as_str().unwrap()) });
    assert_eq!(refused(put(&world, &forged, b"right").await), (401, "storage.token_invalid".into()));
    let signed_in = world.request(Method::PUT, "/upload").body("right");
    assert_eq!(refused(answer(signed_in).await), (401, "storage.token_invalid".into()), "no other token is");
    let as_sign_in = world.bare(Method::GET, LAB).bearer_auth(ticket["token"].as_str().unwrap());
    assert_eq!(answer(as_sign_in).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(put(&world, &ticket, b"right").await.0, StatusCode::CREATED);
    assert_eq!(refused(put(&world, &ticket, b"right").await), (412, "storage.exists".into()), "only once");
    world.end().await;
}

#[tokio::test]
async fn all_versions_count_in_what_the_project_may_store_also_those_that_come_side_by_side() {
    let world = World::start().await;
    upload(&world, "a", b"four").await;
    let (_, usage) = world.get("/api/v1/projects/lab/usage").await;
    let quota = json!({ "quotas": { "stored_bytes": usage["stored_bytes"].as_u64().unwrap() + 10 } });
    let set = answer(world.request(Method::PATCH, "/api/v1/projects/lab").json(&quota)).await;
    assert_eq!(set.0, StatusCode::OK, "{}", set.1);
    let (_, one) = ask(&world, json!({ "name": "a", "size_bytes": 6 })).await;
    let (_, two) = ask(&world, json!({ "name": "b", "size_bytes": 6 })).await;
    assert_eq!(put(&world, &one, b"sixsix").await.0, StatusCode::CREATED);
    let refuse = (413, "quota.stored_bytes".to_owned());
    assert_eq!(refused(put(&world, &two, b"sixsix").await), refuse);
    assert_eq!(refused(finish(&world, &two, &sum(b"sixsix")).await), (409, "upload.incomplete".into()));
    assert_eq!(finish(&world, &one, &sum(b"sixsix")).await.0, StatusCode::OK);
    let unbounded = json!({ "quotas": {} });
    let set = answer(world.request(Method::PATCH, "/api/v1/projects/lab").json(&unbounded)).await;
    assert_eq!(set.0, StatusCode::OK, "{}", set.1);
    upload(&world, "b", b"sixsix").await;
    world.end().await;
}

#[tokio::test]
async fn uploads_and_old_versions_are_removed_but_not_while_a_backup_is_taken() {
    let world = World::start().await;
    let (old, new) = (upload(&world, "a", b"old").await, upload(&world, "a", b"new").await);
    let remove = async |path: String| answer(world.request(Method::DELETE, &path)).await;
    let version = |view: &Value| format!("{LAB}/a/versions/{}", view["version"].as_str().unwrap());
    let hold = Hold::until(Timestamp(i64::MAX)).to_json();
    let held = world.records.keep(Hold::KIND, "", "backup", None, hold).await.unwrap().unwrap();
    assert_eq!(refused(remove(format!("{LAB}/a")).await), (409, "upload.held".into()));
    assert_eq!(refused(remove(version(&old)).await), (409, "upload.held".into()));
    assert!(world.records.drop_kept(Hold::KIND, "", "backup", held).await.unwrap());

    assert_eq!(refused(remove(version(&new)).await), (409, "upload.newest".into()));
    assert_eq!(remove(version(&old)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(refused(remove(version(&old)).await), (404, "upload.not_found".into()));
    assert_eq!(remove(format!("{LAB}/a")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(refused(remove(format!("{LAB}/a")).await), (404, "upload.not_found".into()));
    let (_, listed) = world.get(LAB).await;
    assert_eq!(listed["items"], json!([]));
    world.end().await;
}
