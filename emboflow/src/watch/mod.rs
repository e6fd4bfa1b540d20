//! Watching a run: its state as it changes, drawn as bars or written as lines, and how it ended.

mod ending;
mod progress;
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
}

impl RunWatch {
    /// Begins to listen, then reads how the run is now.
    pub(crate) async fn open(client: Client, run: RunId) -> Result<Self, Failure> {
        let mut events = Events::open(client, run).await?;
        while !matches!(events.next().await?, Message::Hello | Message::Resync) {}
        let view = read(events.client(), run).await?;
        Ok(Self { events, view })
    }

    /// The run as it is now.
    pub(crate) fn view(&self) -> &RunView {
        &self.view
    }

    /// Waits for a change; gives the tasks that changed.
    pub(crate) async fn next(&mut self) -> Result<Vec<TaskKey>, Failure> {
        loop {
            let known = match self.events.next().await? {
                Message::Hello => continue,
                Message::Run(event) => self.view.take(*event),
                Message::Resync => None,
            };
            match known {
                Some(changed) => return Ok(changed),
                None => {
                    let run = self.view.summary.id;
                    let newer = read(self.events.client(), run).await?;
                    return Ok(self.view.replace(newer));
                }
            }
        }
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
