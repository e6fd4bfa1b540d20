//! Nobody makes themselves more than they are, nor others less than they must be.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Person, World, answer};

fn admin() -> Value {
    json!({"platform_admin": true})
}

#[tokio::test]
async fn an_admin_of_a_project_does_not_shut_an_administrator_of_the_platform_out_of_it() {
    let world = World::start().await;
    let chief = Person::new(&world, "chief", admin()).await;
    let boss = Person::of_lab(&world, "boss", "admin").await;
    Person::of_lab(&world, "anna", "viewer").await;
    let deny = |who: &Person, whom: &str| {
        let path = format!("/api/v1/projects/lab/members/{whom}");
        answer(who.request(&world, Method::PUT, &path).json(&json!({"role": "denied"})))
    };
    let (status, problem) = deny(&boss, "chief").await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("auth.forbidden")));
    assert_eq!(chief.get(&world, "/api/v1/projects/lab").await.0, StatusCode::OK);
    assert_eq!(deny(&boss, "anna").await.0, StatusCode::OK);
    assert_eq!(deny(&chief, "chief").await.0, StatusCode::OK, "what they want themselves");
    world.end().await;
}

#[tokio::test]
async fn a_key_of_an_administrator_gives_nobody_what_it_has_not_itself_nor_acts_as_a_person() {
    let world = World::start().await;
    let chief = Person::new(&world, "chief", admin()).await;
    Person::of_lab(&world, "anna", "viewer").await;
    let denied = json!({"platform_admin": true, "bindings": [{"project": "lab", "role": "denied"}]});
    let (_, weak) = chief.key(&world, Some(denied)).await;
    let (_, full) = chief.key(&world, None).await;
    let strong = json!({"name": "strong", "powers": {"bindings": [{"project": "lab", "role": "admin"}]}});
    assert_eq!(
        answer(world.request(Method::POST, "/api/v1/services").json(&strong)).await.0,
        StatusCode::CREATED
    );
    let of_lab = json!({"bindings": [{"project": "lab", "role": "viewer"}]});
    let elsewhere = json!({"bindings": [{"project": "default", "role": "viewer"}]});
    let password = json!({"password": "nine quiet lanterns drift"});
    let days = json!({"expires_in_days": 1});
    for (method, path, body, by_weak, by_full) in [
        (Method::POST, "/api/v1/users/chief/link", json!({}), 403, 403),
        (Method::PATCH, "/api/v1/users/chief", password.clone(), 403, 403),
        (Method::PATCH, "/api/v1/users/anna", json!({"powers": admin()}), 403, 403),
        (Method::POST, "/api/v1/users", json!({"name": "second", "powers": admin()}), 403, 403),
        (Method::PATCH, "/api/v1/users/anna", json!({"powers": of_lab}), 403, 200),
        (Method::POST, "/api/v1/services/strong/tokens", days, 403, 201),
        (Method::PATCH, "/api/v1/users/anna", json!({"powers": elsewhere}), 200, 200),
    ] {
        for (key, expected) in [(&weak, by_weak), (&full, by_full)] {
            let request = world.bare(method.clone(), path).bearer_auth(key).json(&body);
            let (status, said) = answer(request).await;
            assert_eq!(status.as_u16(), expected, "{method} {path} {body}: {said}");
        }
    }
    let in_person = chief.request(&world, Method::POST, "/api/v1/users/anna/link");
    assert_eq!(answer(in_person).await.0, StatusCode::CREATED);
    let in_person = chief.request(&world, Method::PATCH, "/api/v1/users/anna").json(&password);
    assert_eq!(answer(in_person).await.0, StatusCode::OK);
    world.end().await;
}
