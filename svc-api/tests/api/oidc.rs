//! Sign-in at an identity provider, and everything that must not be believed.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use svc_api::OidcConfig;

use crate::support::identity::{CLIENT, Identity, Lie, SECRET};
use crate::support::{World, answer};

async fn world(identity: &Identity, extra: Value) -> World {
    let mut oidc = json!({ "issuer": identity.issuer(), "client_id": CLIENT, "client_secret": SECRET });
    oidc.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let oidc: OidcConfig = serde_json::from_value(oidc).unwrap();
    World::with(|config| {
        config.public_url = Some("http://127.0.0.1".to_owned());
        config.oidc = Some(oidc);
    })
    .await
}

/// A browser on its way: the provider's address, and the cookie that it has to bring back.
async fn depart(world: &World) -> (String, String) {
    let response = world.bare(Method::GET, "/session/oidc").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let set = response.headers()["set-cookie"].to_str().unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    (response.headers()["location"].to_str().unwrap().to_owned(), cookie)
}

/// Where the browser ends up, and the session that it has got.
async fn arrive(world: &World, state: &str, code: &str, cookie: &str) -> (String, Option<String>) {
    let request = world.bare(Method::GET, &format!("/oidc?state={state}&code={code}&session_state=odd"));
    let response = request.header("cookie", cookie).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let cookies = response.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let mut sessions = cookies.filter(|cookie| cookie.contains("session"));
    let session = sessions.next().map(|set| set.split(';').next().unwrap().to_owned());
    (response.headers()["location"].to_str().unwrap().to_owned(), session)
}

async fn signs_in(world: &World, identity: &Identity) -> (String, Option<String>) {
    let (url, cookie) = depart(world).await;
    let (state, code) = identity.signs_in(&url);
    arrive(world, &state, &code, &cookie).await
}

async fn me(world: &World, session: &str) -> Value {
    let (status, me) = answer(world.bare(Method::GET, "/api/v1/me").header("cookie", session)).await;
    assert_eq!(status, StatusCode::OK, "{me}");
    me
}

#[tokio::test]
async fn whoever_the_provider_knows_becomes_a_user_with_the_roles_of_the_groups() {
    let identity = Identity::start().await;
    let roles = json!({ "roles": [{ "group": "devs", "project": "lab", "role": "developer" }] });
    let world = world(&identity, roles).await;
    let (_, ways) = answer(world.bare(Method::GET, "/session/ways")).await;
    assert_eq!(ways["provider"]["label"], "single sign-on");
    identity.says(json!({ "sub": "4711", "preferred_username": "Ada", "groups": ["devs"] }));
    let (place, session) = signs_in(&world, &identity).await;
    assert_eq!(place, "./");
    let session = session.unwrap();
    assert_eq!(me(&world, &session).await["name"], "ada");
    let runs = |project: &str| world.bare(Method::GET, &format!("/api/v1/projects/{project}/runs"));
    assert_eq!(answer(runs("lab").header("cookie", &session)).await.0, StatusCode::OK);
    assert_eq!(answer(runs("default").header("cookie", &session)).await.0, StatusCode::NOT_FOUND);

    identity.says(json!({ "sub": "4711", "preferred_username": "renamed", "groups": [] }));
    let (_, again) = signs_in(&world, &identity).await;
    let again = again.unwrap();
    assert_eq!(me(&world, &again).await["name"], "ada", "known by the subject, not by a name");
    assert_eq!(answer(runs("lab").header("cookie", &again)).await.0, StatusCode::NOT_FOUND, "left the group");

    identity.says(json!({ "sub": "42", "preferred_username": "ada", "groups": ["devs"] }));
    let (_, other) = signs_in(&world, &identity).await;
    assert_eq!(me(&world, &other.unwrap()).await["name"], "ada-2", "a name is not taken over");
    world.end().await;
}

#[tokio::test]
async fn a_token_that_is_not_good_signs_nobody_in() {
    let identity = Identity::start().await;
    let world = world(&identity, json!({})).await;
    identity.says(json!({ "sub": "4711", "preferred_username": "ada" }));
    for lie in [
        Lie::OtherNonce,
        Lie::OtherAudience,
        Lie::Expired,
        Lie::OtherIssuer,
        Lie::NoSignature,
        Lie::StrangersKey,
        Lie::NoToken,
    ] {
        identity.lies(lie);
        let (place, session) = signs_in(&world, &identity).await;
        assert_eq!((place.as_str(), session), ("./?sign-in=auth.provider_refused", None), "{lie:?}");
    }
    identity.lies(Lie::Nothing);
    assert!(signs_in(&world, &identity).await.1.is_some(), "the others failed for their lies");
    world.end().await;
}

