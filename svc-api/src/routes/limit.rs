//! How many rows a page has, and where it begins and ends.

use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;

use emboflow_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::problem::{Failure, Outcome};

/// Rows a page of a list by name when nobody asks for another number.
pub(super) const USUAL: u32 = 100;
/// Rows a page of a list by name at most.
pub(super) const MOST: u32 = 500;

/// Query of a list by name.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameQuery {
    /// Rows a page, 1 to 500; 100 by default.
    #[schemars(range(min = 1, max = 500))]
    pub(super) limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    pub(super) cursor: Option<String>,
}

/// Reads a page of a list by name: `read` gives the rows after a name, at most so many. Gives the rows and the cursor of
/// the next page. Errors: the limit is out of range, the cursor is no name; those of `read`.
pub(super) async fn by_name<N, T, R>(
    query: NameQuery,
    read: impl FnOnce(Option<N>, u32) -> R,
    name: impl FnOnce(&T) -> String,
) -> Outcome<(Vec<T>, Option<String>)>
where
    N: FromStr<Err: Display>,
    R: Future<Output = Outcome<Vec<T>>>,
{
    let limit = limit(query.limit, USUAL, MOST)?;
    let after = name_cursor(query.cursor.as_deref())?;
    // One more tells whether there is a next page.
    let mut rows = read(after, limit + 1).await?;
    let next = cut(&mut rows, limit, name);
    Ok((rows, next))
}

/// Cuts what was read down to a page of `limit` rows; gives the cursor of the next page, if a row beyond it was read.
pub(super) fn cut<T>(rows: &mut Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Option<String> {
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    rows.last().filter(|_| has_more).map(cursor)
}

/// The asked number, or the usual one.
pub(super) fn limit(asked: Option<u32>, usual: u32, most: u32) -> Outcome<u32> {
    match asked {
        None => Ok(usual),
        Some(asked) if (1..=most).contains(&asked) => Ok(asked),
        Some(asked) => {
            Err(Failure::new(ErrorCode::RequestInvalid, format!("limit is 1 to {most}, not {asked}")))
        }
    }
}

/// A cursor that is a name: that of the last row of the page before.
pub(super) fn name_cursor<N: FromStr<Err: Display>>(cursor: Option<&str>) -> Outcome<Option<N>> {
    let after = cursor.filter(|cursor| !cursor.is_empty()).map(str::parse).transpose();
    after.map_err(|error| {
        Failure::new(ErrorCode::RequestInvalid, format!("the cursor is not one of this list: {error}"))
    })
}

/// A cursor that is a number: the place of the last row of the page before.
pub(super) fn numeric_cursor<N: FromStr>(cursor: Option<&str>) -> Outcome<Option<N>> {
    let read = |text: &str| {
        let refuse =
            |_| Failure::new(ErrorCode::RequestInvalid, format!("'{text}' is not a cursor of this list"));
        text.parse::<N>().map_err(|_| ()).map_err(refuse)
    };
    cursor.filter(|text| !text.is_empty()).map(read).transpose()
}

#[cfg(test)]
mod tests {
    use emboflow_model::WorkflowName;

    use super::*;

    async fn ask(limit: Option<u32>, cursor: Option<&str>) -> Outcome<(Vec<String>, Option<String>)> {
        let read = async |after: Option<WorkflowName>, limit: u32| {
            let all = ["a", "b", "c"].map(str::to_owned).into_iter();
            let after = after.map(|after| after.to_string());
            Ok(all.filter(|name| after.as_ref() < Some(name)).take(limit as usize).collect())
        };
        let query = NameQuery { limit, cursor: cursor.map(str::to_owned) };
        by_name(query, read, String::clone).await
    }

    #[tokio::test]
    async fn the_pages_of_a_list_by_name_are_the_list() {
        let (mut cursor, mut pages) = (None, Vec::new());
        loop {
            let (rows, next) = ask(Some(2), cursor.as_deref()).await.ok().unwrap();
            pages.push(rows);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, [vec!["a", "b"], vec!["c"]]);
        let (rows, next) = ask(Some(3), Some("")).await.ok().unwrap();
        assert_eq!((rows.len(), next), (3, None), "a page that is just full is the last one");
    }

    #[tokio::test]
    async fn a_limit_or_a_cursor_that_makes_no_sense_is_refused() {
        for (limit, cursor) in [(Some(0), None), (Some(501), None), (None, Some("No Cursor"))] {
            let failure = ask(limit, cursor).await.err().unwrap();
            assert_eq!(failure.code(), ErrorCode::RequestInvalid.code());
        }
    }
}
