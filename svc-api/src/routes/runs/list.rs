//! `GET …/runs`: one page of a project's runs.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::{ProjectName, RunState, WorkflowName};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::event::RunRow;
use emboflow_protocol::http::{Page, RunQuery};
use emboflow_records::{RunFilter, RunSort, RunSortKey};

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;
use crate::routes::place::InProject;

/// Lists runs.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<RunQuery>,
) -> Outcome<Paged<RunRow>> {
    let page = app.records.runs(filter(project, query)?).await?;
    Ok(Paged(Page { items: page.rows.iter().map(RunRow::from).collect(), next: page.next }))
}

fn filter(project: ProjectName, query: RunQuery) -> Outcome<RunFilter> {
    let workflow = query.workflow.filter(|name| !name.is_empty());
    Ok(RunFilter {
        states: query.state.as_deref().map(states).transpose()?.unwrap_or_default(),
        workflow: workflow.map(WorkflowName::new).transpose().map_err(|error| invalid(error.to_string()))?,
        label: query.label.as_deref().filter(|label| !label.is_empty()).map(label).transpose()?,
        awaits_people: query
            .approval
            .as_deref()
            .filter(|word| !word.is_empty())
            .map(waiting)
            .transpose()?
            .is_some(),
        search: query.search.filter(|text| !text.is_empty()),
        sort: query
            .sort
            .as_deref()
            .filter(|sort| !sort.is_empty())
            .map(sort)
            .transpose()?
            .unwrap_or_default(),
        limit: limit(query.limit, 50, 500)?,
        cursor: query.cursor.filter(|cursor| !cursor.is_empty()),
        ..RunFilter::of(project)
    })
}

fn waiting(word: &str) -> Outcome<()> {
    if word == "waiting" { Ok(()) } else { Err(Failure::unknown("filter of approvals", word, &["waiting"])) }
}

fn states(text: &str) -> Outcome<Vec<RunState>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let known: Vec<_> = RunState::ALL.iter().map(|state| state.word()).collect();
            RunState::from_word(word).ok_or_else(|| Failure::unknown("state of a run", word, &known))
        })
        .collect()
}

fn label(text: &str) -> Outcome<(String, String)> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) =
        pair.ok_or_else(|| invalid(format!("the label '{text}' is not of the form key=value")))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn sort(text: &str) -> Outcome<RunSort> {
    let (descending, word) = text.strip_prefix('-').map_or((false, text), |word| (true, word));
    let known = ["created", "finished", "duration"];
    let by = RunSortKey::from_word(word).ok_or_else(|| Failure::unknown("order of runs", word, &known))?;
    Ok(RunSort { by, descending })
}

fn invalid(detail: String) -> Failure {
    Failure::new(ErrorCode::RequestInvalid, detail)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listRuns",
        tag: "runs",
        summary: "List runs, filtered and sorted by the server",
        errors: &[],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: RunQuery) -> Result<RunFilter, u16> {
        filter(ProjectName::new("lab").unwrap(), query).map_err(|failure| failure.problem().status)
    }

    #[test]
    fn a_query_becomes_a_filter_and_empty_parameters_are_none() {
        let query = RunQuery {
            state: Some("failed, running".into()),
            label: Some("team=a=b".into()),
            workflow: Some(String::new()),
            approval: Some("waiting".into()),
            sort: Some("-duration".into()),
            ..RunQuery::default()
        };
        let filter = read(query).unwrap();
        assert_eq!(filter.states, [RunState::Failed, RunState::Running]);
        assert_eq!(filter.label, Some(("team".into(), "a=b".into())));
        assert_eq!((filter.workflow, filter.limit, filter.awaits_people), (None, 50, true));
        assert_eq!(filter.sort, RunSort { by: RunSortKey::Duration, descending: true });
    }

    #[test]
    fn a_query_that_makes_no_sense_is_refused() {
        let bad = [
            RunQuery { state: Some("done".into()), ..RunQuery::default() },
            RunQuery { approval: Some("open".into()), ..RunQuery::default() },
            RunQuery { label: Some("team".into()), ..RunQuery::default() },
            RunQuery { sort: Some("name".into()), ..RunQuery::default() },
            RunQuery { limit: Some(0), ..RunQuery::default() },
            RunQuery { limit: Some(501), ..RunQuery::default() },
            RunQuery { workflow: Some("No Name".into()), ..RunQuery::default() },
        ];
        for query in bad {
            assert_eq!(read(query).unwrap_err(), 400);
        }
    }
}
