//! Watching a run: its state as it changes, drawn as bars or written as lines, and how it ended.

mod ending;
mod progress;
mod pulls;
mod view;

use emboflow_model::{RunId, TaskKey};

pub(crate) use ending::{outcome, report};
pub(crate) use progress::Progress;
pub(crate) use view::RunView;

use crate::client::Client;
use crate::client::events::{Events, Message};
use crate::failure::Failure;

/// A run that is followed over the event stream; the server is never asked twice.
pub(crate) struct RunWatch {
    events: Events,
    view: RunView,
    /// Something was left out: everything has to be read again.
    is_stale: bool,
}

impl RunWatch {
    /// Begins to listen, then reads how the run is now.
    pub(crate) async fn open(client: Client, run: RunId) -> Result<Self, Failure> {
        let mut events = Events::open(client, run).await?;
        while !matches!(events.next().await?, Message::Hello | Message::Resync) {}
        let view = read(events.client(), run).await?;
        Ok(Self { events, view, is_stale: false })
    }

    /// The run as it is now.
    pub(crate) fn view(&self) -> &RunView {
        &self.view
    }

    /// Waits for a change; gives the tasks that changed. A caller that stops waiting misses nothing.
    pub(crate) async fn next(&mut self) -> Result<Vec<TaskKey>, Failure> {
        while !self.is_stale {
            let known = match self.events.next().await? {
                Message::Hello => continue,
                Message::Run(event) => self.view.take(*event),
                Message::Progress(progress) => match self.view.take_progress(*progress) {
                    Some(changed) => Some(vec![changed]),
                    None => continue,
                },
                Message::Resync => None,
            };
            match known {
                Some(changed) => return Ok(changed),
                None => self.is_stale = true,
            }
        }
        let newer = read(self.events.client(), self.view.summary.id).await?;
        self.is_stale = false;
        Ok(self.view.replace(newer))
    }

    /// The client, which may meanwhile have found the server somewhere else.
    pub(crate) fn client(&self) -> &Client {
        self.events.client()
    }
}

async fn read(client: &Client, run: RunId) -> Result<RunView, Failure> {
    // The tasks are then at least as new as the run.
    let summary = client.run(run).await?;
    let tasks = client.tasks(run).await?;
    Ok(RunView::new(summary, tasks))
}
