//! The one table of rights: what each route and each request over NATS needs. A new route is a new line; the API does
//! not start with a route that has none, nor with a line that has no route.

use super::Needs;
use super::Needs::{InPerson, InProject, Platform, PlatformInPerson, Public, SignedIn};
use super::Role::{Admin, Developer, Operator, Viewer};

/// The method of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads; also stands for `HEAD`.
    Get,
    /// Acts, or makes something.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As in HTTP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method that HTTP calls so.
    pub fn from_http(text: &str) -> Option<Self> {
        Some(match text {
            "GET" | "HEAD" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }
}

/// A route and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The method.
    pub method: Method,
    /// The path as in the OpenAPI document.
    pub path: &'static str,
    /// What it needs.
    pub needs: Needs,
}

const fn get(path: &'static str, needs: Needs) -> Line {
    Line { method: Method::Get, path, needs }
}

const fn post(path: &'static str, needs: Needs) -> Line {
    Line { method: Method::Post, path, needs }
}

const fn put(path: &'static str, needs: Needs) -> Line {
    Line { method: Method::Put, path, needs }
}

const fn patch(path: &'static str, needs: Needs) -> Line {
    Line { method: Method::Patch, path, needs }
}

const fn delete(path: &'static str, needs: Needs) -> Line {
    Line { method: Method::Delete, path, needs }
}

