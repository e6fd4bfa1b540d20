//! What events do to a list of runs and to the counts by state; pure.

use std::collections::{BTreeMap, HashMap};

use emboflow_model::{RunId, RunState};
use emboflow_protocol::event::RunRow;
use emboflow_protocol::http::{RunCounts, RunQuery};

use crate::route::Place;

/// How the list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: Column,
    pub(crate) largest_first: bool,
}

/// What a list can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Created,
    Finished,
    Duration,
}

impl Column {
    /// As in the query of the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Column::Created => "created",
            Column::Finished => "finished",
            Column::Duration => "duration",
        }
    }
}

impl Order {
    /// Reads the query's `sort`; what is no order is the usual one.
    pub(crate) fn of(text: Option<&str>) -> Self {
        let text = text.unwrap_or("-created");
        let (largest_first, word) = match text.strip_prefix('-') {
            Some(word) => (true, word),
            None => (false, text),
        };
        let known = [Column::Created, Column::Finished, Column::Duration];
        match known.into_iter().find(|column| column.word() == word) {
            Some(by) => Self { by, largest_first },
            None => Self { by: Column::Created, largest_first: true },
        }
    }

    /// As in the query of the API.
    pub(crate) fn word(self) -> String {
        format!("{}{}", if self.largest_first { "-" } else { "" }, self.by.word())
    }

    /// New runs appear at the top.
    fn is_newest_first(self) -> bool {
        self.by == Column::Created && self.largest_first
    }
}

/// The filters of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) states: Vec<RunState>,
    pub(crate) workflow: String,
    pub(crate) search: String,
    /// `key=value`.
    pub(crate) label: String,
    /// Only runs that wait for people.
    pub(crate) asks: bool,
    pub(crate) order: Order,
}

impl Filter {
    pub(crate) fn of(place: &Place) -> Self {
        let states = place.get("state").unwrap_or_default();
        Self {
            states: states.split(',').filter_map(RunState::from_word).collect(),
            workflow: place.get("workflow").unwrap_or_default().to_owned(),
            search: place.get("search").unwrap_or_default().trim().to_owned(),
            label: place.get("label").unwrap_or_default().to_owned(),
            asks: place.get("approval") == Some("waiting"),
            order: Order::of(place.get("sort")),
        }
    }

    /// Lets every run through.
    pub(crate) fn is_open(&self) -> bool {
        let texts = [&self.workflow, &self.search, &self.label];
        self.states.is_empty() && !self.asks && texts.iter().all(|text| text.is_empty())
    }

    /// The same for the API.
    pub(crate) fn query(&self) -> RunQuery {
        let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let states: Vec<&str> = self.states.iter().map(|state| state.word()).collect();
        RunQuery {
            state: set(&states.join(",")),
            workflow: set(&self.workflow),
            search: set(&self.search),
            label: set(&self.label),
            approval: self.asks.then(|| "waiting".to_owned()),
            sort: (!self.order.is_newest_first()).then(|| self.order.word()),
            ..RunQuery::default()
        }
    }

    /// Whether a run belongs into the list.
    pub(super) fn takes(&self, row: &RunRow) -> bool {
        let found = |text: &str| text.contains(&self.search);
        let labelled = || {
            let (key, value) = self.label.split_once('=').unwrap_or((&self.label, ""));
            row.labels.get(key).is_some_and(|own| own == value)
        };
        (self.states.is_empty() || self.states.contains(&row.state))
            && (!self.asks || !row.approvals.is_empty())
            && (self.label.is_empty() || labelled())
            && (self.workflow.is_empty() || self.workflow == row.workflow.as_str())
            && (self.search.is_empty() || found(&row.id.to_string()) || found(row.workflow.as_str()))
    }
}

/// Rows that a list keeps while new ones come; beyond it the last ones fall off.
pub(crate) const MOST_ROWS: usize = 3_000;
/// Ended runs are remembered up to this many, so that a repeated event is not counted twice.
const MOST_MET: usize = 10_000;

