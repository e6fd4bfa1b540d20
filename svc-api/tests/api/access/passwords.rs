//! Passwords: weak ones, wrong ones, too many wrong ones, new ones, and links in their place.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Person, World, answer, cookie_of, sign_in};

async fn try_to_sign_in(world: &World, user: &str, password: &str) -> (StatusCode, serde_json::Value) {
    let body = json!({"user": user, "password": password});
    answer(world.bare(Method::POST, "/session").json(&body)).await
}

#[tokio::test]
async fn a_wrong_name_is_answered_like_a_wrong_password() {
    let world = World::start().await;
    Person::of_lab(&world, "anna", "viewer").await;
    let body = json!({"name": "bert"});
    assert_eq!(answer(world.request(Method::POST, "/api/v1/users").json(&body)).await.0, StatusCode::CREATED);
    let mut said = Vec::new();
    for (user, password) in
        [("anna", "wrong"), ("nobody", "wrong"), ("bert", ""), ("Not A Name", Person::PASSWORD), ("*", "x")]
    {
        let (status, mut problem) = try_to_sign_in(&world, user, password).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{user}");
        problem.as_object_mut().unwrap().remove("request_id");
        said.push(problem);
    }
    assert!(said.iter().all(|problem| *problem == said[0] && problem["code"] == "auth.sign_in_failed"));
    world.end().await;
}

