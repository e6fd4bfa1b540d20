//! `emboflow nats user add|change|list|remove`

use clap::{Args, Subcommand, ValueEnum};
use emboflow_model::{ExecutorId, NatsUserName, PoolName, ProjectName};
use emboflow_protocol::rights::{NatsUser, Part, inbox_prefix, is_foreign_stream, is_foreign_subject};

use super::{Place, Shared};
use crate::failure::Failure;
use crate::nats_users::{KeptLogin, KeptUser};
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make a user with a key: a system outside that sees one project, or with --part one of the platform's own
    Add(Add),
    /// Give a user more to listen to, to feed or to decide, or take some of it away; its key stays
    Change(Change),
    /// List users
    #[command(visible_alias = "ls")]
    List,
    /// Remove a user and its key; its open connections end
    #[command(visible_alias = "rm")]
    Remove {
        /// The user
        name: NatsUserName,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Name: starts with a letter a-z, goes on with a-z, 0-9 or '-'
    name: NatsUserName,
    /// What it is
    #[arg(long, value_enum, default_value_t = Kind::Outside)]
    part: Kind,
    /// It sends requests, and sees neither answers nor events
    #[arg(long)]
    publish_only: bool,
    /// It may approve and reject tasks, in the project's name
    #[arg(long)]
    decides: bool,
    /// Subject that triggers listen to, and that the system outside may publish to; may be repeated
    #[arg(long, value_name = "SUBJECT")]
    feed: Vec<String>,
    /// The executor's id, for --part executor
    #[arg(long, value_name = "ID")]
    executor: Option<ExecutorId>,
    /// The executor's pool [default: default]
    #[arg(long, value_name = "NAME")]
    pool: Option<PoolName>,
    /// Subject of another system that triggers listen to, for --part trigger; may be repeated
    #[arg(long, value_name = "SUBJECT")]
    listen: Vec<String>,
    /// Stream of another system that triggers take from, for --part trigger; may be repeated
    #[arg(long, value_name = "NAME")]
    stream: Vec<String>,
    /// Change nothing when the same user is there already
    #[arg(long)]
    if_missing: bool,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// The user
    name: NatsUserName,
    /// Whether a system outside may approve and reject tasks: --decides, or --decides=false
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    decides: Option<bool>,
    /// Subject that a system outside may also publish to; may be repeated
    #[arg(long, value_name = "SUBJECT")]
    feed: Vec<String>,
    /// Subject that triggers may also listen to; may be repeated
    #[arg(long, value_name = "SUBJECT")]
    listen: Vec<String>,
    /// Stream that triggers may also take from; may be repeated
    #[arg(long, value_name = "NAME")]
    stream: Vec<String>,
    /// Subject or stream that it may no longer use; may be repeated
    #[arg(long, value_name = "NAME")]
    drop: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A system outside of the platform: requests, answers and events of one project
    Outside,
    /// The API
    Api,
    /// The scheduler
    Scheduler,
    /// The storage gateway
    Gateway,
    /// The service that starts runs by itself
    Trigger,
    /// One executor
    Executor,
}

impl User {
    pub(super) fn carry_out(
        &self,
        place: &Place,
        shared: &Shared,
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.carry_out(place, shared, output),
            Self::Change(change) => change.carry_out(place, output),
            Self::List => list(place.users()?.all(), output),
            Self::Remove { name } => {
                let mut users = place.users()?;
                if !users.remove(name)? {
                    return Err(Failure::usage(format!(
                        "there is no user `{name}` in {}",
                        place.dir.display()
                    )));
                }
                place.apply(&users, output)
            }
        }
    }
}

impl Add {
    fn carry_out(&self, place: &Place, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let user = NatsUser { name: self.name.clone(), part: self.part(shared)? };
        let mut users = place.users()?;
        if self.if_missing && users.get(&user.name).is_some_and(|kept| kept.user == user) {
            output.text(&format!("{}\n", users.key_file(&user.name).display()))?;
            return place.apply(&users, output);
        }
        let path = users.add(user)?;
        place.apply(&users, output)?;
        output.text(&format!("{}\n", path.display()))?;
        output.message(&format!(
            "its seed, which is nowhere else; its client's inbox prefix has to be {}",
            inbox_prefix(&self.name)
        ));
        Ok(())
    }

    fn part(&self, shared: &Shared) -> Result<Part, Failure> {
        self.check_flags()?;
        Ok(match self.part {
            Kind::Api => Part::Api,
            Kind::Scheduler => Part::Scheduler,
            Kind::Gateway => Part::Gateway,
            Kind::Trigger => Part::Trigger { listens: self.listen.clone(), streams: self.stream.clone() },
            Kind::Executor => Part::Executor {
                executor: self.executor.clone().ok_or_else(|| {
                    Failure::usage("an executor's user is bound to its id: give it with --executor ID")
                })?,
                pool: self
                    .pool
                    .clone()
                    .unwrap_or_else(|| PoolName::new("default").expect("the default pool has a name")),
            },
            Kind::Outside => {
                let project = shared.target().project.unwrap_or_else(|| "default".to_owned());
                let project =
                    ProjectName::new(&project).map_err(|error| Failure::usage(error.to_string()))?;
                Part::Outside {
                    project,
                    publish_only: self.publish_only,
                    decides: self.decides,
                    feeds: self.feed.clone(),
                }
            }
        })
    }

