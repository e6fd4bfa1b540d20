//! Removing a user: nothing of the user is left, also when it is stopped half-way.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Person, World, answer};

const ANNA: &str = "/api/v1/users/anna";

async fn status(world: &World, name: &str, value: &str) -> StatusCode {
    world.bare(Method::GET, "/api/v1/me").header(name, value).send().await.unwrap().status()
}

#[tokio::test]
async fn a_removal_that_is_stopped_half_way_is_finished_by_the_same_request_and_leaves_nothing_to_a_namesake()
{
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let (_, key) = anna.key(&world, None).await;
    let bearer = format!("Bearer {key}");
    // What fails on the way: a link that cannot be read.
    world.records.keep("invitation", "", "anna", None, "no JSON".to_owned()).await.unwrap().unwrap();
    let (stopped, _) = answer(world.request(Method::DELETE, ANNA)).await;
    assert_eq!(stopped, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(world.get(ANNA).await.1["disabled"], true, "until it is finished the user is kept out");
    assert_eq!(status(&world, "authorization", &bearer).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&world, "cookie", &anna.cookie).await, StatusCode::UNAUTHORIZED);

    let link = world.records.kept("invitation", "", "anna").await.unwrap().unwrap();
    assert!(world.records.drop_kept("invitation", "", "anna", link.version).await.unwrap());
    assert_eq!(answer(world.request(Method::DELETE, ANNA)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(answer(world.request(Method::DELETE, ANNA)).await.0, StatusCode::NOT_FOUND);
    Person::of_lab(&world, "anna", "admin").await;
    assert_eq!(status(&world, "authorization", &bearer).await, StatusCode::UNAUTHORIZED, "somebody else's");
    assert_eq!(status(&world, "cookie", &anna.cookie).await, StatusCode::UNAUTHORIZED);
    let (_, keys) = answer(world.request(Method::GET, "/api/v1/keys?user=anna")).await;
    assert_ne!(keys["items"][0]["name"], json!("tests"), "{keys}");
    world.end().await;
}
