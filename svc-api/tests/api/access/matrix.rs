//! Every line of the table of rights, tried by every role in its own and in another project.

use emboflow_model::access::{Line, Method, Needs, ROUTES, Role};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{Person, World};

const OWN: &str = "lab";
const OTHER: &str = "default";

/// What an answer says about the right to it; what else it says is of no matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Passed,
    SignInFirst,
    Refused,
    Hidden,
}

/// Who tries, and what is expected of them, said anew: not by the code that is tested.
struct Trier {
    name: &'static str,
    credentials: Credentials,
    /// How far the role reaches in each project: 0 = not at all, 1 = viewer … 4 = admin.
    own: u8,
    other: u8,
    platform: bool,
    person: bool,
}

enum Credentials {
    None,
    Cookie(Person),
    Key(String),
}

impl Trier {
    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Credentials::None => request,
            Credentials::Cookie(person) => {
                request.header("cookie", &person.cookie).header("sec-fetch-site", "same-origin")
            }
            Credentials::Key(key) => request.bearer_auth(key),
        }
    }

    fn expected(&self, needs: Needs, project: Option<&str>) -> Class {
        if needs == Needs::Public {
            return Class::Passed;
        }
        if matches!(self.credentials, Credentials::None) {
            return Class::SignInFirst;
        }
        let reach = match project {
            None => 0,
            Some(OWN) => self.own,
            Some(_) => self.other,
        };
        if project.is_some() && reach == 0 {
            return Class::Hidden;
        }
        let is_enough = match needs {
            Needs::Public | Needs::SignedIn => true,
            Needs::InPerson => self.person,
            Needs::Platform => self.platform,
            Needs::PlatformInPerson => self.person && self.platform,
            Needs::InProject(role) => reach >= rank(role),
            Needs::InPersonInProject(role) => self.person && reach >= rank(role),
        };
        if is_enough { Class::Passed } else { Class::Refused }
    }
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Viewer => 1,
        Role::Developer => 2,
        Role::Operator => 3,
        Role::Admin => 4,
    }
}

async fn triers(world: &World) -> Vec<Trier> {
    let mut all = vec![Trier {
        name: "nobody",
        credentials: Credentials::None,
        own: 0,
        other: 0,
        platform: false,
        person: false,
    }];
    for (own, role) in [(1, "viewer"), (2, "developer"), (3, "operator"), (4, "admin")] {
        let person = Person::of_lab(world, role, role).await;
        let credentials = Credentials::Cookie(person);
        all.push(Trier { name: role, credentials, own, other: 0, platform: false, person: true });
    }
    let root = Person::new(world, "root", json!({"platform_admin": true})).await;
    // A key of an administrator that was given the least.
    let weak = root.key(world, Some(json!({"bindings": [{"project": OWN, "role": "viewer"}]}))).await.1;
    let weak = Credentials::Key(weak);
    all.push(Trier { name: "weak key", credentials: weak, own: 1, other: 0, platform: false, person: false });
    let strong = Credentials::Key(root.key(world, None).await.1);
    all.push(Trier { name: "key", credentials: strong, own: 4, other: 4, platform: true, person: false });
    let root = Credentials::Cookie(root);
    all.push(Trier { name: "root", credentials: root, own: 4, other: 4, platform: true, person: true });
    let denied = json!({"project": OWN, "role": "denied"});
    let everywhere = json!({"project": "*", "role": "admin"});
    let person = Person::new(world, "denied", json!({"bindings": [everywhere, denied.clone()]})).await;
    let credentials = Credentials::Cookie(person);
    all.push(Trier { name: "denied", credentials, own: 0, other: 4, platform: false, person: true });
    let powers = json!({"platform_admin": true, "bindings": [denied]});
    let credentials = Credentials::Cookie(Person::new(world, "root-denied", powers).await);
    all.push(Trier { name: "denied root", credentials, own: 0, other: 4, platform: true, person: true });
    all
}

/// An address of the route about things that are not there, so that nothing comes of it.
fn address(line: &Line, project: Option<&str>) -> String {
    let parts = line.path.split('/').map(|part| match part {
        "{project}" => project.unwrap_or_default(),
        "{run}" => "run-01jd8v7m2kq3x5w9c0hn4tz6ap",
        part if part.starts_with('{') => "nothing",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn class(request: RequestBuilder) -> (Class, String) {
    let response = request.send().await.unwrap();
    let status = response.status();
    if !matches!(status.as_u16(), 401 | 403 | 404) {
        // Some bodies never end.
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
        return (Class::Passed, status.to_string());
    }
    let problem: Value = response.json().await.unwrap();
    let code = problem["code"].as_str().unwrap().to_owned();
    let class = match code.as_str() {
        "auth.required" => Class::SignInFirst,
        "auth.forbidden" => Class::Refused,
        "project.not_found" => Class::Hidden,
        _ => Class::Passed,
    };
    (class, code)
}

#[tokio::test]
async fn every_route_is_open_to_exactly_those_whom_the_table_names() {
    let world = World::start().await;
    let triers = triers(&world).await;
    let mut wrong = Vec::new();
    for line in ROUTES {
        let in_project = line.path.contains("{project}");
        let projects: &[Option<&str>] = if in_project { &[Some(OWN), Some(OTHER)] } else { &[None] };
        for project in projects {
            for trier in &triers {
                // Signing out would end the trial; that it needs nothing is seen without a session.
                if line.needs == Needs::Public && !matches!(trier.credentials, Credentials::None) {
                    continue;
                }
                let method = reqwest::Method::from_bytes(line.method.as_str().as_bytes()).unwrap();
                let request = world.bare(method, &address(line, *project));
                // A body that nobody can read: who gets that far was let in, and nothing comes of it.
                let request = match line.method {
                    Method::Get => request,
                    _ => request.header("content-type", "application/json").body("{"),
                };
                let (found, said) = class(trier.sign(request)).await;
                let expected = trier.expected(line.needs, *project);
                if found != expected {
                    let route = format!("{} {}", line.method.as_str(), line.path);
                    wrong.push(format!(
                        "{} in {project:?}, {route}: {found:?} ({said}), not {expected:?}",
                        trier.name
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.end().await;
}