/// Every route of the API.
#[rustfmt::skip]
pub const ROUTES: &[Line] = &[
    // What says nothing of anybody's work.
    get("/health", Public),
    get("/ready", Public),
    get("/metrics", Public),
    get("/docs/errors", Public),
    get("/api/openapi.json", Public),
    // Sign-in: these check for themselves who asks.
    get("/session/ways", Public),
    get("/session", Public),
    post("/session", Public),
    delete("/session", Public),
    get("/session/oidc", Public),
    get("/oidc", Public),
    // Oneself.
    get("/api/v1/me", SignedIn),
    post("/api/v1/me/password", InPerson),
    get("/api/v1/sessions", InPerson),
    delete("/api/v1/sessions/{session}", InPerson),
    get("/api/v1/keys", SignedIn),
    post("/api/v1/keys", InPerson),
    delete("/api/v1/keys/{key}", SignedIn),
    // The platform.
    get("/api/v1/events", SignedIn),
    get("/api/v1/executors", SignedIn),
    post("/api/v1/executors/{executor}/forget", Platform),
    put("/api/v1/executors/{executor}/cordon", Platform),
    delete("/api/v1/executors/{executor}/cordon", Platform),
    get("/api/v1/maintenance", SignedIn),
    put("/api/v1/maintenance", Platform),
    delete("/api/v1/maintenance", Platform),
    put("/api/v1/maintenance/{pool}", Platform),
    delete("/api/v1/maintenance/{pool}", Platform),
    get("/api/v1/queues", SignedIn),
    get("/api/v1/queues/{queue}", SignedIn),
    put("/api/v1/queues/{queue}", Platform),
    delete("/api/v1/queues/{queue}", Platform),
    get("/api/v1/system", SignedIn),
    get("/api/v1/system/health", SignedIn),
    get("/api/v1/users", Platform),
    post("/api/v1/users", Platform),
    get("/api/v1/users/{user}", Platform),
    patch("/api/v1/users/{user}", Platform),
    delete("/api/v1/users/{user}", Platform),
    post("/api/v1/users/{user}/link", PlatformInPerson),
    get("/api/v1/services", Platform),
    post("/api/v1/services", Platform),
    delete("/api/v1/services/{service}", Platform),
    post("/api/v1/services/{service}/tokens", Platform),
    delete("/api/v1/services/{service}/tokens", Platform),
    post("/api/v1/service-keys", Platform),
    get("/api/v1/audit", Platform),
    get("/api/v1/audit/export", Platform),
    // Projects.
    get("/api/v1/projects", SignedIn),
    post("/api/v1/projects", Platform),
    get("/api/v1/projects/{project}", InProject(Viewer)),
    patch("/api/v1/projects/{project}", InProject(Admin)),
    get("/api/v1/projects/{project}/usage", InProject(Viewer)),
    get("/api/v1/projects/{project}/members", InProject(Admin)),
    put("/api/v1/projects/{project}/members/{user}", InProject(Admin)),
    delete("/api/v1/projects/{project}/members/{user}", InProject(Admin)),
    get("/api/v1/projects/{project}/audit", InProject(Admin)),
    // Workflows.
    get("/api/v1/projects/{project}/workflows", InProject(Viewer)),
    get("/api/v1/projects/{project}/workflows/{workflow}", InProject(Viewer)),
    put("/api/v1/projects/{project}/workflows/{workflow}", InProject(Developer)),
    delete("/api/v1/projects/{project}/workflows/{workflow}", InProject(Developer)),
    post("/api/v1/projects/{project}/workflows/validate", InProject(Viewer)),
    get("/api/v1/projects/{project}/workflows/validate", InProject(Viewer)),
    put("/api/v1/projects/{project}/workflows/validate", InProject(Developer)),
    delete("/api/v1/projects/{project}/workflows/validate", InProject(Developer)),
    // Triggers. Who sends to a webhook is known by the signature.
    get("/api/v1/projects/{project}/notifications", InProject(Viewer)),
    get("/api/v1/projects/{project}/notifications/{notification}", InProject(Viewer)),
    put("/api/v1/projects/{project}/notifications/{notification}", InProject(Operator)),
    delete("/api/v1/projects/{project}/notifications/{notification}", InProject(Operator)),
    post("/api/v1/projects/{project}/notifications/{notification}/pause", InProject(Operator)),
    post("/api/v1/projects/{project}/notifications/{notification}/resume", InProject(Operator)),
    get("/api/v1/projects/{project}/triggers", InProject(Viewer)),
    get("/api/v1/projects/{project}/triggers/{trigger}", InProject(Viewer)),
    put("/api/v1/projects/{project}/triggers/{trigger}", InProject(Developer)),
    delete("/api/v1/projects/{project}/triggers/{trigger}", InProject(Developer)),
    get("/api/v1/projects/{project}/triggers/{trigger}/times", InProject(Viewer)),
    get("/api/v1/projects/{project}/triggers/{trigger}/history", InProject(Viewer)),
    post("/api/v1/projects/{project}/triggers/{trigger}/pause", InProject(Developer)),
    post("/api/v1/projects/{project}/triggers/{trigger}/resume", InProject(Developer)),
    post("/api/v1/projects/{project}/triggers/{trigger}/fire", InProject(Developer)),
    post("/api/v1/projects/{project}/triggers/{trigger}/backfill", InProject(Developer)),
    post("/hooks/{project}/{trigger}", Public),
    // Secrets.
    get("/api/v1/projects/{project}/secrets", InProject(Developer)),
    get("/api/v1/projects/{project}/secrets/{secret}", InProject(Developer)),
    put("/api/v1/projects/{project}/secrets/{secret}", InProject(Operator)),
    delete("/api/v1/projects/{project}/secrets/{secret}", InProject(Operator)),
    // Results that tasks with `cache` take over.
    get("/api/v1/projects/{project}/cache/clearings", InProject(Viewer)),
    post("/api/v1/projects/{project}/cache/clearings", InProject(Operator)),
    // Uploads. Their bytes go to the storage gateway, with the token that a POST gives.
    get("/api/v1/projects/{project}/uploads", InProject(Viewer)),
    post("/api/v1/projects/{project}/uploads", InProject(Developer)),
    get("/api/v1/projects/{project}/uploads/{upload}", InProject(Viewer)),
    delete("/api/v1/projects/{project}/uploads/{upload}", InProject(Developer)),
    put("/api/v1/projects/{project}/uploads/{upload}/versions/{version}", InProject(Developer)),
    delete("/api/v1/projects/{project}/uploads/{upload}/versions/{version}", InProject(Developer)),
    // Runs.
    get("/api/v1/projects/{project}/runs", InProject(Viewer)),
    post("/api/v1/projects/{project}/runs", InProject(Developer)),
    post("/api/v1/projects/{project}/runs/batch", InProject(Developer)),
    get("/api/v1/projects/{project}/runs/counts", InProject(Viewer)),
    post("/api/v1/projects/{project}/what-if", InProject(Operator)),
    get("/api/v1/projects/{project}/requests/{key}", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/source", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/explanation", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/forecast", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/history", InProject(Viewer)),
    post("/api/v1/projects/{project}/runs/{run}/cancel", InProject(Developer)),
    post("/api/v1/projects/{project}/runs/{run}/retry", InProject(Developer)),
    post("/api/v1/projects/{project}/runs/{run}/retry/preview", InProject(Developer)),
    post("/api/v1/projects/{project}/runs/{run}/pause", InProject(Developer)),
    post("/api/v1/projects/{project}/runs/{run}/resume", InProject(Developer)),
    get("/api/v1/projects/{project}/approvals", InProject(Viewer)),
    // Who makes a run does not also release it: a developer's program could approve itself.
    post("/api/v1/projects/{project}/runs/{run}/tasks/{task}/decision", InProject(Operator)),
    get("/api/v1/projects/{project}/runs/{run}/tasks", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/tasks/{task}", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/tasks/{task}/logs", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/tasks/{task}/logs/search", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/artifacts", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/artifacts/{task}/{name}", InProject(Viewer)),
    get("/api/v1/projects/{project}/runs/{run}/artifacts/{task}/{name}/{path}", InProject(Viewer)),
];

/// Every request over NATS, by the last token of its subject `emboflow.request.<project>.<verb>`.
#[rustfmt::skip]
pub const REQUESTS: &[(&str, Needs)] = &[
    ("submit", InProject(Developer)),
    ("batch", InProject(Developer)),
    ("cancel", InProject(Developer)),
    ("retry", InProject(Developer)),
    ("pause", InProject(Developer)),
    ("resume", InProject(Developer)),
    ("decide", InProject(Operator)),
];

/// What a route needs; `path` as in the router (`{*rest}` is read as `{rest}`). None: it has no line.
pub fn needs_of_route(method: Method, path: &str) -> Option<Needs> {
    let path = path.replace("{*", "{");
    ROUTES.iter().find(|line| line.method == method && line.path == path).map(|line| line.needs)
}

/// What a request over NATS needs. None: there is no such verb.
pub fn needs_of_request(verb: &str) -> Option<Needs> {
    REQUESTS.iter().find(|(known, _)| *known == verb).map(|(_, needs)| *needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_one_line_and_only_a_path_with_a_project_needs_a_role_in_it() {
        for (index, line) in ROUTES.iter().enumerate() {
            let same = |other: &Line| (other.method, other.path) == (line.method, line.path);
            assert!(!ROUTES[..index].iter().any(same), "{line:?} has two lines");
            let in_project = matches!(line.needs, Needs::InProject(_) | Needs::InPersonInProject(_));
            if in_project {
                assert!(line.path.contains("/{project}"), "{line:?}");
            }
        }
    }

    #[test]
    fn nothing_that_changes_is_public_but_sign_in() {
        let open = ROUTES.iter().filter(|line| line.needs == Public && line.method != Method::Get);
        let sign_in: Vec<_> = open.map(|line| line.path).collect();
        for path in sign_in {
            assert!(path.starts_with("/session") || path.contains("/hooks/"), "{path}");
        }
    }

    #[test]
    fn a_route_is_found_as_the_router_spells_it() {
        let path = "/api/v1/projects/{project}/runs/{run}/artifacts/{task}/{name}/{*path}";
        assert_eq!(needs_of_route(Method::Get, path), Some(InProject(Viewer)));
        assert_eq!(needs_of_route(Method::Post, path), None);
        assert_eq!(Method::from_http("HEAD"), Some(Method::Get));
        assert_eq!(Method::from_http("TRACE"), None);
    }
}
