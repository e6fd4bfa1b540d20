//! People who sign in, and what the audit says of them.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{World, answer, until};

/// Good enough for zxcvbn.
const PASSWORD: &str = "seven purple anvils sing";

/// A person with a browser that is signed in.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) cookie: String,
}

impl Person {
    pub(crate) const PASSWORD: &'static str = PASSWORD;

    /// Made with these powers, and signed in.
    pub(crate) async fn new(world: &World, name: &str, powers: Value) -> Self {
        let body = json!({"name": name, "password": PASSWORD, "powers": powers});
        let (status, made) = answer(world.request(Method::POST, "/api/v1/users").json(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        Self { name: name.to_owned(), cookie: sign_in(world, name).await }
    }

    /// With this role in the project `lab`.
    pub(crate) async fn of_lab(world: &World, name: &str, role: &str) -> Self {
        Self::new(world, name, json!({"bindings": [{"project": "lab", "role": role}]})).await
    }

    /// A request from the page in this person's browser.
    pub(crate) fn request(&self, world: &World, method: Method, path: &str) -> RequestBuilder {
        world.bare(method, path).header("cookie", &self.cookie).header("sec-fetch-site", "same-origin")
    }

    /// The JSON at an address.
    pub(crate) async fn get(&self, world: &World, path: &str) -> (StatusCode, Value) {
        answer(self.request(world, Method::GET, path)).await
    }

    /// A new key with these powers; none: all of its owner's.
    pub(crate) async fn key(&self, world: &World, powers: Option<Value>) -> (String, String) {
        let body = match powers {
            Some(powers) => json!({"name": "tests", "powers": powers}),
            None => json!({"name": "tests"}),
        };
        let (status, made) = answer(self.request(world, Method::POST, "/api/v1/keys").json(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["key"]["id"]), text(&made["value"]))
    }
}

/// The cookie of a new session.
pub(crate) async fn sign_in(world: &World, name: &str) -> String {
    let body = json!({"user": name, "password": PASSWORD});
    let response = world.bare(Method::POST, "/session").json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    cookie_of(&response)
}

/// The cookie that an answer sets, without its attributes.
pub(crate) fn cookie_of(response: &reqwest::Response) -> String {
    let set = response.headers()["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

/// The lines of the audit with this query, as soon as there are so many.
pub(crate) async fn until_audited(world: &World, query: &str, lines: usize) -> Vec<Value> {
    until("lines of the audit", async || {
        let (status, page) = world.get(&format!("/api/v1/audit?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let items = page["items"].as_array().unwrap().clone();
        (items.len() >= lines).then_some(items)
    })
    .await
}
