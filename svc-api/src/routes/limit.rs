//! How many rows a page has.

use emboflow_protocol::ErrorCode;

use crate::problem::{Failure, Outcome};

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

/// A cursor that is a number: the place of the last row of the page before.
pub(super) fn numeric_cursor<N: std::str::FromStr>(cursor: Option<&str>) -> Outcome<Option<N>> {
    let read = |text: &str| {
        let refuse =
            |_| Failure::new(ErrorCode::RequestInvalid, format!("'{text}' is not a cursor of this list"));
        text.parse::<N>().map_err(|_| ()).map_err(refuse)
    };
    cursor.filter(|text| !text.is_empty()).map(read).transpose()
}
