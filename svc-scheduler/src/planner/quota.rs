//! What a project may use: whether one more run of it is taken. Counted from the plan itself, so that no counter can go
//! wrong.

use std::collections::{HashMap, HashSet, VecDeque};

use emboflow_model::access::Quotas;
use emboflow_model::queue::{Amount, shown};
use emboflow_model::{ProjectName, RunId, RunState, RunSummary, Timestamp};
use emboflow_protocol::{ErrorCode, FieldError};

use super::Planner;

/// The length of the window in which accepted runs are counted.
const MINUTE_MS: u64 = 60_000;

/// The quotas of projects that have any.
pub(crate) type ProjectQuotas = HashMap<ProjectName, Quotas>;

/// The quotas of the projects that have any, and when their newest runs were accepted.
#[derive(Clone, Default)]
pub(super) struct QuotaBook {
    quotas: ProjectQuotas,
    /// Within the last minute, oldest first; only of projects whose rate is limited.
    accepted: HashMap<ProjectName, VecDeque<Timestamp>>,
}

/// What a project uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    open_runs: u64,
    queued_runs: u64,
    runs_in_a_minute: u64,
}

/// The open runs of each project: sets, so that a count costs the same whatever their number and cannot go wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Census(HashMap<ProjectName, OpenRuns>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OpenRuns {
    all: HashSet<RunId>,
    /// Of them those of which nothing has started.
    queued: HashSet<RunId>,
}

impl Census {
    /// The run is as its summary says.
    pub(super) fn note(&mut self, run: &RunSummary) {
        let own = self.0.entry(run.project.clone()).or_default();
        match run.state.is_terminal() {
            true => own.all.remove(&run.id),
            false => own.all.insert(run.id),
        };
        match run.state == RunState::Queued {
            true => own.queued.insert(run.id),
            false => own.queued.remove(&run.id),
        };
        if own.all.is_empty() {
            self.0.remove(&run.project);
        }
    }
}

impl QuotaBook {
    /// From now on these hold; projects that are not named have none. `history` has when the newest runs of a project
    /// were accepted, oldest first: it counts where nothing was counted before.
    pub(super) fn replace(
        &mut self,
        quotas: ProjectQuotas,
        mut history: HashMap<ProjectName, Vec<Timestamp>>,
    ) {
        let limited = quotas.iter().filter(|(_, quotas)| quotas.runs_per_minute.is_some());
        let accepted = limited.map(|(project, _)| {
            let known = self.accepted.remove(project);
            let known = known.unwrap_or_else(|| history.remove(project).unwrap_or_default().into());
            (project.clone(), known)
        });
        self.accepted = accepted.collect();
        self.quotas = quotas;
    }

    /// A run of the project was accepted.
    pub(super) fn note(&mut self, project: &ProjectName, at: Timestamp) {
        if let Some(accepted) = self.accepted.get_mut(project) {
            accepted.push_back(at);
        }
    }

    fn in_a_minute(&mut self, project: &ProjectName, now: Timestamp) -> u64 {
        let Some(accepted) = self.accepted.get_mut(project) else { return 0 };
        while accepted.front().is_some_and(|at| at.plus_ms(MINUTE_MS) <= now) {
            accepted.pop_front();
        }
        accepted.len() as u64
    }
}

impl Planner {
    /// Why one more run of a project is not taken now; none when it is.
    pub(super) fn over_quota(&mut self, project: &ProjectName, now: Timestamp) -> Option<FieldError> {
        let quotas = self.quotas.quotas.get(project)?.clone();
        let runs_in_a_minute = self.quotas.in_a_minute(project, now);
        let open = self.census.0.get(project);
        let used = Use {
            open_runs: open.map_or(0, |open| open.all.len() as u64),
            queued_runs: open.map_or(0, |open| open.queued.len() as u64),
            runs_in_a_minute,
        };
        judge(project, &quotas, used)
    }

    /// Bytes that a project may store; none when nothing bounds it.
    pub(crate) fn stored_bytes(&self, project: &ProjectName) -> Option<u64> {
        self.quotas.quotas.get(project)?.stored_bytes
    }

    /// Why a project may hold no more of what a task needs, in words; none when it may.
    pub(super) fn over_held_quota(&self, project: &ProjectName, need: &Amount) -> Option<String> {
        let quota = self.quotas.quotas.get(project)?.held();
        let over = quota.exceeded_by(&self.allocations.of_project(project).plus(need))?;
        let (held, limit) = (shown(over.what, over.held), shown(over.what, over.limit));
        Some(format!(
            "project {project} is at its quota: with this task it would hold {held} {} of {limit}",
            over.what
        ))
    }
}

