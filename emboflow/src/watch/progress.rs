//! How a run comes on: a bar for each TaskSpec on a terminal, a line for each step elsewhere.

use std::collections::HashMap;

use emboflow_model::{AttemptState, ImagePull, Task, TaskKey, TaskState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::pulls::TellsPulls;
use super::view::RunView;
use crate::output::{Output, on_one_line};
use crate::text;

/// A fan-out with more tasks is told in tenths, not task by task.
const TOLD_ONE_BY_ONE: u32 = 20;

/// What is drawn or written.
pub(crate) enum Progress {
    Bars(Bars),
    Lines(Lines),
}

/// One bar a TaskSpec.
pub(crate) struct Bars {
    all: MultiProgress,
    specs: Vec<(String, ProgressBar)>,
}

/// One line a step.
#[derive(Default)]
pub(crate) struct Lines {
    /// Tenths told of each large fan-out.
    tenths: HashMap<String, u32>,
    pulls: TellsPulls,
}

impl Progress {
    /// Begins with what the run is now.
    pub(crate) fn begin(view: &RunView, output: &mut Output) -> std::io::Result<Self> {
        let mut progress = if output.is_terminal() && !output.is_for_programs() {
            Self::Bars(Bars::of(view))
        } else {
            Self::Lines(Lines::default())
        };
        let begun: Vec<TaskKey> = view
            .tasks
            .values()
            .filter(|task| task.state != TaskState::Waiting || task.open_approval().is_some())
            .map(|task| task.key.clone())
            .collect();
        progress.show(view, &begun, output)?;
        Ok(progress)
    }

    /// Shows what changed.
    pub(crate) fn show(
        &mut self,
        view: &RunView,
        changed: &[TaskKey],
        output: &mut Output,
    ) -> std::io::Result<()> {
        match self {
            Self::Bars(bars) => bars.draw(view),
            Self::Lines(lines) => {
                for line in lines.of(view, changed) {
                    write(&line, output)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves the terminal as it is now; what is written next begins on a line of its own.
    pub(crate) fn end(&self, output: &mut Output) {
        if let Self::Bars(bars) = self {
            bars.specs.iter().for_each(|(_, bar)| bar.abandon());
            output.message("");
        }
    }
}

/// To a program standard output is for the result.
fn write(line: &str, output: &mut Output) -> std::io::Result<()> {
    if output.is_for_programs() {
        output.message(line);
        return Ok(());
    }
    output.line(line)
}

impl Bars {
    fn of(view: &RunView) -> Self {
        let all = MultiProgress::new();
        let width = view.summary.graph.iter().map(|spec| spec.name.as_str().len()).max().unwrap_or(0);
        let template =
            format!("  {{prefix:{width}}}  {{bar:24.green/dim}}  {{pos:>4}}/{{len:<4}} {{wide_msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |name: &str, len: u32| {
            let bar = ProgressBar::new(u64::from(len)).with_style(style.clone().progress_chars("━━─"));
            all.add(bar).with_prefix(name.to_owned())
        };
        let specs = view.summary.graph.iter();
        let specs =
            specs.map(|spec| (spec.name.to_string(), bar(spec.name.as_str(), spec.fan_out.unwrap_or(1))));
        let specs = specs.collect();
        Self { all, specs }
    }

    fn draw(&self, view: &RunView) {
        if self.all.is_hidden() {
            return;
        }
        for ((spec, bar), planned) in self.specs.iter().zip(view.summary.graph.iter()) {
            // A fan-out may have got its size meanwhile.
            bar.set_length(u64::from(planned.fan_out.unwrap_or(1)));
            bar.set_position(view.of_spec(spec).filter(|task| task.state.is_terminal()).count() as u64);
            bar.set_message(on_one_line(&counts(view.of_spec(spec))));
        }
    }
}

/// `2 running, 1 failed`; a single task says more.
fn counts<'t>(tasks: impl Iterator<Item = &'t Task>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let (mut only, mut pull) = (None, None::<&ImagePull>);
    for task in tasks {
        let own = task.open_attempt().and_then(|attempt| attempt.pull.as_ref());
        pull = pull.into_iter().chain(own).max_by_key(|pull| pull.bytes_done);
        only = if counts.is_empty() { Some(task) } else { None };
        let word = phase(task);
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let pull = pull.map(ImagePull::brief);
    match (only, counts.as_slice()) {
        (Some(task), [(word, 1)]) => {
            let asks =
                task.open_approval().map(|_| format!("asks: emboflow run approve {} {}", task.run, task.key));
            pull.or(asks).or_else(|| task.wait_reason.clone()).unwrap_or_else(|| (*word).to_owned())
        }
        _ => {
            let counts = counts.iter().map(|(word, count)| format!("{count} {word}"));
            pull.into_iter().chain(counts).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The state of a task, or that of its attempt where that says more.
fn phase(task: &Task) -> &'static str {
    match task.open_attempt() {
        Some(attempt) if task.state == TaskState::Active => attempt.state.word(),
        _ => task.state.word(),
    }
}

impl Lines {
    fn of(&mut self, view: &RunView, changed: &[TaskKey]) -> Vec<String> {
        let until = view.summary.finished_at.unwrap_or_else(text::now);
        let at = until.ms_since(view.summary.created_at) / 1_000;
        let clock = format!("[{:02}:{:02}]", at / 60, at % 60);
        let mut lines = Vec::new();
        for spec in view.summary.graph.iter() {
            let mut own = changed.iter().filter(|key| key.name == spec.name).peekable();
            if own.peek().is_none() {
                continue;
            }
            let own = own.filter_map(|key| view.tasks.get(key));
            lines.extend(own.clone().filter_map(|task| self.pulls.line(task)));
            if spec.fan_out.unwrap_or(1) > TOLD_ONE_BY_ONE {
                lines.extend(self.fan_out(view, spec.name.as_str(), spec.fan_out.unwrap_or(1)));
            } else {
                lines.extend(own.filter_map(line));
            }
        }
        lines.into_iter().map(|line| format!("{clock} {line}")).collect()
    }

    fn fan_out(&mut self, view: &RunView, spec: &str, total: u32) -> Option<String> {
        let done = view.of_spec(spec).filter(|task| task.state.is_terminal()).count();
        let tenths = u32::try_from(done * 10).unwrap_or(u32::MAX) / total.max(1);
        let told = self.tenths.insert(spec.to_owned(), tenths);
        (told != Some(tenths))
            .then(|| format!("{spec}: {done} of {total} done ({})", counts(view.of_spec(spec))))
    }
}

/// What is worth a line about a task.
fn line(task: &Task) -> Option<String> {
    let (mark, _) = text::task_mark(task.state);
    let said = match task.state {
        TaskState::Waiting => match task.open_approval() {
            Some(approval) => {
                let message = on_one_line(&approval.question.message);
                let answer = text::how_to_answer(task.run, &task.key, approval);
                format!("waits for approval: {message}; {answer}")
            }
            None => {
                let retry_at = task.retry_at?;
                let wait = text::duration(retry_at.ms_since(text::now()));
                format!("attempt {} failed, the next one in {wait}{}", task.attempts.len(), because(task))
            }
        },
        TaskState::Queued => format!("queued: {}", task.wait_reason.as_ref()?),
        TaskState::Active => {
            let attempt = task.open_attempt().filter(|attempt| attempt.state == AttemptState::Running)?;
            let again =
                if attempt.number > 1 { format!(" (attempt {})", attempt.number) } else { String::new() };
            format!("running on {}{again}", attempt.executor)
        }
        TaskState::Succeeded => {
            let times = task.attempts.last().map(|attempt| attempt.times);
            match times.map(|times| (times.started_at, times.exited_at)) {
                Some((Some(from), Some(to))) => format!("succeeded in {}", text::duration(to.ms_since(from))),
                _ => "succeeded".to_owned(),
            }
        }
        state => format!("{state}{}", because(task)),
    };
    Some(format!("{mark} {}  {said}", task.key))
}

fn because(task: &Task) -> String {
    let of_attempt = || task.attempts.last().and_then(|attempt| attempt.end.as_ref()?.message.clone());
    let why =
        task.message.clone().or_else(of_attempt).or_else(|| task.reason.map(|reason| reason.to_string()));
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::{event, preparing, task, view};
    use super::*;

    #[test]
    fn small_fan_outs_are_told_task_by_task_and_large_ones_in_tenths() {
        let keys: Vec<String> = (0..30).map(|index| format!("b[{index}]")).collect();
        let mut names = vec!["a"];
        names.extend(keys.iter().map(String::as_str));
        let mut view = view(&names);
        let mut lines = Lines::default();
        let mut told = Vec::new();
        for (version, name) in (2..).zip(&names) {
            let changed = view.take(event(version, "running", &[task(name, "succeeded", version)])).unwrap();
            told.extend(lines.of(&view, &changed));
        }
        assert!(told[0].ends_with("✓ a  succeeded"), "{told:?}");
        assert_eq!(told.len(), 1 + 11, "{told:?}");
        assert!(told[11].contains("b: 30 of 30 done (30 succeeded)"), "{told:?}");
    }

    #[test]
    fn a_bar_says_how_far_the_image_of_its_tasks_is() {
        let preparing = |key: &str, bytes_done| {
            let mut task = preparing(key);
            let pull =
                ImagePull { layers_total: 2, bytes_done, bytes_total: Some(90), ..ImagePull::of("a:1") };
            assert!(task.show_pull(1, Some(pull)));
            task
        };
        assert_eq!(counts([preparing("a", 7)].iter()), "pulling 7 of 90 B");
        let tasks = [preparing("b[0]", 8), preparing("b[1]", 9), task("b[2]", "queued", 2)];
        assert_eq!(counts(tasks.iter()), "pulling 9 of 90 B, 2 preparing, 1 queued");
    }

    #[test]
    fn a_failed_task_says_why() {
        let mut failed = task("a", "failed", 2);
        failed.message = Some("exit code 3".to_owned());
        assert_eq!(line(&failed).unwrap(), "✗ a  failed: exit code 3");
        assert_eq!(line(&task("a", "queued", 2)), None);
    }
}
