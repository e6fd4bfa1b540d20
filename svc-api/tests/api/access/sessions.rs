//! Sessions: the cookie, what another site's page can do with it, and how it ends.

use emboflow_model::Timestamp;
use emboflow_model::access::Session;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{CODE, Person, World, answer, cookie_of, sign_in};

const ME: &str = "/api/v1/me";

async fn status(world: &World, cookie: &str) -> StatusCode {
    world.bare(Method::GET, ME).header("cookie", cookie).send().await.unwrap().status()
}

/// The one session in the records, changed.
async fn change_session(world: &World, change: impl FnOnce(&mut Session)) {
    let found = world.records.kept_page("session", Some(""), None, 10).await.unwrap();
    let [kept] = found.as_slice() else { panic!("{found:?}") };
    let mut session: Session = serde_json::from_str(&kept.body).unwrap();
    change(&mut session);
    let body = serde_json::to_string(&session).unwrap();
    let put = world.records.keep("session", "", &kept.name, Some(kept.version), body).await.unwrap();
    assert!(put.is_some());
}

#[tokio::test]
async fn the_cookie_is_random_and_only_its_hash_is_kept() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let other = sign_in(&world, "anna").await;
    assert_ne!(anna.cookie, other);
    let (_, token) = anna.cookie.split_once('=').unwrap();
    let secret = token.split_once('.').unwrap().0;
    assert!(secret.len() >= 43, "256 bits");
    for kept in world.records.kept_page("session", Some(""), None, 10).await.unwrap() {
        assert!(!kept.name.contains(secret) && !kept.body.contains(secret));
    }
    for forged in [
        anna.cookie.replace(secret, &"A".repeat(secret.len())),
        anna.cookie.replace(".anna", ".root"),
        anna.cookie.replace(".anna", ""),
        anna.cookie.replace(".anna", ".*"),
        format!("{}=.anna", anna.cookie.split_once('=').unwrap().0),
    ] {
        assert_eq!(status(&world, &forged).await, StatusCode::UNAUTHORIZED, "{forged}");
    }
    assert_eq!(status(&world, &anna.cookie).await, StatusCode::OK);
    world.end().await;
}

#[tokio::test]
async fn another_sites_page_changes_nothing_and_signs_nobody_in() {
    let world = World::start().await;
    let root = Person::new(&world, "root", json!({"platform_admin": true})).await;
    let host = world.api.url();
    let make = |headers: &[(&str, &str)]| {
        let mut request = world.bare(Method::POST, "/api/v1/projects").header("cookie", &root.cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.json(&json!({"name": "made"}))
    };
    for foreign in [
        &[][..],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", host.as_str())],
        &[("origin", "http://evil.example"), ("x-forwarded-host", "evil.example")],
    ] {
        let (status, problem) = answer(make(foreign)).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::FORBIDDEN, &json!("auth.forbidden")),
            "{foreign:?}"
        );
    }
    let sign_in = json!({"user": "root", "password": Person::PASSWORD});
    let foreign = world.bare(Method::POST, "/session").header("origin", "http://evil.example").json(&sign_in);
    assert_eq!(answer(foreign).await.0, StatusCode::FORBIDDEN, "a browser must not become somebody else's");
    let foreign = world.bare(Method::DELETE, "/session").header("origin", "http://evil.example");
    assert_eq!(answer(foreign.header("cookie", &root.cookie)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(answer(make(&[("origin", host.as_str())])).await.0, StatusCode::CREATED);
    world.end().await;
}

#[tokio::test]
async fn signing_in_makes_a_new_session_and_ends_the_one_that_was_there_before() {
    let world = World::start().await;
    let mallory = Person::of_lab(&world, "mallory", "viewer").await;
    Person::of_lab(&world, "anna", "viewer").await;
    // A stranger has put a session of his own into the browser of somebody, who then signs in.
    let body = json!({"user": "anna", "password": Person::PASSWORD});
    let request = world.bare(Method::POST, "/session").header("cookie", &mallory.cookie).json(&body);
    let cookie = cookie_of(&request.send().await.unwrap());
    assert_ne!(cookie, mallory.cookie);
    assert_eq!(status(&world, &mallory.cookie).await, StatusCode::UNAUTHORIZED);
    let (_, me) = answer(world.bare(Method::GET, ME).header("cookie", &cookie)).await;
    assert_eq!(me["name"], "anna");
    world.end().await;
}

#[tokio::test]
async fn who_signs_in_again_and_again_keeps_a_hundred_sessions_those_that_were_used_last() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let all = async || world.records.kept_page("session", Some(""), None, 500).await.unwrap();
    let mut session: Session = serde_json::from_str(&all().await[0].body).unwrap();
    let used_at = session.last_seen_at;
    let name = |number: i64| format!("anna/{number:064x}");
    for number in 0..110 {
        session.last_seen_at = Timestamp(used_at.0 - 1_000 + number);
        let body = serde_json::to_string(&session).unwrap();
        world.records.keep("session", "", &name(number), None, body).await.unwrap().unwrap();
    }
    let newest = sign_in(&world, "anna").await;
    let names: Vec<_> = all().await.into_iter().map(|kept| kept.name).collect();
    assert_eq!(names.len(), 100);
    assert!((0..12).all(|number| !names.contains(&name(number))) && names.contains(&name(12)));
    for cookie in [&anna.cookie, &newest] {
        assert_eq!(status(&world, cookie).await, StatusCode::OK);
    }
    world.end().await;
}

