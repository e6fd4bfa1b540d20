//! `emboflow run list`

use emboflow_protocol::event::RunRow;
use emboflow_protocol::http::RunQuery;

use crate::cli::Shared;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// Rows that one request may ask for.
const PAGE_MAX: u32 = 500;

/// List runs.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only runs in these states, separated by commas
    #[arg(long, short, value_name = "STATES")]
    state: Option<String>,
    /// Only runs of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only runs with this label
    #[arg(long, short, value_name = "NAME=VALUE")]
    label: Option<String>,
    /// Only runs of which a task waits for a person
    #[arg(long)]
    approval: bool,
    /// Only runs whose id or workflow contains this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// created, finished or duration; with a leading - the largest first
    #[arg(long, value_name = "FIELD", default_value = "-created", allow_hyphen_values = true)]
    sort: String,
    /// Runs at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl List {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let query = RunQuery {
            state: self.state.clone(),
            workflow: self.workflow.clone(),
            label: self.label.clone(),
            approval: self.approval.then(|| "waiting".to_owned()),
            search: self.search.clone(),
            sort: Some(self.sort.clone()),
            limit: Some(self.limit.clamp(1, PAGE_MAX)),
            cursor: None,
        };
        let mut url = client.in_project(&["runs"]);
        let query = serde_json::to_value(query).expect("a query is plain data");
        for (name, value) in query.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            url.query_pairs_mut().append_pair(name, &text);
        }
        let runs: Vec<RunRow> = client.list(url, self.limit as usize).await?;
        if runs.is_empty() && !output.is_for_programs() {
            output.message("no runs; `emboflow run FILE --watch` makes one");
        }
        show(&runs, output)
    }
}

/// People have to do something before the run goes on.
fn asks(run: &RunRow) -> &'static str {
    if run.approvals.is_empty() { "" } else { " (asks)" }
}

fn show(runs: &[RunRow], output: &mut Output) -> Result<(), Failure> {
    let is_wide = output.format == Format::Wide;
    let now = text::now();
    let header = ["RUN", "WORKFLOW", "STATE", "TASKS", "CREATED", "TOOK", "LABELS", "WHY"];
    output.list(
        runs,
        if is_wide { &header } else { &header[..6] },
        |run| run.id.to_string(),
        |run, output| {
            let (mark, colour) = text::run_mark(run.state);
            let took = run.finished_at.unwrap_or(now).ms_since(run.created_at);
            let mut row = vec![
                run.id.to_string(),
                run.workflow.to_string(),
                format!("{} {}{}", output.paint(colour, mark), run.state, asks(run)),
                format!("{}/{}", run.tasks.terminal(), run.tasks.total),
                text::ago(run.created_at, now),
                text::duration(took),
            ];
            if is_wide {
                let labels = run.labels.iter().map(|(name, value)| format!("{name}={value}"));
                row.push(labels.collect::<Vec<_>>().join(","));
                row.push(run.reason.clone().unwrap_or_default());
            }
            row
        },
    )?;
    Ok(())
}