/// Adds a page to the end, leaving out what an event has brought already.
pub(crate) fn append(rows: &mut Vec<RunRow>, page: Vec<RunRow>) {
    for row in page {
        match rows.iter_mut().find(|known| known.id == row.id) {
            Some(known) if known.version < row.version => *known = row,
            Some(_) => {}
            None => rows.push(row),
        }
    }
}

/// Takes in what a run has become: it changes, enters or leaves the list. An old event changes nothing.
/// Gives whether rows fell off at the end.
pub(crate) fn apply(rows: &mut Vec<RunRow>, row: &RunRow, filter: &Filter) -> bool {
    let place = rows.iter().position(|known| known.id == row.id);
    match place {
        Some(place) if rows[place].version >= row.version => {}
        Some(place) if filter.takes(row) => rows[place] = row.clone(),
        Some(place) => {
            rows.remove(place);
        }
        None if filter.takes(row) && filter.order.is_newest_first() => {
            let newer = rows.partition_point(|known| known.created_at > row.created_at);
            // Below the last row lies what has not been loaded yet.
            if newer < rows.len() || rows.is_empty() {
                rows.insert(newer, row.clone());
                let falls_off = rows.len() > MOST_ROWS && newer < MOST_ROWS;
                if falls_off {
                    rows.truncate(MOST_ROWS);
                }
                return falls_off;
            }
        }
        None => {}
    }
    false
}

/// Runs by state, carried on by events.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Census {
    counts: Option<BTreeMap<RunState, u64>>,
    met: HashMap<RunId, (u64, RunState)>,
}

impl Census {
    /// Begins with what the server has counted.
    pub(crate) fn start(&mut self, counts: RunCounts) {
        self.counts = Some(counts.by_state);
    }

    /// Notes in which state runs are, so that their next step can be counted.
    pub(crate) fn meet(&mut self, rows: &[RunRow]) {
        for row in rows {
            self.met.insert(row.id, (row.version, row.state));
        }
    }

    /// Counts a run's step.
    pub(crate) fn follow(&mut self, row: &RunRow) {
        let before = self.met.insert(row.id, (row.version, row.state));
        let Some(counts) = &mut self.counts else { return };
        match before {
            Some((version, _)) if version >= row.version => {
                self.met.extend(before.map(|known| (row.id, known)));
                return;
            }
            Some((_, state)) => {
                if let Some(count) = counts.get_mut(&state) {
                    *count = count.saturating_sub(1);
                }
            }
            // A run that was never met and is not new was counted by the server; in which state nobody here knows.
            None if row.version > 1 && row.state.is_terminal() => return,
            None => {}
        }
        *counts.entry(row.state).or_insert(0) += 1;
        if self.met.len() > MOST_MET {
            self.met.retain(|_, (_, state)| !state.is_terminal());
        }
    }

    /// Runs in this state, when they have been counted.
    pub(crate) fn in_state(&self, state: RunState) -> Option<u64> {
        self.counts.as_ref().map(|counts| counts.get(&state).copied().unwrap_or(0))
    }

    /// All runs, when they have been counted.
    pub(crate) fn total(&self) -> Option<u64> {
        self.counts.as_ref().map(|counts| counts.values().sum())
    }
}

/// Rows to test with.
#[cfg(test)]
pub(in crate::pages) mod example {
    use super::*;
    use emboflow_model::{TaskCounts, Timestamp};

