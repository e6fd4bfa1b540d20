//! Whose sessions and keys are asked for: one's own, or as an administrator anybody's.

use emboflow_model::access::{Caller, UserName};
use emboflow_protocol::ErrorCode;

use crate::problem::{Failure, Outcome};

/// The owner that the query names; none = everybody's. Errors: they are others', and the caller is no administrator.
pub(super) fn owner(caller: &Caller, asked: Option<&str>) -> Outcome<Option<UserName>> {
    let own = caller.user_name();
    let wanted = match asked.filter(|text| !text.is_empty()) {
        None => match own {
            Some(own) => return Ok(Some(own.clone())),
            // The installation's token has none of its own.
            None => None,
        },
        Some("*") => None,
        Some(name) => {
            let name = UserName::new(name);
            Some(name.map_err(|error| Failure::new(ErrorCode::RequestInvalid, error.to_string()))?)
        }
    };
    if caller.is_platform_admin() || (wanted.is_some() && wanted.as_ref() == own) {
        return Ok(wanted);
    }
    Err(Failure::new(ErrorCode::AuthForbidden, "only an administrator of the platform sees those of others"))
}

/// Whose may be ended: one's own, or as an administrator anybody's.
pub(super) fn endable(caller: &Caller) -> Option<UserName> {
    if caller.is_platform_admin() { None } else { caller.user_name().cloned() }
}

/// A page of rows that are all at hand; the cursor is the id of the last row of the page before.
pub(super) fn page<T>(
    rows: Vec<T>,
    id: impl Fn(&T) -> &str,
    cursor: Option<&str>,
    limit: u32,
) -> (Vec<T>, Option<String>) {
    let start = match cursor.filter(|cursor| !cursor.is_empty()) {
        None => 0,
        Some(cursor) => rows.iter().position(|row| id(row) == cursor).map_or(rows.len(), |place| place + 1),
    };
    let more = rows.len() > start.saturating_add(limit as usize);
    let rows: Vec<T> = rows.into_iter().skip(start).take(limit as usize).collect();
    let next = rows.last().filter(|_| more).map(|row| id(row).to_owned());
    (rows, next)
}
