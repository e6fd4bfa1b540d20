//! To whom a notification goes, and of which runs.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{SecretName, WorkflowName, is_name};
use crate::state::RunState;

/// Addresses of one e-mail at most.
const MAX_ADDRESSES: usize = 20;
/// Characters of an address or URL at most.
const MAX_ADDRESS_CHARS: usize = 2_000;

/// A notification as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationSpec {
    /// Where it goes.
    pub to: Destination,
    /// The ends of runs that are told; `failed` and `timed_out` unless given.
    #[serde(default = "bad_ends")]
    pub states: BTreeSet<RunState>,
    /// It is also told when a task waits for a person to decide. Then `states` may be empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approvals: bool,
    /// Only runs of these workflows; of all of them when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub workflows: BTreeSet<WorkflowName>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300))]
    pub description: Option<String>,
}

/// Where a notification goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Destination {
    /// A signed HTTP request.
    Webhook {
        /// `https://…`; plain `http://` where the operator allows it.
        url: String,
        /// The secret of the project that it is signed with.
        secret: SecretName,
    },
    /// An e-mail.
    Email {
        /// The addresses, 20 at most.
        addresses: Vec<String>,
    },
    /// A message on `emboflow.notification.<project>.<topic>`.
    Nats {
        /// The last part of the subject, of the form of a name.
        topic: String,
    },
}

impl Destination {
    /// `webhook`, `email` or `nats`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Email { .. } => "email",
            Self::Nats { .. } => "nats",
        }
    }
}

fn bad_ends() -> BTreeSet<RunState> {
    [RunState::Failed, RunState::TimedOut].into()
}

impl NotificationSpec {
    /// Whether the end of such a run is told.
    pub fn tells(&self, workflow: &WorkflowName, state: RunState) -> bool {
        self.states.contains(&state) && self.is_about(workflow)
    }

    /// Whether it is told that a task of such a run waits for a person.
    pub fn tells_of_approvals(&self, workflow: &WorkflowName) -> bool {
        self.approvals && self.is_about(workflow)
    }

    fn is_about(&self, workflow: &WorkflowName) -> bool {
        self.workflows.is_empty() || self.workflows.contains(workflow)
    }
}

/// Finds what is wrong with a spec: JSON pointers and words. Whether a host may be reached is judged when it is.
pub fn check(spec: &NotificationSpec) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if spec.states.is_empty() && !spec.approvals {
        wrong.push((
            "/states",
            "it would never tell anything: name at least one end, or set `approvals`".to_owned(),
        ));
    }
    for state in spec.states.iter().filter(|state| !state.is_terminal()) {
        wrong.push(("/states", format!("'{state}' is no end of a run")));
    }
    if spec.description.as_ref().is_some_and(|text| text.chars().count() > 300) {
        wrong.push(("/description", "a description has at most 300 characters".to_owned()));
    }
    match &spec.to {
        Destination::Webhook { url, .. } => wrong.extend(check_url(url).map(|why| ("/to/webhook/url", why))),
        Destination::Email { addresses } => {
            if !(1..=MAX_ADDRESSES).contains(&addresses.len()) {
                let why = format!("1 to {MAX_ADDRESSES} addresses, not {}", addresses.len());
                wrong.push(("/to/email/addresses", why));
            }
            let odd = addresses.iter().filter(|address| !is_address(address));
            wrong.extend(odd.map(|odd| ("/to/email/addresses", format!("'{}' is no address", cut(odd)))));
        }
        Destination::Nats { topic } if is_name(topic) => {}
        Destination::Nats { topic } => {
            let why = format!("'{}' is no topic: a-z, 0-9 and '-', beginning with a letter", cut(topic));
            wrong.push(("/to/nats/topic", why));
        }
    }
    wrong
}

/// The form only: scheme, a host, nothing that a person would type by mistake.
fn check_url(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Some(format!("'{}' begins with neither https:// nor http://", cut(url)));
    };
    if url.len() > MAX_ADDRESS_CHARS {
        return Some(format!("an address has at most {MAX_ADDRESS_CHARS} characters"));
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("a space or a control character in it".to_owned());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.starts_with(':') {
        return Some("it names no host".to_owned());
    }
    if authority.contains('@') {
        return Some("it has a user or password; what it is signed with shows who sends it".to_owned());
    }
    None
}

