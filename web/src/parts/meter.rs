//! Parts of a whole as one bar.

use dioxus::prelude::*;
use emboflow_model::TaskCounts;

use crate::look::{self, TASK_STATES, Tone};

/// One part of a bar: its share in percent, and its colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) percent: f64,
    pub(crate) tone: Tone,
}

/// The tasks of a run by state, as shares of a bar. Only what has ended or runs takes space.
pub(crate) fn task_shares(counts: &TaskCounts) -> Vec<Share> {
    let total = f64::from(counts.total.max(1));
    TASK_STATES
        .iter()
        .map(|state| (look::of_task(*state).tone, state, counts.in_state(*state)))
        .filter(|(_, state, count)| {
            *count > 0 && (state.is_terminal() || **state == emboflow_model::TaskState::Active)
        })
        .map(|(tone, _, count)| Share { percent: f64::from(count) * 100.0 / total, tone })
        .collect()
}

/// How much of an amount is used; more is a warning.
pub(crate) fn usage_shares(used: u64, total: u64) -> Vec<Share> {
    if total == 0 {
        return Vec::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "a bar has a few hundred pixels")]
    let percent = (used as f64 * 100.0 / total as f64).min(100.0);
    let tone = if percent >= 90.0 {
        Tone::Bad
    } else if percent >= 80.0 {
        Tone::Warn
    } else {
        Tone::Run
    };
    vec![Share { percent, tone }]
}

#[component]
pub(crate) fn Meter(shares: Vec<Share>, label: String) -> Element {
    let mut start = 0.0;
    let placed: Vec<(f64, Share)> = shares
        .into_iter()
        .map(|share| {
            let at = start;
            start += share.percent;
            (at, share)
        })
        .collect();
    rsx! {
        svg { class: "meter", role: "img", "aria-label": label, preserve_aspect_ratio: "none",
            rect { class: "track", width: "100%", height: "100%" }
            for (place , (start , share)) in placed.into_iter().enumerate() {
                g { key: "{place}", class: share.tone.class(),
                    rect { class: "seg", x: "{start:.2}%", width: "{share.percent:.2}%", height: "100%" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::TaskState;

    #[test]
    fn waiting_tasks_leave_the_bar_empty() {
        let mut counts = TaskCounts { total: 4, ..TaskCounts::default() };
        counts.by_state.insert(TaskState::Succeeded, 1);
        counts.by_state.insert(TaskState::Waiting, 3);
        assert_eq!(task_shares(&counts), [Share { percent: 25.0, tone: Tone::Ok }]);
    }

    #[test]
    fn a_nearly_full_disk_is_a_warning() {
        assert_eq!(usage_shares(85, 100)[0].tone, Tone::Warn);
        assert_eq!(usage_shares(200, 100)[0], Share { percent: 100.0, tone: Tone::Bad });
        assert!(usage_shares(1, 0).is_empty());
    }
}
