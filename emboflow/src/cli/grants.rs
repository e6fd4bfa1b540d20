//! What somebody is given on the command line: `PROJECT=ROLE`, and whether it is the platform.

use clap::Args;
use emboflow_model::access::{Binding, Powers, ProjectScope, Standing};

use crate::failure::Failure;

/// What a user or a key may.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Grants {
    /// A role in a project: viewer, developer, operator, admin, or denied; the project * is all of them
    #[arg(long = "role", value_name = "PROJECT=ROLE", value_parser = binding)]
    roles: Vec<Binding>,
    /// Administrator of the platform: of users, settings, and every project that is not denied
    #[arg(long)]
    platform_admin: bool,
}

impl Grants {
    /// Nothing was given.
    pub(super) fn is_empty(&self) -> bool {
        self.roles.is_empty() && !self.platform_admin
    }

    pub(super) fn powers(&self) -> Powers {
        Powers { platform_admin: self.platform_admin, bindings: self.roles.clone() }
    }
}

fn binding(text: &str) -> Result<Binding, String> {
    let (project, role) =
        text.split_once('=').ok_or_else(|| "write PROJECT=ROLE, such as lab=developer".to_owned())?;
    Ok(Binding { project: scope(project)?, role: standing(role)? })
}

/// A project, or `*`.
pub(super) fn scope(text: &str) -> Result<ProjectScope, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

/// A role, or `denied`.
pub(super) fn standing(text: &str) -> Result<Standing, String> {
    let known =
        [Standing::Viewer, Standing::Developer, Standing::Operator, Standing::Admin, Standing::Denied];
    let found = known.into_iter().find(|standing| word(*standing) == text);
    found.ok_or_else(|| format!("'{text}' is no role: viewer, developer, operator, admin, or denied"))
}

/// The word for it.
pub(super) fn word(standing: Standing) -> &'static str {
    standing.role().map_or("denied", |role| role.word())
}

/// All of it on one line.
pub(super) fn in_words(powers: &Powers) -> String {
    let bindings = powers.bindings.iter().map(|at| format!("{}={}", at.project, word(at.role)));
    let platform = powers.platform_admin.then(|| "platform admin".to_owned());
    let all: Vec<String> = platform.into_iter().chain(bindings).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// The powers with another role in a project; no role takes the one there away. Errors: a denial stands there, which
/// nobody lifts by giving a role.
pub(super) fn with(
    powers: &Powers,
    project: &ProjectScope,
    role: Option<Standing>,
) -> Result<Powers, Failure> {
    let is_here = |binding: &&Binding| binding.project == *project;
    let is_denied = powers.bindings.iter().filter(is_here).any(|binding| binding.role == Standing::Denied);
    if is_denied && role.is_some_and(|role| role != Standing::Denied) {
        return Err(denied(project));
    }
    let mut bindings: Vec<Binding> = powers.bindings.iter().filter(|one| !is_here(one)).cloned().collect();
    bindings.extend(role.map(|role| Binding { project: project.clone(), role }));
    Ok(Powers { bindings, ..powers.clone() })
}

/// The failure of who would lift a denial by the way.
pub(super) fn denied(project: &ProjectScope) -> Failure {
    let place = match project {
        ProjectScope::All => "every project".to_owned(),
        ProjectScope::One(project) => format!("project {project}"),
    };
    Failure::usage(format!("the user is denied in {place}; take that away first, with the role `none`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn powers(roles: &[&str]) -> Powers {
        Powers { platform_admin: false, bindings: roles.iter().map(|role| binding(role).unwrap()).collect() }
    }

    #[test]
    fn a_grant_is_a_project_and_a_role() {
        assert_eq!(in_words(&powers(&["lab=developer", "*=denied"])), "lab=developer, *=denied");
        assert_eq!(in_words(&Powers::of_platform_admin()), "platform admin");
        for bad in ["lab", "lab=", "lab=root", "LAB=viewer", "=viewer"] {
            assert!(binding(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_role_takes_the_place_of_the_one_before_and_never_of_a_denial() {
        let before = powers(&["lab=viewer", "*=viewer", "vault=denied"]);
        let lab = scope("lab").unwrap();
        let after = with(&before, &lab, Some(Standing::Admin)).unwrap();
        assert_eq!(in_words(&after), "*=viewer, vault=denied, lab=admin");
        assert_eq!(in_words(&with(&before, &lab, None).unwrap()), "*=viewer, vault=denied");
        let vault = scope("vault").unwrap();
        assert!(with(&before, &vault, Some(Standing::Viewer)).unwrap_err().reason().contains("denied"));
        assert_eq!(in_words(&with(&before, &vault, None).unwrap()), "lab=viewer, *=viewer");
    }
}
