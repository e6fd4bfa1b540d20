//! `emboflow nats rights`: what users may publish and subscribe to.

use clap::Args;
use emboflow_model::{ExecutorId, NatsUserName, PoolName, ProjectName};
use emboflow_protocol::rights::{NatsUser, Part, Rights, rights};
use serde::Serialize;

use super::Place;
use crate::failure::Failure;
use crate::nats_users::own;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only this user
    name: Option<NatsUserName>,
    /// One user of each part, as an example, instead of those that are kept
    #[arg(long, conflicts_with = "name")]
    example: bool,
}

/// A user with its rights.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    user: NatsUser,
    #[serde(flatten)]
    rights: Rights,
}

impl Which {
    pub(super) fn print(&self, place: &Place, output: &mut Output) -> Result<(), Failure> {
        let users = if self.example { examples() } else { self.kept(place)? };
        let rows: Vec<_> = users.into_iter().map(|user| Row { rights: rights(&user), user }).collect();
        if output.is_for_programs() {
            return Ok(output.json(&rows)?);
        }
        output.table(&["USER", "MAY", "SUBJECT"], rows.iter().flat_map(lines).collect())?;
        Ok(())
    }

    fn kept(&self, place: &Place) -> Result<Vec<NatsUser>, Failure> {
        let users = place.users()?;
        let wanted = |name: &NatsUserName| self.name.as_ref().is_none_or(|wanted| wanted == name);
        let found: Vec<_> =
            users.all().iter().map(|kept| kept.user.clone()).filter(|user| wanted(&user.name)).collect();
        if found.is_empty() {
            let who = self.name.as_ref().map_or("user".to_owned(), |name| format!("user `{name}`"));
            return Err(Failure::usage(format!(
                "there is no {who} in {}; --example shows one of each part",
                place.dir.display()
            )));
        }
        Ok(found)
    }
}

fn lines(row: &Row) -> Vec<Vec<String>> {
    let line = |may: &str, subject: &str| vec![row.user.name.to_string(), may.to_owned(), subject.to_owned()];
    let publish = row.rights.publish.iter().map(|subject| line("publish", subject));
    let subscribe = row.rights.subscribe.iter().map(|subject| line("subscribe", subject));
    let answers = row.rights.answers.then(|| line("answer", "what it is asked, once, in the asker's inbox"));
    publish.chain(subscribe).chain(answers).collect()
}

/// One user of each part.
fn examples() -> Vec<NatsUser> {
    let (pool, executor) = (PoolName::new("default"), ExecutorId::new("exec-1"));
    let (Ok(project), Ok(pool), Ok(executor)) = (ProjectName::new("lab"), pool, executor) else {
        return Vec::new();
    };
    let outside = |publish_only, decides| Part::Outside {
        project: project.clone(),
        publish_only,
        decides,
        feeds: Vec::new(),
    };
    vec![
        own("api", Part::Api),
        own("scheduler", Part::Scheduler),
        own("gateway", Part::Gateway),
        own("trigger", Part::Trigger { listens: Vec::new(), streams: Vec::new() }),
        own("executor", Part::Executor { pool, executor }),
        own("robots", outside(false, false)),
        own("sensor", outside(true, false)),
        own("releaser", outside(false, true)),
    ]
}
