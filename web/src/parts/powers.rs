//! What somebody may: in words, and as a form.

use dioxus::prelude::*;
use emboflow_model::ProjectName;
use emboflow_model::access::{Binding, Powers, ProjectScope, Standing};

use crate::icon::{Drawn, Icon};

/// Every standing, the strongest last.
pub(crate) const STANDINGS: [(Standing, &str); 5] = [
    (Standing::Viewer, "viewer"),
    (Standing::Developer, "developer"),
    (Standing::Operator, "operator"),
    (Standing::Admin, "admin"),
    (Standing::Denied, "denied"),
];

/// The word for it.
pub(crate) fn word(standing: Standing) -> &'static str {
    STANDINGS.iter().find(|(one, _)| *one == standing).map_or("", |(_, word)| word)
}

/// The standing that a word says.
pub(crate) fn standing(text: &str) -> Option<Standing> {
    STANDINGS.iter().find(|(_, word)| *word == text).map(|(one, _)| *one)
}

fn scope(text: &str) -> Option<ProjectScope> {
    match text {
        "*" => Some(ProjectScope::All),
        name => ProjectName::new(name).ok().map(ProjectScope::One),
    }
}

/// All that somebody may, as tags.
#[component]
pub(crate) fn May(powers: Powers) -> Element {
    let nothing = !powers.platform_admin && powers.bindings.is_empty();
    rsx! {
        span { class: "row-flex wrap",
            if powers.platform_admin {
                span { class: "tag", "platform admin" }
            }
            for at in powers.bindings {
                span { key: "{at.project}", class: "tag",
                    if at.project == ProjectScope::All {
                        "every project: {word(at.role)}"
                    } else {
                        "{at.project}: {word(at.role)}"
                    }
                }
            }
            if nothing {
                span { class: "dim", "nothing" }
            }
        }
    }
}

/// A form for what somebody may.
#[component]
pub(crate) fn PowersForm(
    powers: Signal<Powers>,
    /// The projects to choose from.
    projects: Vec<String>,
    /// Whether the platform is to be given at all.
    #[props(default = true)]
    platform: bool,
) -> Element {
    let mut powers = powers;
    let rows: Vec<Binding> = powers.read().bindings.clone();
    rsx! {
        fieldset { class: "powers",
            legend { class: "label", "Roles" }
            if platform {
                label { class: "switch",
                    input {
                        r#type: "checkbox",
                        checked: powers.read().platform_admin,
                        onchange: move |event| powers.write().platform_admin = event.checked(),
                    }
                    "Administrator of the platform: users, settings, every project"
                }
            }
            for (number , row) in rows.into_iter().enumerate() {
                BindingRow { key: "{number}", powers, number, row, projects: projects.clone() }
            }
            div {
                button {
                    class: "button small",
                    r#type: "button",
                    onclick: move |_| {
                        let first = Binding { project: ProjectScope::All, role: Standing::Viewer };
                        powers.write().bindings.push(first);
                    },
                    Drawn { icon: Icon::Plus }
                    "Add a role"
                }
            }
        }
    }
}

#[component]
fn BindingRow(powers: Signal<Powers>, number: usize, row: Binding, projects: Vec<String>) -> Element {
    let mut powers = powers;
    let chosen = row.project.to_string();
    let is_known = chosen == "*" || projects.contains(&chosen);
    let place = number + 1;
    rsx! {
        div { class: "row-flex",
            select {
                class: "input",
                "aria-label": "Project of role {place}",
                onchange: move |event| {
                    if let Some(project) = scope(&event.value()) {
                        powers.write().bindings[number].project = project;
                    }
                },
                option { value: "*", selected: chosen == "*", "every project" }
                if !is_known {
                    option { value: "{chosen}", selected: true, "{chosen}" }
                }
                for project in projects {
                    option { key: "{project}", value: "{project}", selected: project == chosen, "{project}" }
                }
            }
            StandingChoice {
                label: "Role {place}",
                chosen: row.role,
                onchoose: move |role| powers.write().bindings[number].role = role,
            }
            button {
                class: "button ghost square",
                r#type: "button",
                "aria-label": "Take away role {place}",
                onclick: move |_| {
                    powers.write().bindings.remove(number);
                },
                Drawn { icon: Icon::Close }
            }
        }
    }
}

/// A choice between the roles, and being denied.
#[component]
pub(crate) fn StandingChoice(label: String, chosen: Standing, onchoose: Callback<Standing>) -> Element {
    rsx! {
        select {
            class: "input",
            "aria-label": label,
            onchange: move |event| {
                if let Some(role) = standing(&event.value()) {
                    onchoose.call(role);
                }
            },
            for (role , word) in STANDINGS {
                option { key: "{word}", value: "{word}", selected: role == chosen, "{word}" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standing_has_a_word_that_reads_back() {
        for (role, text) in STANDINGS {
            assert_eq!((word(role), standing(text)), (text, Some(role)));
        }
        assert_eq!(standing("root"), None);
        assert_eq!(scope("*"), Some(ProjectScope::All));
        assert_eq!(scope("Not a name"), None);
    }
}
