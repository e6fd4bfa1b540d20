//! What is worth a line about the pull of an image, where there is no bar; pure.

use std::collections::HashMap;

use emboflow_model::{ImagePull, Task};

use crate::text;

/// Remembers what was told. Tasks that wait for the same image are told of once.
#[derive(Default)]
pub(super) struct TellsPulls(HashMap<String, u8>);

impl TellsPulls {
    /// The line of a task whose image is pulled: at its begin, at each quarter, and when it is unpacked.
    pub(super) fn line(&mut self, task: &Task) -> Option<String> {
        let pull = task.open_attempt()?.pull.as_ref()?;
        let stage = stage(pull);
        let told = self.0.get(&pull.image);
        if told.is_some_and(|told| *told >= stage) {
            return None;
        }
        self.0.insert(pull.image.clone(), stage);
        let (mark, _) = text::task_mark(task.state);
        Some(format!("{mark} {}  {pull}", task.key))
    }
}

fn stage(pull: &ImagePull) -> u8 {
    if pull.is_fetched() { 4 } else { pull.percent().map_or(0, |percent| (percent / 25).min(3)) }
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::{RUN, event, preparing, view};
    use super::*;
    use emboflow_protocol::progress::Progress;

    fn progress(key: &str, bytes_done: u64) -> Progress {
        let (run, task) = (RUN.parse().unwrap(), key.parse().unwrap());
        let pull = ImagePull { layers_total: 1, bytes_total: Some(100), bytes_done, ..ImagePull::of("a:1") };
        let attempt = emboflow_model::AttemptId { run, task, number: 1 };
        Progress {
            project: "default".parse().unwrap(),
            attempt,
            executor: "e1".parse().unwrap(),
            pull: Some(pull),
        }
    }

    #[test]
    fn a_pull_is_told_by_quarters_and_once_for_all_tasks_that_wait_for_it() {
        let mut view = view(&["a", "b[0]"]);
        let mut pulls = TellsPulls::default();
        view.take(event(2, "running", &[preparing("a"), preparing("b[0]")])).unwrap();
        let mut lines = Vec::new();
        for bytes in [0, 10, 20, 30, 40, 80, 99, 100] {
            for key in ["a", "b[0]"] {
                let changed = view.take_progress(progress(key, bytes)).unwrap();
                lines.extend(pulls.line(&view.tasks[&changed]));
            }
        }
        assert_eq!(
            lines,
            [
                "● a  pulling a:1, 0 of 100 B",
                "● a  pulling a:1, 30 of 100 B",
                "● a  pulling a:1, 80 of 100 B",
                "● a  unpacking a:1, 0 of 1 layers"
            ]
        );
        assert_eq!(view.take_progress(progress("a", 100)), None, "nothing else is shown");
        view.take(event(3, "running", &[preparing("a")])).unwrap();
        assert!(view.tasks[0].attempts[0].pull.is_some(), "events know nothing of pulls");
    }
}