    /// Refuses what would be passed over.
    fn check_flags(&self) -> Result<(), Failure> {
        let for_one = [
            (self.publish_only, "--publish-only", Kind::Outside),
            (self.decides, "--decides", Kind::Outside),
            (!self.feed.is_empty(), "--feed", Kind::Outside),
            (self.executor.is_some(), "--executor", Kind::Executor),
            (self.pool.is_some(), "--pool", Kind::Executor),
            (!self.listen.is_empty(), "--listen", Kind::Trigger),
            (!self.stream.is_empty(), "--stream", Kind::Trigger),
        ];
        if let Some((_, flag, kind)) = for_one.iter().find(|(given, _, kind)| *given && *kind != self.part) {
            let kind = kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            return Err(Failure::usage(format!("{flag} goes with --part {kind}")));
        }
        check_foreign(self.listen.iter().chain(&self.feed), &self.stream)
    }
}

impl Change {
    fn carry_out(&self, place: &Place, output: &mut Output) -> Result<(), Failure> {
        check_foreign(self.listen.iter().chain(&self.feed), &self.stream)?;
        let mut users = place.users()?;
        let Some(kept) = users.get(&self.name) else {
            return Err(Failure::usage(format!(
                "there is no user `{}` in {}",
                self.name,
                place.dir.display()
            )));
        };
        let part = self.changed(kept.user.part.clone())?;
        users.change(&self.name, part);
        place.apply(&users, output)
    }

    /// What the user becomes.
    fn changed(&self, mut part: Part) -> Result<Part, Failure> {
        match (self.decides, &mut part) {
            (None, _) => {}
            (Some(may), Part::Outside { decides, .. }) => *decides = may,
            (Some(_), _) => {
                return Err(Failure::usage(format!(
                    "--decides is nothing that user `{}` could use: it is for systems outside",
                    self.name
                )));
            }
        }
        let (listens, streams, feeds) = match &mut part {
            Part::Trigger { listens, streams } => (Some(listens), Some(streams), None),
            Part::Outside { feeds, .. } => (None, None, Some(feeds)),
            _ => (None, None, None),
        };
        let mut unknown = self.drop.clone();
        let of_flags = [
            ("--listen", &self.listen, listens),
            ("--stream", &self.stream, streams),
            ("--feed", &self.feed, feeds),
        ];
        for (flag, more, list) in of_flags {
            let Some(list) = list else {
                if more.is_empty() {
                    continue;
                }
                return Err(Failure::usage(format!("{flag} is nothing that user `{}` could use", self.name)));
            };
            for name in more {
                if !list.contains(name) {
                    list.push(name.clone());
                }
            }
            unknown.retain(|name| !list.contains(name));
            list.retain(|name| !self.drop.contains(name));
        }
        match unknown.first() {
            Some(name) => Err(Failure::usage(format!("user `{}` has no `{name}`", self.name))),
            None => Ok(part),
        }
    }
}

/// Refuses what is not of other systems.
fn check_foreign<'a>(
    mut subjects: impl Iterator<Item = &'a String>,
    streams: &[String],
) -> Result<(), Failure> {
    if let Some(subject) = subjects.find(|subject| !is_foreign_subject(subject)) {
        return Err(Failure::usage(format!(
            "`{subject}` is not a subject of other systems: its first part has to be a word, and neither \
             `emboflow` nor one of NATS' own"
        )));
    }
    match streams.iter().find(|name| !is_foreign_stream(name)) {
        Some(stream) => Err(Failure::usage(format!("`{stream}` is not the name of another system's stream"))),
        None => Ok(()),
    }
}

fn list(users: &[KeptUser], output: &mut Output) -> Result<(), Failure> {
    if users.is_empty() && !output.is_for_programs() {
        output.message("there are no users yet: `emboflow nats user add NAME --project PROJECT`");
    }
    let shown: Vec<_> = users.iter().map(|kept| (&kept.user, key(kept))).collect();
    output.list(
        &shown,
        &["USER", "PART", "KEY"],
        |(user, _)| user.name.to_string(),
        |(user, key), _| vec![user.name.to_string(), user.part.to_string(), (*key).to_owned()],
    )?;
    Ok(())
}

/// The public key; nothing for one with a password.
fn key(kept: &KeptUser) -> &str {
    match &kept.login {
        KeptLogin::PublicKey(key) => key,
        KeptLogin::Password(_) => "password",
    }
}
