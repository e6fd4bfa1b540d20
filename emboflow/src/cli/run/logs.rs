//! `emboflow run logs RUN [TASK]`: as the programs wrote them; with several tasks each line says whose it is.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use emboflow_model::{RunId, Task, TaskKey};
use tokio::sync::mpsc;

use super::find_run;
use crate::cli::Shared;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::{RunView, RunWatch};

/// Pieces of logs that wait to be written.
const PIECES: usize = 16;
/// Longer lines are written in parts.
const LINE_MAX_BYTES: usize = 1 << 20;

/// Print logs.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// The run, or latest
    run: String,
    /// The task, such as `train` or `train[3]`; all of them when none is given
    task: Option<TaskKey>,
    /// Go on until the task, or the run, has ended
    #[arg(long, short)]
    follow: bool,
    /// The attempt; the last one when none is given
    #[arg(long, value_name = "N", requires = "task")]
    attempt: Option<u32>,
    /// Only the last lines of each log
    #[arg(long, short = 'n', value_name = "LINES")]
    tail: Option<u32>,
}

/// A piece of a task's log; none when the log has ended.
type Piece = (TaskKey, Result<Option<Bytes>, Failure>);

impl Logs {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?;
        if self.follow {
            return self.follow(client, run, output).await;
        }
        if let Some(task) = &self.task {
            return self.print(&client, run, task, None, output).await;
        }
        let tasks: Vec<Task> = client.tasks(run).await?;
        let has_log = |task: &&Task| !task.attempts.is_empty() || task.taken_over_log.is_some();
        let with_logs: Vec<&Task> = tasks.iter().filter(has_log).collect();
        for task in &with_logs {
            let label = (with_logs.len() > 1).then(|| task.key.to_string());
            self.print(&client, run, &task.key, label, output).await?;
        }
        Ok(())
    }

    async fn print(
        &self,
        client: &Client,
        run: RunId,
        task: &TaskKey,
        label: Option<String>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut response = self.open(client, run, task, self.attempt, false).await?;
        let mut lines = Labelled::new(label);
        while let Some(piece) = client.piece(&mut response).await? {
            output.bytes(&lines.take(&piece))?;
        }
        Ok(output.bytes(&lines.rest())?)
    }

    async fn open(
        &self,
        client: &Client,
        run: RunId,
        task: &TaskKey,
        attempt: Option<u32>,
        follow: bool,
    ) -> Result<reqwest::Response, Failure> {
        let mut url = client.in_project(&["runs", &run.to_string(), "tasks", &task.to_string(), "logs"]);
        let wanted = [
            ("attempt", attempt.map(|number| number.to_string())),
            ("tail", self.tail.map(|lines| lines.to_string())),
            ("follow", follow.then(|| "true".to_owned())),
        ];
        for (name, value) in wanted {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        client.send(client.stream(url)).await
    }

    async fn follow(&self, client: Client, run: RunId, output: &mut Output) -> Result<(), Failure> {
        let mut watch = RunWatch::open(client, run).await?;
        let is_one = self.task.is_some() || watch.view().summary.tasks.total == 1;
        let mut lines: HashMap<TaskKey, Labelled> = HashMap::new();
        let mut begun: HashSet<(TaskKey, u32)> = HashSet::new();
        let mut open = 0_usize;
        let (to, mut pieces) = mpsc::channel::<Piece>(PIECES);
        loop {
            for (key, attempt) in self.attempts(watch.view()) {
                if begun.insert((key.clone(), attempt)) {
                    open += 1;
                    self.begin(watch.client(), run, key, attempt, to.clone()).await?;
                }
            }
            if open == 0 && self.is_over(watch.view()) {
                return Ok(());
            }
            let (key, piece) = tokio::select! {
                piece = pieces.recv() => match piece {
                    Some(piece) => piece,
                    None => return Ok(()),
                },
                changed = watch.next() => {
                    changed?;
                    continue;
                }
            };
            let label = || Labelled::new((!is_one).then(|| key.to_string()));
            let own = lines.entry(key.clone()).or_insert_with(label);
            match piece? {
                Some(bytes) => output.bytes(&own.take(&bytes))?,
                None => {
                    output.bytes(&own.rest())?;
                    open -= 1;
                }
            }
        }
    }

    /// The attempts whose logs are wanted.
    fn attempts(&self, view: &RunView) -> Vec<(TaskKey, u32)> {
        let wanted = |task: &&Task| self.task.as_ref().is_none_or(|key| *key == task.key);
        let tasks = view.tasks.values().filter(wanted);
        let attempts = tasks.filter_map(|task| Some((task.key.clone(), task.attempts.last()?.number)));
        attempts.map(|(key, last)| (key, self.attempt.unwrap_or(last))).collect()
    }

    fn is_over(&self, view: &RunView) -> bool {
        let task_is_over = self.task.as_ref().and_then(|key| view.tasks.get(key)).is_some_and(|task| {
            task.state.is_terminal()
                || self.attempt.is_some_and(|number| task.attempts.len() >= number as usize)
        });
        task_is_over || view.summary.state.is_terminal()
    }

    async fn begin(
        &self,
        client: &Client,
        run: RunId,
        key: TaskKey,
        attempt: u32,
        to: mpsc::Sender<Piece>,
    ) -> Result<(), Failure> {
        let mut response = self.open(client, run, &key, Some(attempt), true).await?;
        let client = client.clone();
        tokio::spawn(async move {
            loop {
                let piece = response.chunk().await.map_err(|error| client.unreachable(&error));
                let is_last = !matches!(piece, Ok(Some(_)));
                if to.send((key.clone(), piece)).await.is_err() || is_last {
                    return;
                }
            }
        });
        Ok(())
    }
}

/// Puts the name of a task before each of its lines; without a name bytes pass as they are.
struct Labelled {
    label: Option<String>,
    rest: Vec<u8>,
}

impl Labelled {
    fn new(label: Option<String>) -> Self {
        Self { label, rest: Vec::new() }
    }

    /// What can be written after this piece.
    fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(label) = &self.label else { return piece.to_vec() };
        let mut out = Vec::with_capacity(piece.len() + 64);
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() >= LINE_MAX_BYTES {
                write_line(label, &mut self.rest, &mut out);
            }
        }
        out
    }

    /// The last line, if it has no end.
    fn rest(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(label) = self.label.as_ref().filter(|_| !self.rest.is_empty()) {
            write_line(label, &mut self.rest, &mut out);
        }
        out
    }
}

fn write_line(label: &str, line: &mut Vec<u8>, out: &mut Vec<u8>) {
    out.extend_from_slice(label.as_bytes());
    out.extend_from_slice(" | ".as_bytes());
    out.append(line);
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_whose_it_is_however_the_pieces_are_cut() {
        let mut lines = Labelled::new(Some("train[3]".to_owned()));
        let mut out = lines.take(b"a\nb");
        out.extend(lines.take(b"b\n\xffc"));
        out.extend(lines.rest());
        assert_eq!(out, b"train[3] | a\ntrain[3] | bb\ntrain[3] | \xffc\n");
        let mut bare = Labelled::new(None);
        assert_eq!((bare.take(b"x\ny"), bare.rest()), (b"x\ny".to_vec(), Vec::new()));
    }
}
