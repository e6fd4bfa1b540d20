//! `emboflow notification list|show|set|pause|resume|remove`

use std::collections::BTreeSet;

use clap::{ArgGroup, Args, Subcommand};
use emboflow_model::notification::{Delivery, Destination, NotificationSpec};
use emboflow_model::{RunState, SecretName, WorkflowName};
use emboflow_protocol::http::notification::{NotificationRow, NotificationView, PauseBody};
use reqwest::Method;

use super::Shared;
use super::secret_input::confirm;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Notification {
    /// List to whom it is told that runs ended, or wait for a person
    #[command(visible_alias = "ls")]
    List,
    /// Show a notification with its newest deliveries
    Show {
        /// The notification
        name: String,
    },
    /// Make a notification, or change one
    Set(Set),
    /// Stop sending for a while; what happens meanwhile is not told
    Pause {
        /// The notification
        name: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Send again
    Resume {
        /// The notification
        name: String,
    },
    /// Remove a notification
    #[command(visible_alias = "rm")]
    Remove {
        /// The notification
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("to").required(true).args(["webhook", "email", "topic"])))]
pub(crate) struct Set {
    /// The notification
    name: String,
    /// Send a signed HTTP request to this address
    #[arg(long, value_name = "URL", requires = "secret")]
    webhook: Option<String>,
    /// Secret of the project that webhooks are signed with
    #[arg(long, value_name = "NAME")]
    secret: Option<SecretName>,
    /// Send a mail to this address (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    email: Vec<String>,
    /// Publish on emboflow.notification.PROJECT.TOPIC
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// What is told: ends of runs, and `approval`, that a task waits for a person to decide
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "failed,timed_out",
        value_parser = told)]
    on: Vec<Told>,
    /// Only runs of this workflow (may be repeated)
    #[arg(long, value_name = "NAME")]
    workflow: Vec<WorkflowName>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// What somebody wants to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    End(RunState),
    Approval,
}

/// The word for tasks that wait for a person.
const APPROVAL: &str = "approval";

fn told(word: &str) -> Result<Told, String> {
    if word == APPROVAL {
        return Ok(Told::Approval);
    }
    let ends = || RunState::ALL.iter().filter(|state| state.is_terminal()).map(|state| state.word());
    RunState::from_word(word).filter(|state| state.is_terminal()).map(Told::End).ok_or_else(|| {
        format!(
            "what can be told is {APPROVAL}, and the ends of a run: {}",
            ends().collect::<Vec<_>>().join(", ")
        )
    })
}

impl Told {
    fn end(&self) -> Option<RunState> {
        match self {
            Self::End(state) => Some(*state),
            Self::Approval => None,
        }
    }
}

impl Set {
    fn spec(&self) -> Result<NotificationSpec, Failure> {
        let to = match (&self.webhook, &self.secret, &self.topic) {
            (Some(url), Some(secret), _) => Destination::Webhook { url: url.clone(), secret: secret.clone() },
            (None, Some(_), _) => return Err(Failure::Usage("--secret goes with --webhook".to_owned())),
            (_, _, Some(topic)) => Destination::Nats { topic: topic.clone() },
            _ => Destination::Email { addresses: self.email.clone() },
        };
        Ok(NotificationSpec {
            to,
            states: self.on.iter().filter_map(Told::end).collect(),
            approvals: self.on.contains(&Told::Approval),
            workflows: self.workflow.iter().cloned().collect::<BTreeSet<_>>(),
            description: self.description.clone(),
        })
    }
}

impl Notification {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List => list(&client, output).await,
            Self::Show { name } => {
                let request = client.request(Method::GET, place(&client, &[name]));
                show(&client.json(request).await?, output)
            }
            Self::Set(set) => {
                let request = client.request(Method::PUT, place(&client, &[&set.name]));
                show(&client.json(request.json(&set.spec()?)).await?, output)
            }
            Self::Pause { name, reason } => {
                let request = client.request(Method::POST, place(&client, &[name, "pause"]));
                let body = PauseBody { reason: reason.clone() };
                show(&client.json(request.json(&body)).await?, output)
            }
            Self::Resume { name } => {
                let request = client.request(Method::POST, place(&client, &[name, "resume"]));
                show(&client.json(request).await?, output)
            }
            Self::Remove { name, yes } => {
                confirm(&format!("Remove the notification {name}?"), *yes)?;
                client.send(client.request(Method::DELETE, place(&client, &[name]))).await?;
                output.message(&format!("notification {name} is removed"));
                Ok(())
            }
        }
    }
}

