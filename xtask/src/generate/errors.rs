//! The table of error codes, for people.

use std::fmt::Write as _;

use emboflow_model::workflow::code;
use emboflow_protocol::ErrorCode;

const HEAD: &str = "\
# Errors

This file is generated from the code (`make fix`).

Every error of the HTTP API is `application/problem+json` (RFC 9457) with a `code` from the first table; a rejected
NATS request carries the same codes in `errors`. Codes are stable: programs may rely on them, and never on a message.
\"Try again\" says whether the same request may succeed later without a change.

";

const WORKFLOW: &str = "
## Codes of the workflow file

They stand in the `errors` of `workflow.invalid`, each with line, column and JSON pointer.

| code | meaning |
|---|---|
";

/// `docs/errors.md`.
pub(super) fn table() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| code | status | try again | title | what to do |\n|---|---|---|---|---|\n");
    for error in ErrorCode::ALL {
        let (code, status, title) = (error.code(), error.status(), error.title());
        let again = if error.is_retryable() { "yes" } else { "no" };
        let advice = error.advice();
        let _ = writeln!(text, "| {} | {status} | {again} | {title} | {advice} |", anchored(code));
    }
    text.push_str(WORKFLOW);
    for known in code::ALL {
        let _ = writeln!(text, "| {} | {} |", anchored(known), code::meaning(known).unwrap_or_default());
    }
    text
}

fn anchored(code: &str) -> String {
    format!("<a id=\"{code}\"></a>`{code}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_row_with_a_meaning() {
        let text = table();
        let titles = ErrorCode::ALL.iter().map(|error| error.title());
        let meanings = code::ALL.iter().map(|known| code::meaning(known).unwrap_or_default());
        assert!(titles.chain(meanings).all(|cell| !cell.is_empty()), "a cell is empty:\n{text}");
        let codes = ErrorCode::ALL.iter().map(|error| error.code()).chain(code::ALL.iter().copied());
        for code in codes {
            assert_eq!(text.matches(&anchored(code)).count(), 1, "{code}");
        }
    }
}
