//! Follows the decision log for runs that end or ask people, and tells who wants to know. The records are the authority; events over
//! NATS only wake.

mod follower;
mod starts;

use emboflow_model::{RunSummary, TaskKey, Timestamp};
use futures::FutureExt;
use futures::future::BoxFuture;

pub(crate) use follower::Follower;
pub(crate) use starts::RunFinished;

/// Somebody who wants to know of runs that ended. Told at least once of each, also of those that ended while this
/// process was down.
pub(crate) trait Listener: Send + Sync {
    /// What its place in the log is kept under: never to be changed, and no other's.
    fn name(&self) -> &'static str;

    /// Whether anything is to be told at all, as far as this process knows.
    fn is_listening(&self) -> bool;

    /// Reads anew what is to be told, so that nothing that was asked for before a run ended is overlooked.
    fn look(&self) -> BoxFuture<'_, anyhow::Result<()>>;

    /// A run ended. Errors: the same run is told again later, and the ones after it wait.
    fn ended<'a>(&'a self, run: &'a RunSummary) -> BoxFuture<'a, anyhow::Result<()>>;

    /// A person was asked to decide on a task; most do not care. Errors: as of [`Listener::ended`].
    fn asked<'a>(
        &'a self,
        _run: &'a RunSummary,
        _task: &'a TaskKey,
        _at: Timestamp,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        std::future::ready(Ok(())).boxed()
    }
}