#[tokio::test]
async fn an_account_is_closed_for_longer_and_longer_while_somebody_guesses_at_it() {
    let world = World::start().await;
    // She has never signed in from here: there, where people are at home, no guesses of others keep them out.
    let anna = json!({"name": "anna", "password": Person::PASSWORD});
    let made = answer(world.request(Method::POST, "/api/v1/users").json(&anna)).await;
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    Person::of_lab(&world, "bert", "viewer").await;
    for _ in 0..5 {
        assert_eq!(try_to_sign_in(&world, "anna", "wrong").await.0, StatusCode::UNAUTHORIZED);
    }
    // From now on each guess closes it for longer; at some time one comes before it is open again.
    let locked = loop {
        let body = json!({"user": "anna", "password": "wrong"});
        let response = world.bare(Method::POST, "/session").json(&body).send().await.unwrap();
        if response.status() != StatusCode::UNAUTHORIZED {
            break response;
        }
    };
    assert_eq!(locked.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = locked.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let problem: serde_json::Value = locked.json().await.unwrap();
    assert_eq!(problem["code"], "auth.locked");
    assert!(sign_in(&world, "bert").await.contains(".bert"), "others are not in it");
    world.end().await;
}

#[tokio::test]
async fn a_weak_password_is_refused_wherever_it_is_chosen() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let weak = ["short", "password1", "anna.anna", "12345678"];
    for password in weak {
        let requests = [
            world.request(Method::POST, "/api/v1/users").json(&json!({"name": "bert", "password": password})),
            world.request(Method::PATCH, "/api/v1/users/anna").json(&json!({"password": password})),
            anna.request(&world, Method::POST, "/api/v1/me/password")
                .json(&json!({"current": Person::PASSWORD, "password": password})),
        ];
        for request in requests {
            let (status, problem) = answer(request).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{password}: {problem}");
            assert_eq!(problem["code"], "auth.password_weak");
            assert!(!problem.to_string().contains(&format!("'{password}'")));
        }
    }
    assert_eq!(world.get("/api/v1/users/bert").await.0, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_every_other_session() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let elsewhere = sign_in(&world, "anna").await;
    let new = "nine quiet lanterns drift";
    let change = |current: &str| {
        let body = json!({"current": current, "password": new});
        anna.request(&world, Method::POST, "/api/v1/me/password").json(&body)
    };
    assert_eq!(answer(change("wrong")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(answer(change(Person::PASSWORD)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(anna.get(&world, "/api/v1/me").await.0, StatusCode::OK);
    let other = world.bare(Method::GET, "/api/v1/me").header("cookie", elsewhere);
    assert_eq!(answer(other).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(try_to_sign_in(&world, "anna", Person::PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(try_to_sign_in(&world, "anna", new).await.0, StatusCode::NO_CONTENT);
    world.end().await;
}

#[tokio::test]
async fn a_link_signs_in_once_and_its_browser_chooses_a_password() {
    let world = World::start().await;
    let (_, made) = answer(world.request(Method::POST, "/api/v1/users").json(&json!({"name": "anna"}))).await;
    let first = made["link"]["link"].as_str().unwrap().to_owned();
    let (status, second) = answer(world.request(Method::POST, "/api/v1/users/anna/link")).await;
    assert_eq!(status, StatusCode::CREATED);
    let second = second["link"].as_str().unwrap();
    let open = async |link: &str| world.bare(Method::GET, &format!("/{link}")).send().await.unwrap();
    assert_eq!(open(&first).await.status(), StatusCode::UNAUTHORIZED, "a newer one took its place");
    assert_eq!(open(&second.replace("anna", "root")).await.status(), StatusCode::UNAUTHORIZED);
    let (one, two) = tokio::join!(open(second), open(second));
    let mut statuses = [one.status(), two.status()];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::UNAUTHORIZED], "it is good once");
    let signed_in = if one.status() == StatusCode::SEE_OTHER { one } else { two };
    let anna = Person { name: "anna".to_owned(), cookie: cookie_of(&signed_in) };
    let choose = json!({"password": Person::PASSWORD});
    let request = anna.request(&world, Method::POST, "/api/v1/me/password").json(&choose);
    assert_eq!(answer(request).await.0, StatusCode::NO_CONTENT);
    assert!(sign_in(&world, &anna.name).await.contains(".anna"));
    let choose = json!({"password": "nine quiet lanterns drift"});
    let again = anna.request(&world, Method::POST, "/api/v1/me/password").json(&choose);
    assert_eq!(answer(again).await.0, StatusCode::FORBIDDEN, "now there is one to be named");
    world.end().await;
}

#[tokio::test]
async fn a_password_is_kept_as_a_hash_and_shown_nowhere() {
    let world = World::start().await;
    Person::of_lab(&world, "anna", "viewer").await;
    let kept = world.records.kept("user", "", "anna").await.unwrap().unwrap();
    assert!(kept.body.contains("$argon2id$") && !kept.body.contains(Person::PASSWORD));
    let (_, text) = world.text("/api/v1/users").await;
    assert!(text.contains("anna") && !text.contains("argon2"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn a_sign_in_with_the_old_password_that_is_under_way_does_not_outlive_the_change() {
    let world = World::start().await;
    Person::of_lab(&world, "anna", "viewer").await;
    let body = json!({"password": "nine quiet lanterns drift"});
    let change = answer(world.request(Method::PATCH, "/api/v1/users/anna").json(&body));
    let old = json!({"user": "anna", "password": Person::PASSWORD});
    let sign_in = || world.bare(Method::POST, "/session").json(&old).send();
    // They have read the password, and wait for their turn while it is changed.
    let done = tokio::join!(change, sign_in(), sign_in(), sign_in(), sign_in());
    assert_eq!(done.0.0, StatusCode::OK);
    for response in [done.1, done.2, done.3, done.4] {
        let response = response.unwrap();
        if response.status() == StatusCode::NO_CONTENT {
            let me = world.bare(Method::GET, "/api/v1/me").header("cookie", cookie_of(&response));
            assert_eq!(answer(me).await.0, StatusCode::UNAUTHORIZED);
        } else {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        }
    }
    world.end().await;
}

#[tokio::test]
async fn who_signs_in_at_the_identity_provider_chooses_no_password_that_would_outlive_the_account_there() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let kept = world.records.kept("user", "", "anna").await.unwrap().unwrap();
    let mut user: serde_json::Value = serde_json::from_str(&kept.body).unwrap();
    user.as_object_mut().unwrap().remove("password");
    user["identities"] = json!([{"issuer": "https://id.example", "subject": "4711"}]);
    let put = world.records.keep("user", "", "anna", Some(kept.version), user.to_string()).await.unwrap();
    assert!(put.is_some());
    let choose = json!({"password": "nine quiet lanterns drift"});
    let request = anna.request(&world, Method::POST, "/api/v1/me/password").json(&choose);
    let (status, problem) = answer(request).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("auth.forbidden")), "{problem}");
    assert_eq!(world.get("/api/v1/users/anna").await.1["has_password"], false);
    world.end().await;
}
