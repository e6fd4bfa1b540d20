//! What the page has to say: problems, empty lists, loading.

use dioxus::prelude::*;
use emboflow_protocol::FieldError;

use crate::api::ApiError;
use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::parts::sign_in::SignedOut;
use crate::parts::text::Copy;

/// An error as people read it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Anatomy {
    title: String,
    detail: Option<String>,
    /// The single errors with their places.
    findings: Vec<FieldError>,
    hint: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
}

impl Anatomy {
    fn of(error: &ApiError) -> Self {
        match error {
            ApiError::Unreachable(why) => Self {
                title: "The API does not answer".to_owned(),
                detail: Some(why.clone()),
                hint: Some("Is EmboFlow running? What you see may be old.".to_owned()),
                ..Self::default()
            },
            ApiError::Strange(why) => Self {
                title: "The answer cannot be read".to_owned(),
                detail: Some(why.clone()),
                hint: Some("Reload the page; it may be older than the server.".to_owned()),
                ..Self::default()
            },
            ApiError::Refused(problem) => Self {
                title: problem.title.clone(),
                detail: problem.detail.clone(),
                findings: problem.errors.clone(),
                hint: problem.hint.clone(),
                code: Some(problem.code.clone()),
                request_id: problem.request_id.clone(),
            },
        }
    }

    /// All of it, to be sent to somebody who can help.
    fn text(&self) -> String {
        let mut lines = vec![self.title.clone()];
        lines.extend(self.detail.clone());
        lines.extend(self.findings.iter().map(|finding| format!("{}{}", place(finding), finding.message)));
        lines.extend(self.hint.clone());
        lines.extend(self.code.as_ref().map(|code| format!("code: {code}")));
        lines.extend(self.request_id.as_ref().map(|id| format!("request: {id}")));
        lines.join("\n")
    }
}

/// Line and column, where the error has them.
fn place(finding: &FieldError) -> String {
    finding.line.map(|line| format!("{line}:{} ", finding.column.unwrap_or(1))).unwrap_or_default()
}

/// An error of the API in full: what, where, why, what to do, and what to ask with.
#[component]
pub(crate) fn Problem(
    error: ApiError,
    #[props(default)] retry: Option<Callback<()>>,
    /// Whom it concerns, when that is not clear.
    #[props(default)]
    whom: Option<String>,
) -> Element {
    if error.wants_sign_in() {
        return rsx! { SignedOut {} };
    }
    let anatomy = Anatomy::of(&error);
    let text = anatomy.text();
    rsx! {
        div { class: "banner bad", role: "alert",
            Drawn { icon: Icon::Alert }
            div { class: "grow",
                h3 { "{anatomy.title}" }
                if let Some(whom) = whom {
                    p { "{whom}" }
                }
                if let Some(detail) = anatomy.detail {
                    p { "{detail}" }
                }
                for (number , wrong) in anatomy.findings.iter().enumerate() {
                    p { key: "{number}",
                        span { class: "mono", {place(wrong)} }
                        "{wrong.message}"
                        if let Some(hint) = &wrong.hint {
                            span { class: "soft", " {hint}" }
                        }
                    }
                }
                if let Some(hint) = anatomy.hint {
                    p { class: "soft", "{hint}" }
                }
                p { class: "row-flex wrap soft",
                    if let Some(code) = anatomy.code {
                        a { class: "mono", href: "{browser::root()}docs/errors#{code}", target: "_blank", "{code}" }
                    }
                    if let Some(id) = anatomy.request_id {
                        span { class: "mono", "request {id}" }
                    }
                    Copy { text, what: "the details" }
                }
            }
            if let Some(retry) = retry {
                button { class: "button small", r#type: "button", onclick: move |_| retry.call(()), "Try again" }
            }
        }
    }
}

/// Nothing to show, and what to do about it.
#[component]
pub(crate) fn Empty(
    title: String,
    /// It stands for the whole page.
    #[props(default)]
    heading: bool,
    children: Element,
) -> Element {
    rsx! {
        div { class: "empty",
            if heading {
                h1 { "{title}" }
            } else {
                h2 { "{title}" }
            }
            {children}
        }
    }
}

/// The outline of a list that is not there yet.
#[component]
pub(crate) fn Loading(#[props(default = 6)] rows: usize) -> Element {
    rsx! {
        div { "aria-busy": "true",
            p { class: "visually-hidden", role: "status", "Loading" }
            for row in 0..rows {
                div { key: "{row}", class: "skeleton row" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_protocol::{ErrorCode, Problem};

    #[test]
    fn an_error_to_send_on_has_its_place_its_code_and_its_request() {
        let mut problem = Problem::new(ErrorCode::WorkflowInvalid, "1 error").with_hint("mend it");
        problem.request_id = Some("abc".to_owned());
        let text = Anatomy::of(&ApiError::Refused(Box::new(problem))).text();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines, ["1 error", "mend it", "code: workflow.invalid", "request: abc"]);
    }
}
