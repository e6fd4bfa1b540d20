//! The graph of a workflow: one node a TaskSpec, whether or not anything of it has run.

mod layout;

use dioxus::prelude::*;
use emboflow_model::TaskState;
use indexmap::IndexMap;

use crate::format;
use crate::icon::Drawn;
use crate::look::{self, TASK_STATES, Tone};
pub(crate) use layout::{NODE_HEIGHT, NODE_WIDTH, Place as At, plan};

/// A TaskSpec to draw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Tasks of the fan-out; none without a matrix, or before the size is known.
    pub(crate) fan_out: Option<u32>,
    /// It has a matrix.
    pub(crate) folds: bool,
    pub(crate) needs: Vec<String>,
    /// It follows all others.
    pub(crate) finally: bool,
    /// A task of it waits for a person.
    pub(crate) asks: bool,
    /// Tasks by state; empty before the run.
    pub(crate) states: IndexMap<TaskState, u32>,
    /// Where a click leads, relative to the site's root.
    pub(crate) selected: bool,
}

impl Node {
    fn count(&self, state: TaskState) -> u32 {
        self.states.get(&state).copied().unwrap_or(0)
    }

    /// The state that says most: what failed, else what goes on, else what all have come to.
    fn leading(&self) -> Option<TaskState> {
        let order = [
            TaskState::Failed,
            TaskState::Active,
            TaskState::Queued,
            TaskState::Waiting,
            TaskState::UpstreamFailed,
            TaskState::Cancelled,
            TaskState::Succeeded,
            TaskState::Cached,
            TaskState::Skipped,
        ];
        order.into_iter().find(|state| self.count(*state) > 0)
    }

    /// The line below the name.
    fn figures(&self) -> String {
        let figures = self.counts();
        let figures =
            if self.asks { format!("{figures} · {}", look::ASKS.word.to_lowercase()) } else { figures };
        if self.finally { format!("finally · {figures}") } else { figures }
    }

    fn counts(&self) -> String {
        let total: u32 = self.states.values().sum();
        match (self.fan_out, self.leading()) {
            (Some(tasks), None) => format::count(tasks.into(), "task"),
            (None, None) => {
                if self.folds {
                    "fan-out".to_owned()
                } else {
                    "1 task".to_owned()
                }
            }
            (None, Some(state)) if self.folds => format!("fan-out · {}", look::of_task(state).word),
            (None, Some(state)) => look::of_task(state).word.to_owned(),
            (Some(_), Some(_)) => {
                let parts: Vec<String> = TASK_STATES
                    .iter()
                    .filter(|state| self.count(**state) > 0)
                    .map(|state| {
                        format!("{} {}", self.count(*state), look::of_task(*state).word.to_lowercase())
                    })
                    .collect();
                if parts.len() == 1 { format!("{} of {total}", parts[0]) } else { parts.join(", ") }
            }
        }
    }
}

/// Draws the nodes; a click or Enter chooses one.
#[component]
pub(crate) fn Graph(nodes: Vec<Node>, onchoose: Callback<String>) -> Element {
    let shape: Vec<(String, Vec<String>)> =
        nodes.iter().map(|node| (node.name.clone(), node.needs.clone())).collect();
    // The layout belongs to the definition: it is made once, however often the states change.
    let plan = use_memo(use_reactive!(|shape| plan(&shape)));
    let Some(plan) = plan() else {
        return rsx! {
            p { class: "card-body dim", "This graph is too large to be drawn; the table below has all of it." }
        };
    };
    let active: Vec<bool> = nodes.iter().map(|node| node.count(TaskState::Active) > 0).collect();
    rsx! {
        div { class: "graph", tabindex: "0", role: "group", "aria-label": "Graph of the workflow",
            svg { width: "{plan.width}", height: "{plan.height}", view_box: "0 0 {plan.width} {plan.height}",
                for (number , edge) in plan.edges.iter().enumerate() {
                    path {
                        key: "{number}",
                        class: if active.get(edge.to) == Some(&true) { "edge flow" } else { "edge" },
                        d: "{edge.path}",
                    }
                }
                for (node , at) in nodes.into_iter().zip(plan.places.iter().copied()) {
                    Block { key: "{node.name}", node, at, onchoose }
                }
            }
        }
    }
}

