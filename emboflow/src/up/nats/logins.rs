//! Who may connect to the child nats-server: our own services with a key each, this machine's clients with a password,
//! and whoever was added by `emboflow nats user add`.

use std::path::{Path, PathBuf};

use emboflow_model::{ExecutorId, PoolName};
use emboflow_protocol::rights::Part;

use super::USER;
use crate::nats_users::{Users, own};

/// What differs between installations.
pub(crate) struct Logins<'a> {
    /// Password of [`USER`].
    pub(crate) password: &'a str,
    /// The one executor.
    pub(crate) executor: ExecutorId,
    /// Its pool.
    pub(crate) pool: PoolName,
    /// Subjects that triggers listen to, and that this machine's clients may publish to.
    pub(crate) subjects: &'a [String],
}

/// Sees to it that everybody has a user with exactly its rights, and writes them where the server reads them.
pub(crate) fn prepare_logins(dir: &Path, logins: Logins<'_>) -> anyhow::Result<()> {
    let mut users = Users::open(dir)?;
    let Logins { password, executor, pool, subjects } = logins;
    // Streams come by `emboflow nats stream add`, and stay.
    let trigger = users.all().iter().find_map(|kept| match &kept.user.part {
        Part::Trigger { streams, .. } => Some(streams.clone()),
        _ => None,
    });
    users.ensure_password(own(USER, Part::Machine { feeds: subjects.to_vec() }), password);
    let parts = [
        ("api", Part::Api),
        ("scheduler", Part::Scheduler),
        ("executor", Part::Executor { pool, executor }),
        ("storage-gw", Part::Gateway),
        ("trigger", Part::Trigger { listens: subjects.to_vec(), streams: trigger.unwrap_or_default() }),
    ];
    for (name, part) in parts {
        users.ensure(own(name, part))?;
    }
    users.write()
}

/// Where the key of a service lies, by the name under which it connects: `emboflow-api`.
pub(crate) fn key_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{}.nk", name.strip_prefix("emboflow-").unwrap_or(name)))
}