fn place(client: &Client, rest: &[&str]) -> reqwest::Url {
    client.in_project(&[&["notifications"], rest].concat())
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let all: Vec<NotificationRow> = client.list(place(client, &[]), usize::MAX).await?;
    if all.is_empty() && !output.is_for_programs() {
        output.message(&format!(
            "nobody is told of runs of the project {}; `emboflow notification set NAME` tells somebody",
            client.project()
        ));
    }
    let now = text::now();
    output.list(
        &all,
        &["NOTIFICATION", "TO", "TELLS OF", "WORKFLOWS", "LAST", "UNDER WAY"],
        |row| row.name.to_string(),
        |row, _| {
            let last =
                row.last.as_ref().map(|last| format!("{}, {}", ending(last), text::ago(last.ended_at, now)));
            let last = if row.paused.is_some() { Some("paused".to_owned()) } else { last };
            vec![
                row.name.to_string(),
                to(&row.spec.to),
                tells_of(&row.spec),
                words(row.spec.workflows.iter(), "all"),
                last.unwrap_or_else(|| "-".to_owned()),
                row.under_way.to_string(),
            ]
        },
    )?;
    Ok(())
}

fn show(view: &NotificationView, output: &mut Output) -> Result<(), Failure> {
    let now = text::now();
    output.one(view, view.name.as_str(), |output| {
        let mut facts = vec![
            ("notification", view.name.to_string()),
            ("to", to(&view.spec.to)),
            ("tells of", tells_of(&view.spec)),
            ("workflows", words(view.spec.workflows.iter(), "all")),
            ("made", format!("{} by {}", text::ago(view.created_at, now), view.created_by)),
        ];
        facts.extend(view.spec.description.iter().map(|text| ("for", text.clone())));
        facts.extend(view.paused.iter().map(|paused| {
            ("paused", format!("{} by {}: {}", text::ago(paused.at, now), paused.by, paused.reason))
        }));
        for (name, value) in facts {
            output.line(&format!("{name:<14}{value}"))?;
        }
        if view.deliveries.is_empty() {
            return output.line("nothing has been sent yet");
        }
        let rows = view.deliveries.iter().map(|it| {
            let error = it.error.clone().unwrap_or_default();
            let about = it.task.as_ref().map_or(it.state.to_string(), |task| format!("asks about {task}"));
            vec![it.run.to_string(), about, ending(it), it.tries.to_string(), error]
        });
        output.line("")?;
        output.table(&["RUN", "WHAT", "DELIVERY", "TRIES", "LAST ERROR"], rows.collect())
    })?;
    Ok(())
}

fn tells_of(spec: &NotificationSpec) -> String {
    let ends = spec.states.iter().map(|state| state.word());
    words(ends.chain(spec.approvals.then_some(APPROVAL)), "-")
}

fn to(destination: &Destination) -> String {
    match destination {
        Destination::Webhook { url, .. } => format!("webhook {url}"),
        Destination::Email { addresses } => format!("mail to {}", addresses.join(", ")),
        Destination::Nats { topic } => format!("NATS topic {topic}"),
    }
}

fn ending(delivery: &Delivery) -> String {
    let word = match (delivery.delivered_at, delivery.next_at) {
        (Some(_), _) => "delivered",
        (None, Some(_)) => "under way",
        (None, None) => "given up",
    };
    word.to_owned()
}

fn words<T: ToString>(all: impl Iterator<Item = T>, none: &str) -> String {
    let words: Vec<String> = all.map(|one| one.to_string()).collect();
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        notification: Notification,
    }

    fn spec(on: &[&str]) -> Result<NotificationSpec, String> {
        let line = ["emboflow", "set", "people", "--email", "a@example.org"].iter().chain(on);
        let Line { notification } = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        let Notification::Set(set) = notification else { unreachable!("it is `set`") };
        Ok(set.spec().unwrap())
    }

    #[test]
    fn who_wants_to_be_asked_says_approval_beside_ends_or_alone() {
        let usual = spec(&[]).unwrap();
        assert!(!usual.approvals && usual.states.contains(&RunState::Failed));
        let alone = spec(&["--on", "approval"]).unwrap();
        assert!(alone.approvals && alone.states.is_empty());
        assert_eq!(tells_of(&alone), "approval");
        let both = spec(&["--on", "cancelled,approval"]).unwrap();
        assert_eq!(tells_of(&both), "cancelled, approval");
        let odd = spec(&["--on", "running"]).unwrap_err();
        assert!(odd.contains("what can be told is approval") && odd.contains("timed_out"), "{odd}");
    }
}