#[component]
fn Block(node: Node, at: At, onchoose: Callback<String>) -> Element {
    let leading = if node.asks { Some(look::ASKS) } else { node.leading().map(look::of_task) };
    let tone = leading.map_or(Tone::Idle, |look| look.tone);
    let figures = node.figures();
    let chosen = if node.selected { "selected" } else { "" };
    let (by_key, by_click) = (node.name.clone(), node.name.clone());
    let shares = shares(&node);
    // A space apart, as it is read out.
    let (title, sub) = (format!("{} ", cut(&node.name, 19)), cut(&figures, 30));
    let label = format!("{title}{sub}");
    let whole = format!("{} {figures}", node.name);
    rsx! {
        g {
            class: "node {chosen}",
            transform: "translate({at.x} {at.y})",
            tabindex: "0",
            role: "button",
            "aria-label": if label == whole { label } else { format!("{label}, {whole}") },
            "data-node": "{node.name}",
            onclick: move |_| onchoose.call(by_click.clone()),
            onkeydown: move |event| {
                if event.key() == Key::Enter {
                    onchoose.call(by_key.clone());
                }
            },
            if node.folds {
                rect { class: "back", x: "5", y: "5", width: "{NODE_WIDTH}", height: "{NODE_HEIGHT}", rx: "8" }
            }
            rect { width: "{NODE_WIDTH}", height: "{NODE_HEIGHT}", rx: "8" }
            if let Some(look) = leading {
                g { class: tone.class(),
                    svg { x: "12", y: "12", width: "16", height: "16",
                        Drawn { icon: look.icon, class: "state-icon {tone.class()}" }
                    }
                }
            }
            text { x: if leading.is_some() { "36" } else { "14" }, y: "24", "{title}" }
            text { class: "sub", x: "14", y: "43", "{sub}" }
            if node.folds && !shares.is_empty() {
                for (number , (x , width , tone)) in shares.into_iter().enumerate() {
                    g { key: "{number}", class: tone.class(),
                        rect { class: "seg", x: "{x:.1}", y: "{NODE_HEIGHT - 6.0}", width: "{width:.1}", height: "3" }
                    }
                }
            }
        }
    }
}

/// The states of a fan-out as pieces of a line below it.
fn shares(node: &Node) -> Vec<(f64, f64, Tone)> {
    let total = f64::from(node.states.values().sum::<u32>().max(1));
    let full = NODE_WIDTH - 16.0;
    let mut x = 8.0;
    let present = TASK_STATES.iter().filter(|state| node.count(**state) > 0);
    present
        .map(|state| {
            let width = f64::from(node.count(*state)) / total * full;
            let piece = (x, width, look::of_task(*state).tone);
            x += width;
            piece
        })
        .collect()
}

fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(fan_out: Option<u32>, states: &[(TaskState, u32)]) -> Node {
        Node {
            name: "train".to_owned(),
            fan_out,
            folds: fan_out.is_some(),
            needs: Vec::new(),
            finally: false,
            asks: false,
            states: states.iter().copied().collect(),
            selected: false,
        }
    }

    #[test]
    fn a_folded_fan_out_counts_its_states() {
        let node =
            node(Some(10), &[(TaskState::Succeeded, 7), (TaskState::Failed, 1), (TaskState::Active, 2)]);
        assert_eq!(node.figures(), "1 failed, 7 succeeded, 2 active");
        assert_eq!(node.leading(), Some(TaskState::Failed));
        let widths: f64 = shares(&node).iter().map(|(_, width, _)| width).sum();
        assert!((widths - (NODE_WIDTH - 16.0)).abs() < 0.01);
    }

    #[test]
    fn before_the_run_a_node_says_how_many_tasks_it_is() {
        assert_eq!(node(Some(8), &[]).figures(), "8 tasks");
        assert_eq!(node(None, &[]).figures(), "1 task");
        assert_eq!(node(None, &[(TaskState::Skipped, 1)]).figures(), "Skipped");
        let later = Node { folds: true, ..node(None, &[(TaskState::Waiting, 1)]) };
        assert_eq!(later.figures(), "fan-out · Waiting", "its size is known when what it needs has ended");
        let last = Node { finally: true, ..node(None, &[(TaskState::Waiting, 1)]) };
        assert_eq!(last.figures(), "finally · Waiting");
    }
}
