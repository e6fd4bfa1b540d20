//! How a run ended: a line when it went well; else what failed, why, and the end of its log.

use emboflow_model::{RunState, Task};

use super::view::RunView;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Colour, Output};
use crate::text;

/// Failed tasks that are shown with their logs.
const SHOWN: usize = 3;
const LOG_LINES: u32 = 20;

/// What the end of a run means for the exit code.
pub(crate) fn outcome(view: &RunView) -> Result<(), Failure> {
    match view.summary.state {
        RunState::Succeeded => Ok(()),
        RunState::Cancelled => Err(Failure::Ended(format!("{} was cancelled", view.summary.id))),
        _ => Err(Failure::RunFailed),
    }
}

/// Tells people how a run ended.
pub(crate) async fn report(client: &Client, view: &RunView, output: &mut Output) -> Result<(), Failure> {
    let run = &view.summary;
    let took = match run.finished_at {
        Some(at) => format!("after {}", text::duration(at.ms_since(run.created_at))),
        None => "and goes on, but a task has failed".to_owned(),
    };
    let (mark, colour) = text::run_mark(run.state);
    let why = run.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let headline = format!("{} {} {} {took}{why}", output.paint(colour, mark), run.id, run.state);
    say(&headline, output)?;
    if run.state == RunState::Succeeded {
        if view.tasks.values().any(|task| !task.artifacts.is_empty()) {
            output.message(&format!("  artifacts: emboflow artifact ls {}", run.id));
        }
        return Ok(());
    }
    for task in view.failed().take(SHOWN) {
        show_failed(client, view, task, output).await?;
    }
    let more = view.failed().count().saturating_sub(SHOWN);
    if more > 0 {
        say(&format!("  and {more} more failed: emboflow run get {}", run.id), output)?;
    }
    if run.state != RunState::Cancelled {
        output.message(&format!("  again from what failed: emboflow run retry {}", run.id));
    }
    Ok(())
}

async fn show_failed(
    client: &Client,
    view: &RunView,
    task: &Task,
    output: &mut Output,
) -> Result<(), Failure> {
    let last = task.attempts.last();
    let end = last.and_then(|attempt| attempt.end.as_ref());
    let reason = task.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let words = task.message.clone().or_else(|| end.and_then(|end| end.message.clone()));
    let words = words.or_else(|| end.and_then(|end| end.exit_code).map(text::exit_code)).unwrap_or_default();
    let place = last
        .map(|attempt| format!(", attempt {} on {}", attempt.number, attempt.executor))
        .unwrap_or_default();
    let name = output.paint(Colour::Bold, &task.key.to_string());
    say(&format!("  {name} failed{reason}{place}: {words}"), output)?;
    if task.attempts.is_empty() {
        return Ok(());
    }
    let (run, key) = (view.summary.id.to_string(), task.key.to_string());
    let mut url = client.in_project(&["runs", &run, "tasks", &key, "logs"]);
    url.query_pairs_mut().append_pair("tail", &LOG_LINES.to_string());
    // A log that cannot be had must not hide why the task failed.
    let log = match client.send(client.request(reqwest::Method::GET, url)).await {
        Ok(response) => response.bytes().await.unwrap_or_default(),
        Err(_) => {
            return say(&format!("    its log cannot be read now: emboflow run logs {run} {key}"), output);
        }
    };
    let log = String::from_utf8_lossy(&log);
    if log.trim().is_empty() {
        return say("    it wrote no log", output);
    }
    say(&format!("    the last lines of its log (all of it: emboflow run logs {run} '{key}'):"), output)?;
    log.lines().try_for_each(|line| say(&format!("    │ {}", cleaned(line)), output))
}

/// A line of a log without what would act on the terminal; colours stay out too.
fn cleaned(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next_if_eq(&'[').is_some() {
                while characters.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                characters.next();
            }
        } else if !character.is_control() || character == '\t' {
            clean.push(character);
        }
    }
    clean
}

fn say(text: &str, output: &mut Output) -> Result<(), Failure> {
    if output.is_for_programs() {
        output.message(text);
        return Ok(());
    }
    Ok(output.line(text)?)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::{event, view};
    use super::*;

    #[test]
    fn the_exit_code_tells_how_a_run_ended() {
        let mut view = view(&["a"]);
        let mut code = |version, state| {
            view.take(event(version, state, &[]));
            outcome(&view).map_or_else(|failure| failure.exit_code(), |()| 0)
        };
        assert_eq!(
            [code(2, "succeeded"), code(3, "failed"), code(4, "timed_out"), code(5, "cancelled")],
            [0, 5, 5, 3]
        );
    }

    #[test]
    fn a_line_of_a_log_cannot_act_on_the_terminal() {
        assert_eq!(cleaned("\u{1b}[31mred\u{1b}[0m \u{7}\tx\u{1b}]0;t\r"), "red \tx]0;t");
    }
}