    pub(in crate::pages) fn row(bits: u128, state: RunState, version: u64) -> RunRow {
        RunRow {
            id: RunId::from_bits(bits),
            project: emboflow_model::ProjectName::new("default").unwrap(),
            workflow: emboflow_model::WorkflowName::new("digits").unwrap(),
            state,
            reason: None,
            ending: None,
            labels: indexmap::IndexMap::new(),
            recovered_from: None,
            tasks: TaskCounts::default(),
            approvals: Default::default(),
            created_at: Timestamp(i64::try_from(bits).unwrap()),
            started_at: None,
            finished_at: None,
            version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::example::row;
    use super::*;

    fn filter(address: &str) -> Filter {
        Filter::of(&Place::parse("runs", address))
    }

    fn ids(rows: &[RunRow]) -> Vec<u128> {
        rows.iter().map(|row| row.id.bits()).collect()
    }

    #[test]
    fn a_new_run_enters_at_its_place() {
        let mut rows = vec![row(9, RunState::Running, 1), row(3, RunState::Running, 1)];
        apply(&mut rows, &row(10, RunState::Queued, 1), &filter(""));
        apply(&mut rows, &row(5, RunState::Queued, 1), &filter(""));
        apply(&mut rows, &row(1, RunState::Queued, 1), &filter(""));
        assert_eq!(ids(&rows), [10, 9, 5, 3], "what lies below the last row is not loaded yet");
    }

    #[test]
    fn a_run_leaves_when_it_no_longer_fits() {
        let mut rows = vec![row(9, RunState::Running, 1)];
        apply(&mut rows, &row(9, RunState::Succeeded, 2), &filter("state=running"));
        assert!(rows.is_empty());
    }

    #[test]
    fn a_run_without_the_wanted_label_stays_out() {
        let (mut rows, wanted) = (Vec::new(), filter("label=team%3Dvision"));
        let mut labelled = row(9, RunState::Running, 1);
        apply(&mut rows, &labelled, &wanted);
        assert!(rows.is_empty());
        labelled.labels.insert("team".to_owned(), "vision".to_owned());
        apply(&mut rows, &labelled, &wanted);
        assert_eq!(ids(&rows), [9]);
    }

    #[test]
    fn an_old_event_changes_nothing() {
        let mut rows = vec![row(9, RunState::Succeeded, 5)];
        apply(&mut rows, &row(9, RunState::Running, 4), &filter(""));
        assert_eq!(rows[0].state, RunState::Succeeded);
    }

    #[test]
    fn a_page_adds_only_what_is_not_there() {
        let mut rows = vec![row(9, RunState::Succeeded, 5)];
        append(&mut rows, vec![row(9, RunState::Running, 4), row(8, RunState::Failed, 2)]);
        assert_eq!(ids(&rows), [9, 8]);
        assert_eq!(rows[0].version, 5);
    }

    #[test]
    fn a_step_moves_one_count_and_a_repetition_none() {
        let mut census = Census::default();
        census.start(RunCounts { by_state: BTreeMap::from([(RunState::Running, 1)]) });
        census.meet(&[row(1, RunState::Running, 2)]);
        census.follow(&row(1, RunState::Succeeded, 3));
        census.follow(&row(1, RunState::Succeeded, 3));
        census.follow(&row(1, RunState::Running, 2));
        census.follow(&row(2, RunState::Queued, 1));
        assert_eq!(census.in_state(RunState::Running), Some(0));
        assert_eq!(census.in_state(RunState::Succeeded), Some(1));
        assert_eq!(census.total(), Some(2));
    }

    #[test]
    fn a_flood_of_runs_does_not_grow_without_end() {
        let (mut rows, mut census) = (Vec::new(), Census::default());
        census.start(RunCounts::default());
        let newest = MOST_MET as u128 + 50;
        for number in 1..=newest {
            let ended = row(number, RunState::Succeeded, 3);
            census.follow(&row(number, RunState::Running, 1));
            census.follow(&ended);
            apply(&mut rows, &ended, &filter(""));
        }
        assert_eq!((rows.len(), rows[0].id.bits()), (MOST_ROWS, newest));
        assert!(census.met.len() < MOST_MET);
        assert_eq!(census.total(), Some(newest as u64));
    }

    #[test]
    fn an_order_that_is_none_is_the_usual_one() {
        assert_eq!(Order::of(Some("-nothing")).word(), "-created");
        assert_eq!(Order::of(Some("duration")).word(), "duration");
    }
}
