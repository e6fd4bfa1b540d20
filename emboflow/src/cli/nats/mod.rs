//! `emboflow nats …`: who may connect to the platform's NATS server. Works on files, without a server; only a stream is
//! made by it.

mod rights;
mod stream;
mod user;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Shared;
use crate::failure::Failure;
use crate::nats_users::{self, Server, USERS_CONF, Users, Which};
use crate::output::Output;

/// Look after the users of the platform's NATS server
#[derive(Debug, Args)]
pub(crate) struct Nats {
    /// Folder of the server's configuration, where users and keys are kept [default: nats in the data directory]
    #[arg(long, global = true, value_name = "DIR", env = "EMBOFLOW_NATS_DIR")]
    dir: Option<PathBuf>,
    /// File with the process id of a nats-server on this machine, which is told of changes [default: that of `emboflow up`]
    #[arg(long, global = true, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Process id of a nats-server on this machine, instead of --pid-file
    #[arg(long, global = true, value_name = "PID", conflicts_with = "pid_file")]
    pid: Option<i32>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make, list and remove users
    #[command(subcommand, visible_alias = "users")]
    User(user::User),
    /// Make streams of other systems, which triggers follow
    #[command(subcommand, visible_alias = "streams")]
    Stream(stream::Stream),
    /// Write the server's file of users anew, and tell the server
    Config,
    /// Print what users may publish and subscribe to
    Rights(rights::Which),
}

impl Nats {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let dir = match self.dir.as_ref().filter(|dir| !dir.as_os_str().is_empty()) {
            Some(dir) => dir.clone(),
            None => shared.data_dir().join("nats"),
        };
        let of_file = || self.pid_file.clone().map(Which::NamedIn);
        let place = Place { dir, server: self.pid.map(Which::Process).or_else(of_file) };
        match &self.what {
            What::Stream(stream) => stream.carry_out(&place, shared, output).await,
            What::User(user) => user.carry_out(&place, shared, output),
            What::Config => place.config(output),
            What::Rights(which) => which.print(&place, output),
        }
    }
}

/// Where the users of a server are kept, and how it is told of them.
struct Place {
    dir: PathBuf,
    server: Option<Which>,
}

impl Place {
    fn users(&self) -> Result<Users, Failure> {
        Ok(Users::open(&self.dir)?)
    }

    fn config(&self, output: &mut Output) -> Result<(), Failure> {
        let users = self.users()?;
        self.apply(&users, output)?;
        output.text(&format!("{}\n", self.dir.join(USERS_CONF).display()))?;
        Ok(())
    }

    /// Writes the files, and tells the server.
    fn apply(&self, users: &Users, output: &mut Output) -> Result<(), Failure> {
        users.write()?;
        match nats_users::reload(&self.dir, self.server.as_ref())? {
            Server::Told(pid) => {
                output.message(&format!("nats-server (process {pid}) reads its users again"))
            }
            Server::Absent => output.message(&format!(
                "no nats-server of `emboflow up` runs here; one that includes {} has to be told: \
                 nats-server --signal reload",
                self.dir.join(USERS_CONF).display()
            )),
        }
        Ok(())
    }
}