#[tokio::test]
async fn a_session_that_was_ended_is_good_for_nothing_any_more() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let elsewhere = sign_in(&world, "anna").await;
    let (_, sessions) = anna.get(&world, "/api/v1/sessions").await;
    let items = sessions["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let other = items.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    let bert = Person::of_lab(&world, "bert", "admin").await;
    let path = format!("/api/v1/sessions/{other}");
    assert_eq!(answer(bert.request(&world, Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(status(&world, &elsewhere).await, StatusCode::OK);
    assert_eq!(answer(anna.request(&world, Method::DELETE, &path)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(status(&world, &elsewhere).await, StatusCode::UNAUTHORIZED);

    assert_eq!(answer(anna.request(&world, Method::DELETE, "/session")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(status(&world, &anna.cookie).await, StatusCode::UNAUTHORIZED, "also a copy of the cookie");
    let (status, _) = bert.get(&world, "/api/v1/sessions?user=anna").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    world.end().await;
}

#[tokio::test]
async fn a_session_ends_after_12_hours_without_use_and_after_7_days_at_most() {
    let world = World::start().await;
    let anna = Person::of_lab(&world, "anna", "viewer").await;
    let hour_ms = 60 * 60 * 1_000;
    change_session(&world, |session| {
        assert_eq!(session.ends_at.ms_since(session.created_at), 7 * 24 * hour_ms);
        session.last_seen_at = Timestamp(session.last_seen_at.0 - 11 * hour_ms as i64);
    })
    .await;
    assert_eq!(status(&world, &anna.cookie).await, StatusCode::OK);
    change_session(&world, |session| {
        session.last_seen_at = Timestamp(session.last_seen_at.0 - 12 * hour_ms as i64);
    })
    .await;
    assert_eq!(status(&world, &anna.cookie).await, StatusCode::UNAUTHORIZED);

    let cookie = sign_in(&world, "anna").await;
    change_session(&world, |session| session.ends_at = session.created_at).await;
    assert_eq!(status(&world, &cookie).await, StatusCode::UNAUTHORIZED);
    world.end().await;
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host_and_a_plain_one_is_not_taken() {
    let world = World::with(|config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let link = format!("/session?code={CODE}");
    let response = world.bare(Method::GET, &link).header("x-forwarded-proto", "https").send().await.unwrap();
    let set = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.starts_with("__Host-emboflow_session_"), "{set}");
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(set.split("; ").any(|part| part == attribute), "{set}");
    }
    let cookie = cookie_of(&response);
    let tried = async |cookie: &str, proto: &str| {
        let request = world.bare(Method::GET, ME).header("cookie", cookie).header("x-forwarded-proto", proto);
        request.send().await.unwrap().status()
    };
    assert_eq!(tried(&cookie, "https").await, StatusCode::OK);
    assert_eq!(tried(cookie.trim_start_matches("__Host-"), "https").await, StatusCode::UNAUTHORIZED);
    world.end().await;
}

#[tokio::test]
async fn a_stranger_cannot_pretend_to_come_over_tls() {
    let world = World::start().await;
    let link = format!("/session?code={CODE}");
    let response = world.bare(Method::GET, &link).header("x-forwarded-proto", "https").send().await.unwrap();
    assert!(response.headers()["set-cookie"].to_str().unwrap().starts_with("emboflow_session_"));
    world.end().await;
}

#[tokio::test]
async fn a_link_signs_in_nobody_whom_another_sites_page_sends_without_asking() {
    let world = World::start().await;
    let link = format!("/session?code={CODE}");
    let open = async |headers: &[(&str, &str)]| {
        let mut request = world.bare(Method::GET, &link);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        assert!(status == StatusCode::SEE_OTHER || !response.headers().contains_key("set-cookie"));
        (status, response.text().await.unwrap())
    };
    for unseen in [
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")][..],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "empty")],
        &[("sec-fetch-dest", "iframe")],
        &[("sec-fetch-site", "none"), ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch;prerender")],
    ] {
        assert_eq!(open(unseen).await.0, StatusCode::FORBIDDEN, "{unseen:?}");
    }
    for site in ["cross-site", "same-site"] {
        let (status, page) = open(&[("sec-fetch-site", site), ("sec-fetch-dest", "document")]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains(&format!("href=\"session?code={CODE}\"")), "{page}");
    }
    let by_person = [("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "document")];
    assert_eq!(open(&by_person).await.0, StatusCode::SEE_OTHER, "it has not been used up");
    world.end().await;
}
