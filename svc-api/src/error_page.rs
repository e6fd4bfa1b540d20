//! The error catalogue as a page: where the `type` of a problem points.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::workflow::code;
use emboflow_protocol::ErrorCode;

use crate::conditional::tag_of;

/// Only its own style, and nothing that runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>Errors · EmboFlow</title>
<style>
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --line: #d5dae0; --mark: #fff4cc; --back: #fff; --link: #0b57b5 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ec; --soft: #9aa5b1; --line: #363d46; --mark: #4a3f14; --back: #14181d; --link: #7db4ff }
}
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 6rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { margin: 0 0 1rem; font-size: 1.6rem }
h2 { margin: 2.5rem 0 1rem; font-size: 1.2rem }
p, td span { color: var(--soft) }
p { max-width: 44rem }
a { color: var(--link) }
table { width: 100%; border-collapse: collapse }
th, td { padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: 600 }
td.number { font-variant-numeric: tabular-nums }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere }
@media (min-width: 48rem) {
  th, td:first-child code { white-space: nowrap }
}
td a { color: inherit; text-decoration: none }
tr:target { background: var(--mark) }
</style>
</head>
<body>
<p><a href=\"../\">EmboFlow</a></p>
<main>
<h1>Errors</h1>
<p>Every error answer has one of these codes. Codes are stable: programs may rely on them, and never on a message.
“Try again” says whether the same request may succeed later without a change.</p>
<table>
<thead><tr><th>Code</th><th>Status</th><th>Try again</th><th>What it means, and what to do</th></tr></thead>
<tbody>
";

const WORKFLOW: &str = "</tbody>
</table>
<h2>Codes of the workflow file</h2>
<p>They stand in the <code>errors</code> of <code>workflow.invalid</code>, each with line, column and JSON pointer.</p>
<table>
<thead><tr><th>Code</th><th>What it means</th></tr></thead>
<tbody>
";

const FOOT: &str = "</tbody>
</table>
</main>
</body>
</html>
";

static PAGE: LazyLock<(String, HeaderValue)> = LazyLock::new(|| {
    let page = page();
    let tag = tag_of(page.as_bytes());
    (page, tag)
});

/// Shows the catalogue.
pub(crate) async fn show() -> Response {
    let (page, tag) = &*PAGE;
    let text = |text| HeaderValue::from_static(text);
    let headers = [
        (header::CONTENT_TYPE, text("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, text(POLICY)),
        (header::CACHE_CONTROL, text("no-cache")),
        (header::ETAG, tag.clone()),
    ];
    (headers, page.as_str()).into_response()
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for error in ErrorCode::ALL {
        let again = if error.is_retryable() { "yes" } else { "no" };
        let rest = format!("<td class=\"number\">{}</td><td>{again}</td>", error.status());
        row(&mut page, error.code(), &rest, error.title(), error.advice());
    }
    page.push_str(WORKFLOW);
    for known in code::ALL {
        row(&mut page, known, "", code::meaning(known).unwrap_or_default(), "");
    }
    page.push_str(FOOT);
    page
}

fn row(page: &mut String, code: &str, rest: &str, meaning: &str, advice: &str) {
    let mut meaning = prose(meaning);
    if !advice.is_empty() {
        write!(meaning, "<br><span>{}</span>", prose(advice)).expect("a String takes every write");
    }
    writeln!(
        page,
        "<tr id=\"{code}\"><td><a href=\"#{code}\"><code>{code}</code></a></td>{rest}<td>{meaning}</td></tr>"
    )
    .expect("a String takes every write");
}

/// Text as HTML, with code between backticks.
fn prose(text: &str) -> String {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = plain.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row_that_its_problem_points_to() {
        let page = page();
        for error in ErrorCode::ALL {
            let problem = emboflow_protocol::Problem::new(*error, "");
            let (path, code) = problem.type_uri.split_once('#').unwrap();
            assert_eq!(
                (path, page.matches(&format!("<tr id=\"{code}\">")).count()),
                ("/docs/errors", 1),
                "{code}"
            );
        }
        for known in code::ALL {
            assert_eq!(page.matches(&format!("<tr id=\"{known}\">")).count(), 1, "{known}");
        }
    }

    #[test]
    fn the_page_refers_to_nothing_outside_itself_but_the_page_above() {
        let page = page();
        assert!(!page.contains("<script") && !page.contains(" src=") && !page.contains("url("));
        let links = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        assert!(links.into_iter().all(|link| link == "../" || link.starts_with('#')));
        assert_eq!(prose("`a<b` & c"), "<code>a&lt;b</code> &amp; c");
    }
}
