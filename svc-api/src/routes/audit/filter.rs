//! A query of the audit as the records take it.

use emboflow_model::ProjectName;
use emboflow_model::access::audit::AuditResult;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::audit::AuditQuery;
use emboflow_records::AuditFilter;

use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;

/// Empty parameters are none.
pub(super) fn filter(query: AuditQuery) -> Outcome<AuditFilter> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let result = given(query.result).map(|word| {
        let known = AuditResult::ALL.map(AuditResult::word);
        let found = AuditResult::ALL.into_iter().find(|result| result.word() == word);
        found.ok_or_else(|| Failure::unknown("result in the audit", &word, &known))
    });
    let project = given(query.project).map(|name| {
        ProjectName::new(name).map_err(|error| Failure::new(ErrorCode::RequestInvalid, error.to_string()))
    });
    Ok(AuditFilter {
        since: query.since,
        until: query.until,
        who: given(query.who),
        action: given(query.action),
        project: project.transpose()?,
        result: result.transpose()?,
        limit: limit(query.limit, 100, 1_000)?,
        cursor: given(query.cursor),
    })
}
