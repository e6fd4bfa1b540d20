//! `emboflow nats stream add`: a stream of another system, which triggers follow.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use emboflow_bus::{Bus, Connection, ForeignStream};
use emboflow_model::NatsUserName;
use emboflow_protocol::rights::{Part, is_foreign_stream, is_foreign_subject};

use super::{Place, Shared};
use crate::failure::Failure;
use crate::nats_users::{Users, own};
use crate::output::Output;
use crate::up_json::UpJson;

/// The user that makes the stream; it is there as long as that takes.
const MAKER: &str = "stream-maker";
/// How long the server has to hear of its users.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
const DAY_S: u64 = 24 * 60 * 60;

#[derive(Debug, Subcommand)]
pub(super) enum Stream {
    /// Make a stream for messages of other systems, and let triggers follow it
    Add(Add),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Name of the stream: letters, digits, '-' and '_'
    name: String,
    /// Subject that it stores; may be repeated
    #[arg(long = "subject", value_name = "SUBJECT", required = true)]
    subjects: Vec<String>,
    /// Room for its messages, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..1_000_000))]
    max_mib: u32,
    /// Days that a message stays; 0 = as long as there is room
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    max_age_days: u16,
    /// Keep each message until one trigger has taken it, and refuse new ones when it is full
    #[arg(long)]
    queue: bool,
    /// Address of the NATS server [default: that of `emboflow up`]
    #[arg(long, value_name = "URL", env = "EMBOFLOW_NATS_URL")]
    nats_url: Option<String>,
    /// PEM file with the authority of the server's certificate, for tls:// addresses
    #[arg(long, value_name = "FILE")]
    nats_ca_file: Option<PathBuf>,
}

impl Stream {
    pub(super) async fn carry_out(
        &self,
        place: &Place,
        shared: &Shared,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let Self::Add(add) = self;
        add.check()?;
        let url = add.url(shared)?;
        place.apply(&add.let_in(place)?, output)?;
        let made = add.make(place, url).await?;
        // Whoever may make a stream may have it store anything that moves: nobody keeps that right.
        let mut users = place.users()?;
        users.remove(&maker())?;
        place.apply(&users, output)?;
        if !made {
            output.message(&format!("stream {} is there already; its settings stay as they are", add.name));
        }
        output.text(&format!("{}\n", add.name))?;
        output.message(
            "triggers of every project may follow it, unless the trigger service's setting `foreign` says whose it is",
        );
        Ok(())
    }
}

impl Add {
    fn check(&self) -> Result<(), Failure> {
        if !is_foreign_stream(&self.name) {
            return Err(Failure::usage(format!(
                "`{}` is not the name of another system's stream",
                self.name
            )));
        }
        match self.subjects.iter().find(|subject| !is_foreign_subject(subject)) {
            Some(subject) => Err(Failure::usage(format!("`{subject}` is not a subject of other systems"))),
            None => Ok(()),
        }
    }

    fn url(&self, shared: &Shared) -> Result<String, Failure> {
        if let Some(url) = self.nats_url.clone().filter(|url| !url.is_empty()) {
            return Ok(url);
        }
        let up = UpJson::read(shared.data_dir())?;
        up.map(|up| up.nats_url).ok_or_else(|| {
            Failure::usage(format!(
                "no `emboflow up` runs in {}: name the server with --nats-url",
                shared.data_dir().display()
            ))
        })
    }

    /// The users with a maker of this stream, and a trigger service that may follow it.
    fn let_in(&self, place: &Place) -> Result<Users, Failure> {
        let mut users = place.users()?;
        let triggers = users.all().iter().filter_map(|kept| match &kept.user.part {
            Part::Trigger { listens, streams } => {
                Some((kept.user.name.clone(), listens.clone(), streams.clone()))
            }
            _ => None,
        });
        let triggers: Vec<_> = triggers.collect();
        if triggers.is_empty() {
            return Err(Failure::usage(format!(
                "{} has no user for the trigger service: `emboflow nats user add trigger --part trigger` makes it",
                place.dir.display()
            )));
        }
        for (name, listens, mut streams) in triggers {
            if !streams.contains(&self.name) {
                streams.push(self.name.clone());
                users.change(&name, Part::Trigger { listens, streams });
            }
        }
        let is_other = |part: &Part| !matches!(part, Part::Streams { .. });
        if users.get(&maker()).is_some_and(|kept| is_other(&kept.user.part)) {
            return Err(Failure::usage(format!(
                "`{MAKER}` is the name of the user that makes streams; another user has it: remove that one first"
            )));
        }
        users.ensure(own(MAKER, Part::Streams { streams: vec![self.name.clone()] }))?;
        Ok(users)
    }

    async fn make(&self, place: &Place, url: String) -> anyhow::Result<bool> {
        let config = emboflow_bus::Config {
            url: url.clone(),
            name: "emboflow-cli".to_owned(),
            nkey_file: Some(place.dir.join(format!("{MAKER}.nk"))),
            ca_file: self.nats_ca_file.clone(),
            ..emboflow_bus::Config::default()
        };
        let bus = Bus::connect(&config).await?;
        let mut connection = bus.connection();
        let known = connection.wait_for(|state| *state == Connection::Connected);
        let is_known = matches!(tokio::time::timeout(KNOWN_WITHIN, known).await, Ok(Ok(_)));
        anyhow::ensure!(
            is_known,
            "{url} does not let `{MAKER}` in: tell the server to read its users again \
             (nats-server --signal reload), and give the command again"
        );
        let wanted = ForeignStream {
            name: self.name.clone(),
            subjects: self.subjects.clone(),
            max_bytes: i64::from(self.max_mib) * 1024 * 1024,
            max_age: (self.max_age_days > 0)
                .then(|| Duration::from_secs(u64::from(self.max_age_days) * DAY_S)),
            is_queue: self.queue,
        };
        bus.make_foreign(&wanted).await.context("making the stream")
    }
}

fn maker() -> NatsUserName {
    NatsUserName::new(MAKER).expect("the maker's name is one")
}
