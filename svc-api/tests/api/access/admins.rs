//! Administrators of the platform: the first one, and the last one.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Person, World, answer, until};

fn admin() -> Value {
    json!({"platform_admin": true})
}

async fn admins(world: &World) -> Vec<String> {
    let (_, users) = world.get("/api/v1/users").await;
    let admins = users["items"].as_array().unwrap().iter();
    let admins = admins.filter(|user| user["powers"]["platform_admin"] == true && user["disabled"] == false);
    admins.map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_last_administrator_cannot_be_removed_demoted_or_kept_out() {
    let world = World::start().await;
    Person::new(&world, "root", admin()).await;
    let path = "/api/v1/users/root";
    let change = |body: Value| world.request(Method::PATCH, path).json(&body);
    let attempts = [
        world.request(Method::DELETE, path),
        change(json!({"powers": {"platform_admin": false}})),
        change(json!({"disabled": true})),
    ];
    for attempt in attempts {
        let (status, problem) = answer(attempt).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("user.last_admin")));
    }
    // One that is kept out does not count.
    Person::new(&world, "second", admin()).await;
    let out = world.request(Method::PATCH, "/api/v1/users/second").json(&json!({"disabled": true}));
    assert_eq!(answer(out).await.0, StatusCode::OK);
    assert_eq!(answer(world.request(Method::DELETE, path)).await.0, StatusCode::CONFLICT);
    assert_eq!(admins(&world).await, ["root"]);
    world.end().await;
}

#[tokio::test]
async fn of_administrators_that_remove_each_other_at_the_same_time_one_remains() {
    let world = World::start().await;
    let (one, two) = (Person::new(&world, "one", admin()).await, Person::new(&world, "two", admin()).await);
    let remove = |who: &Person, whom: &str| {
        answer(who.request(&world, Method::DELETE, &format!("/api/v1/users/{whom}")))
    };
    let demote = world.request(Method::PATCH, "/api/v1/users/two").json(&json!({"powers": {}}));
    let done = tokio::join!(remove(&one, "two"), remove(&two, "one"), answer(demote));
    assert_eq!(admins(&world).await.len(), 1, "{done:?}");
    world.end().await;
}

#[tokio::test]
async fn a_server_has_no_password_at_first_but_a_link_for_one_administrator() {
    let world = World::with(|config| config.page_code = None).await;
    until("the first administrator is invited", async || (admins(&world).await == ["admin"]).then_some(()))
        .await;
    let (_, user) = world.get("/api/v1/users/admin").await;
    assert_eq!(user["has_password"], false);
    let invited = async || world.records.kept("invitation", "", "admin").await.unwrap().map(|_| ());
    until("its link is in the logs", invited).await;
    for password in ["", "admin", "password", "emboflow"] {
        let body = json!({"user": "admin", "password": password});
        let (status, _) = answer(world.bare(Method::POST, "/session").json(&body)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{password}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_change_is_bound_to_the_version_that_was_seen() {
    let world = World::start().await;
    Person::of_lab(&world, "anna", "viewer").await;
    let path = "/api/v1/users/anna";
    let tag = async || {
        let response = world.request(Method::GET, path).send().await.unwrap();
        response.headers()["etag"].to_str().unwrap().to_owned()
    };
    let before = tag().await;
    let change = |tag: &str, name: &str| {
        world.request(Method::PATCH, path).header("if-match", tag).json(&json!({"display": name}))
    };
    let response = change(&before, "Anna K.").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["etag"].to_str().unwrap(), tag().await);
    let (status, problem) = answer(change(&before, "Somebody else")).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::PRECONDITION_FAILED, &json!("request.precondition_failed"))
    );
    assert_eq!(world.get(path).await.1["display"], "Anna K.");
    world.end().await;
}

#[tokio::test]
async fn an_administrator_whose_link_was_never_opened_is_not_the_one_who_remains() {
    let world = World::start().await;
    Person::new(&world, "root", admin()).await;
    let body = json!({"name": "bert", "powers": admin()});
    let (status, made) = answer(world.request(Method::POST, "/api/v1/users").json(&body)).await;
    assert_eq!(status, StatusCode::CREATED);
    let remove = || answer(world.request(Method::DELETE, "/api/v1/users/root"));
    let (status, problem) = remove().await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("user.last_admin")));
    let link = format!("/{}", made["link"]["link"].as_str().unwrap());
    assert_eq!(world.bare(Method::GET, &link).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    assert_eq!(remove().await.0, StatusCode::NO_CONTENT);
    world.end().await;
}