#[tokio::test]
async fn a_state_is_good_once_and_only_in_the_browser_that_began() {
    let identity = Identity::start().await;
    let world = world(&identity, json!({})).await;
    identity.says(json!({ "sub": "4711", "preferred_username": "ada" }));
    let refused = ("./?sign-in=auth.provider_refused".to_owned(), None);

    let (url, cookie) = depart(&world).await;
    let (state, code) = identity.signs_in(&url);
    assert!(arrive(&world, &state, &code, &cookie).await.1.is_some());
    let (_, fresh) = identity.signs_in(&url);
    assert_eq!(arrive(&world, &state, &fresh, &cookie).await, refused, "replayed");

    let (url, _) = depart(&world).await;
    let (_, others) = depart(&world).await;
    let (state, code) = identity.signs_in(&url);
    assert_eq!(arrive(&world, &state, &code, &others).await, refused, "another browser");

    let (url, cookie) = depart(&world).await;
    let (state, code) = identity.signs_in(&url);
    assert_eq!(arrive(&world, &state, &code, "").await, refused, "no cookie");
    assert_eq!(arrive(&world, &state, &code, &cookie).await, refused, "a state that failed is used up");
    assert_eq!(arrive(&world, "made-up", &code, &cookie).await, refused);

    let (url, cookie) = depart(&world).await;
    let (state, code) = identity.signs_in(&url);
    let mixed_up = format!("{code}&iss=https://another.example");
    assert_eq!(arrive(&world, &state, &mixed_up, &cookie).await, refused, "another provider's answer");

    let response = world.bare(Method::GET, "/oidc?error=access_denied&state=x").send().await.unwrap();
    assert_eq!(response.headers()["location"], "./?sign-in=auth.provider_refused");
    world.end().await;
}

#[tokio::test]
async fn only_whom_the_configuration_lets_in_gets_an_account() {
    let identity = Identity::start().await;
    let refused = ("./?sign-in=auth.no_account".to_owned(), None);
    identity.says(json!({ "sub": "4711", "preferred_username": "ada", "groups": "others" }));
    let grouped = world(&identity, json!({ "allowed_groups": ["lab"], "admin_groups": ["chiefs"] })).await;
    assert_eq!(signs_in(&grouped, &identity).await, refused);
    identity.says(json!({ "sub": "4711", "preferred_username": "ada", "groups": ["lab", "chiefs"] }));
    let (_, session) = signs_in(&grouped, &identity).await;
    assert_eq!(
        answer(grouped.bare(Method::GET, "/api/v1/users").header("cookie", session.unwrap())).await.0,
        StatusCode::OK
    );
    grouped.end().await;
    let closed = world(&identity, json!({ "make_users": false })).await;
    assert_eq!(signs_in(&closed, &identity).await, refused);
    closed.end().await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_and_without_one_there_is_no_way() {
    let away: OidcConfig =
        serde_json::from_value(json!({ "issuer": "http://127.0.0.1:9", "client_id": CLIENT })).unwrap();
    let world = World::with(|config| {
        config.public_url = Some("http://127.0.0.1".to_owned());
        config.oidc = Some(away);
    })
    .await;
    let response = world.bare(Method::GET, "/session/oidc").send().await.unwrap();
    assert_eq!(response.headers()["location"], "../?sign-in=auth.provider_unavailable");
    world.end().await;
    let without = World::start().await;
    assert_eq!(answer(without.bare(Method::GET, "/session/oidc")).await.0, StatusCode::NOT_FOUND);
    without.end().await;
}

#[tokio::test]
async fn behind_tls_the_cookie_of_a_sign_in_is_bound_to_the_host() {
    let identity = Identity::start().await;
    let oidc = json!({ "issuer": identity.issuer(), "client_id": CLIENT, "client_secret": SECRET });
    let world = World::with(|config| {
        config.public_url = Some("https://127.0.0.1/flow".to_owned());
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.oidc = Some(serde_json::from_value(oidc).unwrap());
    })
    .await;
    identity.says(json!({ "sub": "4711", "preferred_username": "ada" }));
    let over_tls = |path: &str| {
        let request = world.bare(Method::GET, path).header("x-forwarded-proto", "https");
        request.header("x-forwarded-host", "127.0.0.1")
    };
    for (taken_as, is_in) in [("__Host-emboflow_oidc", true), ("emboflow_oidc", false)] {
        let response = over_tls("/session/oidc").send().await.unwrap();
        let set = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(set.starts_with("__Host-emboflow_oidc=") && set.contains("; Secure"), "{set}");
        assert!(set.split("; ").any(|part| part == "Path=/"), "{set}");
        let value = set.split(';').next().unwrap().split_once('=').unwrap().1;
        let (state, code) = identity.signs_in(response.headers()["location"].to_str().unwrap());
        let back = over_tls(&format!("/oidc?state={state}&code={code}"));
        let back = back.header("cookie", format!("{taken_as}={value}")).send().await.unwrap();
        let mut set = back.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        assert_eq!(set.any(|set| set.contains("session")), is_in, "{taken_as}");
    }
    world.end().await;
}