/// The first quota that leaves no room for one more run.
fn judge(project: &ProjectName, quotas: &Quotas, used: Use) -> Option<FieldError> {
    let rules = [
        (quotas.open_runs, used.open_runs, ErrorCode::QuotaOpenRuns, "open runs"),
        (quotas.queued_runs, used.queued_runs, ErrorCode::QuotaQueuedRuns, "runs that wait to start"),
        (
            quotas.runs_per_minute,
            used.runs_in_a_minute,
            ErrorCode::QuotaSubmitRate,
            "runs accepted in the last minute",
        ),
    ];
    let (quota, used, code, what) = rules.into_iter().find_map(|(quota, used, code, what)| {
        Some((quota.filter(|quota| used >= *quota)?, used, code, what))
    })?;
    let message = format!("project {project} has {used} {what}; its quota is {quota}");
    Some(FieldError { hint: Some(code.advice().to_owned()), ..FieldError::new(code, message) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Paper;
    use super::super::{Input, RunCommand};
    use super::*;

    const WORKFLOW: &str = "version: 1\nname: w\ntasks: { a: { image: i } }\n";

    fn limited(quotas: Quotas) -> Paper {
        let mut paper = Paper::new();
        paper.take(set([("default".parse().unwrap(), quotas)].into()));
        paper
    }

    fn set(quotas: ProjectQuotas) -> Input {
        Input::Quotas { quotas, history: HashMap::new() }
    }

    /// Submits runs in one step; gives the code of each refusal.
    fn submit(paper: &mut Paper, count: usize) -> Vec<Option<String>> {
        let submissions: Vec<_> = (0..count).map(|_| paper.submission(WORKFLOW)).collect();
        let runs: Vec<_> = submissions.iter().map(|submission| submission.run).collect();
        let inputs = submissions.into_iter().map(|submission| Input::Submit(Box::new(submission)));
        let refused = paper.take_all(inputs.collect()).refused;
        runs.iter().map(|run| Some(refused.get(run)?[0].code.clone())).collect()
    }

    fn refusals(code: ErrorCode, taken: usize, count: usize) -> Vec<Option<String>> {
        (0..count).map(|index| (index >= taken).then(|| code.code().to_owned())).collect()
    }

    #[test]
    fn a_project_has_no_more_open_runs_than_it_may_however_they_come() {
        let mut paper = limited(Quotas { open_runs: Some(2), ..Quotas::default() });
        assert_eq!(submit(&mut paper, 3), refusals(ErrorCode::QuotaOpenRuns, 2, 3));
        assert_eq!(submit(&mut paper, 1), refusals(ErrorCode::QuotaOpenRuns, 0, 1));
        assert_eq!(paper.planner.open_runs(), 2);
        let run = *paper.planner.runs.keys().next().unwrap();
        paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
        assert_eq!(submit(&mut paper, 1), refusals(ErrorCode::QuotaOpenRuns, 1, 1), "one has ended");
    }

    #[test]
    fn runs_that_have_started_make_room_for_others_that_wait() {
        let mut paper = limited(Quotas { queued_runs: Some(1), ..Quotas::default() });
        assert_eq!(submit(&mut paper, 2), refusals(ErrorCode::QuotaQueuedRuns, 1, 2));
        paper.beat("one", 4);
        assert_eq!(submit(&mut paper, 1), refusals(ErrorCode::QuotaQueuedRuns, 1, 1));
    }

    #[test]
    fn a_minute_later_a_project_may_submit_again() {
        let mut paper = limited(Quotas { runs_per_minute: Some(2), ..Quotas::default() });
        assert_eq!(submit(&mut paper, 3), refusals(ErrorCode::QuotaSubmitRate, 2, 3));
        paper.pass_ms(MINUTE_MS - 1);
        assert_eq!(submit(&mut paper, 1), refusals(ErrorCode::QuotaSubmitRate, 0, 1));
        paper.pass_ms(1);
        assert_eq!(submit(&mut paper, 3), refusals(ErrorCode::QuotaSubmitRate, 2, 3));
    }

    #[test]
    fn after_a_restart_the_runs_of_the_last_minute_count() {
        let mut paper = Paper::new();
        let project: ProjectName = "default".parse().unwrap();
        let quotas = Quotas { runs_per_minute: Some(2), ..Quotas::default() };
        let (now, quotas) = (paper.now, HashMap::from([(project.clone(), quotas)]));
        let history = HashMap::from([(project, vec![Timestamp(now.0 - 60_000), Timestamp(now.0 - 59_999)])]);
        paper.take(Input::Quotas { quotas: quotas.clone(), history: history.clone() });
        assert_eq!(submit(&mut paper, 2), refusals(ErrorCode::QuotaSubmitRate, 1, 2));
        paper.take(Input::Quotas { quotas, history });
        assert_eq!(submit(&mut paper, 1), refusals(ErrorCode::QuotaSubmitRate, 0, 1), "nothing counts twice");
    }

    #[test]
    fn a_refusal_is_in_the_log_and_a_quota_that_is_lifted_binds_nobody() {
        let mut paper = limited(Quotas { open_runs: Some(0), ..Quotas::default() });
        let before = paper.log.len();
        assert_eq!(submit(&mut paper, 1), refusals(ErrorCode::QuotaOpenRuns, 0, 1));
        assert!(matches!(&paper.log[before..], [emboflow_model::LogEntry::Rejection(_)]));
        paper.take(set(HashMap::new()));
        assert_eq!(submit(&mut paper, 5), refusals(ErrorCode::QuotaOpenRuns, 5, 5));
    }
}