/// One `@` with something on both sides; whether mail arrives, only mail can tell.
fn is_address(address: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
    };
    address.len() <= 254
        && address
            .split_once('@')
            .is_some_and(|(user, host)| plain(user) && plain(host) && host.contains('.'))
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(value: Value) -> NotificationSpec {
        serde_json::from_value(value).unwrap()
    }

    fn wrong(to: Value) -> Vec<&'static str> {
        check(&spec(json!({ "to": to }))).into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn only_the_named_ends_of_the_named_workflows_are_told() {
        let digits = WorkflowName::new("digits").unwrap();
        let all = spec(json!({ "to": { "nats": { "topic": "ends" } } }));
        assert!(all.tells(&digits, RunState::Failed) && all.tells(&digits, RunState::TimedOut));
        assert!(!all.tells(&digits, RunState::Succeeded), "good ends are told when somebody asks for them");
        let one = spec(json!({
            "to": { "nats": { "topic": "ends" } }, "states": ["succeeded"], "workflows": ["report"]
        }));
        assert!(!one.tells(&digits, RunState::Succeeded));
        assert!(one.tells(&WorkflowName::new("report").unwrap(), RunState::Succeeded));
    }

    #[test]
    fn who_wants_to_be_asked_says_so_and_is_asked_about_the_named_workflows() {
        let digits = WorkflowName::new("digits").unwrap();
        let ends = spec(json!({ "to": { "nats": { "topic": "t" } } }));
        assert!(!ends.tells_of_approvals(&digits), "as those of before this was possible");
        assert_eq!(serde_json::to_value(&ends).unwrap().get("approvals"), None, "which others read");
        let asked = spec(json!({ "to": { "nats": { "topic": "t" } }, "approvals": true }));
        assert!(asked.tells_of_approvals(&digits) && asked.tells(&digits, RunState::Failed));
        let one = spec(json!({
            "to": { "nats": { "topic": "t" } }, "approvals": true, "workflows": ["report"]
        }));
        assert!(!one.tells_of_approvals(&digits));
    }

    #[test]
    fn a_destination_that_cannot_be_meant_is_refused_with_its_place() {
        for url in ["https://example.org/hook?x=1", "http://10.0.0.7:8080", "https://[2001:db8::1]/x"] {
            assert_eq!(wrong(json!({ "webhook": { "url": url, "secret": "hook" } })), [""; 0], "{url}");
        }
        for url in ["", "example.org", "ftp://x", "https://", "https://:80", "https://a b", "https://u:p@x/"]
        {
            assert_eq!(
                wrong(json!({ "webhook": { "url": url, "secret": "hook" } })),
                ["/to/webhook/url"],
                "{url}"
            );
        }
        assert_eq!(wrong(json!({ "email": { "addresses": ["a.b+c@example.org"] } })), [""; 0]);
        for odd in ["a", "a@", "@b.c", "a@b", "a@b.c\r\nBcc: x@y.z", "a b@c.d", "a@b@c.d"] {
            assert_eq!(wrong(json!({ "email": { "addresses": [odd] } })), ["/to/email/addresses"], "{odd}");
        }
        assert_eq!(wrong(json!({ "email": { "addresses": [] } })), ["/to/email/addresses"]);
        for odd in ["", "a.b", "*", ">", "A", "a b"] {
            assert_eq!(wrong(json!({ "nats": { "topic": odd } })), ["/to/nats/topic"], "{odd}");
        }
    }

    #[test]
    fn a_state_that_is_no_end_is_refused() {
        let odd = spec(json!({ "to": { "nats": { "topic": "t" } }, "states": ["running", "failed"] }));
        assert_eq!(check(&odd).len(), 1);
        let none = spec(json!({ "to": { "nats": { "topic": "t" } }, "states": [] }));
        assert_eq!(check(&none)[0].0, "/states");
        let asked = spec(json!({ "to": { "nats": { "topic": "t" } }, "states": [], "approvals": true }));
        assert_eq!(check(&asked), []);
    }
}
