//! `emboflow trigger …`

mod apply;
mod fire;
mod history;
mod list;
mod pause;
mod remove;
mod show;

use clap::Subcommand;
use emboflow_protocol::http::trigger::TriggerView;

use super::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum Trigger {
    /// List the triggers of the project, with their next time and newest start
    #[command(visible_alias = "ls")]
    List,
    /// Show a trigger and its next times
    Show(show::Show),
    /// Make or change a trigger by its file
    Apply(apply::Apply),
    /// Start no runs by a trigger until it is resumed
    Pause(pause::Pause),
    /// Start runs by a paused trigger again
    Resume(pause::Resume),
    /// Start a run by a trigger now
    Fire(fire::Fire),
    /// Start the runs of a schedule's past times
    Backfill(fire::Backfill),
    /// Show what became of the newest starts
    History(history::History),
    /// Remove a trigger; the runs that it started stay
    #[command(visible_alias = "rm")]
    Remove(remove::Remove),
}

impl Trigger {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::List => list::list(shared, output).await,
            Self::Show(show) => show.carry_out(shared, output).await,
            Self::Apply(apply) => apply.carry_out(shared, output).await,
            Self::Pause(pause) => pause.carry_out(shared, output).await,
            Self::Resume(resume) => resume.carry_out(shared, output).await,
            Self::Fire(fire) => fire.carry_out(shared, output).await,
            Self::Backfill(backfill) => backfill.carry_out(shared, output).await,
            Self::History(history) => history.carry_out(shared, output).await,
            Self::Remove(remove) => remove.carry_out(shared, output).await,
        }
    }
}

/// Shows a trigger after a change: for people one line.
fn changed(trigger: &TriggerView, line: &str, output: &mut Output) -> Result<(), Failure> {
    match output.format {
        Format::Json | Format::Jsonl | Format::Yaml => output.json(trigger)?,
        Format::Name => output.line(trigger.name.as_str())?,
        Format::Table | Format::Wide => output.line(line)?,
    }
    Ok(())
}

/// When it starts a run next, in words.
fn next(trigger: &TriggerView) -> String {
    match (&trigger.paused, &trigger.next) {
        (Some(_), _) => "paused".to_owned(),
        (None, Some(time)) => time.at.to_string(),
        (None, None) => "-".to_owned(),
    }
}
