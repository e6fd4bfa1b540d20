//! What somebody is in which project.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Role;
use crate::name::{NAME_PATTERN, ProjectName};

/// The projects that a binding is about: in JSON a name, or `*` for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProjectScope {
    /// Every project, also those that will be made.
    All,
    /// This one.
    One(ProjectName),
}

impl ProjectScope {
    /// Whether it contains the project.
    pub fn contains(&self, project: &ProjectName) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == project,
        }
    }
}

impl fmt::Display for ProjectScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::One(project) => project.fmt(f),
        }
    }
}

impl Serialize for ProjectScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProjectScope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        match text.as_ref() {
            "*" => Ok(Self::All),
            name => ProjectName::new(name).map(Self::One).map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for ProjectScope {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ProjectScope".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = format!(r"^\*$|{NAME_PATTERN}");
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

/// A role, or that there is none whatever other bindings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// May nothing there. It wins over every role, also that of a platform administrator.
    Denied,
    /// [`Role::Viewer`].
    Viewer,
    /// [`Role::Developer`].
    Developer,
    /// [`Role::Operator`].
    Operator,
    /// [`Role::Admin`].
    Admin,
}

impl Standing {
    /// The role; none when denied.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Denied => None,
            Self::Viewer => Some(Role::Viewer),
            Self::Developer => Some(Role::Developer),
            Self::Operator => Some(Role::Operator),
            Self::Admin => Some(Role::Admin),
        }
    }
}

impl From<Role> for Standing {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Developer => Self::Developer,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

/// One line of what somebody is where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Binding {
    /// A project, or `*` for all of them.
    pub project: ProjectScope,
    /// The role there, or `denied`.
    pub role: Standing,
}

/// All that somebody may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Powers {
    /// Administrator of the platform: of every project that is not denied, of users and settings.
    pub platform_admin: bool,
    /// Roles in projects; 200 at most.
    #[schemars(length(max = 200))]
    pub bindings: Vec<Binding>,
}

/// Bindings that somebody may have.
pub const MAX_BINDINGS: usize = 200;

impl Powers {
    /// The powers of an administrator of the platform.
    pub fn of_platform_admin() -> Self {
        Self { platform_admin: true, bindings: Vec::new() }
    }

    /// The role in a project: the highest of those that are given there, none when one binding denies it.
    pub fn role_in(&self, project: &ProjectName) -> Option<Role> {
        let here = self.bindings.iter().filter(|binding| binding.project.contains(project));
        let roles: Option<Vec<Role>> = here.map(|binding| binding.role.role()).collect();
        let given = roles?.into_iter().max();
        if self.platform_admin { Some(Role::Admin) } else { given }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn powers(platform_admin: bool, bindings: &[(&str, &str)]) -> Powers {
        let bindings = bindings.iter().map(|(project, role)| {
            serde_json::from_value(serde_json::json!({ "project": project, "role": role })).unwrap()
        });
        Powers { platform_admin, bindings: bindings.collect() }
    }

    fn project(name: &str) -> ProjectName {
        ProjectName::new(name).unwrap()
    }

    #[test]
    fn the_highest_role_counts_and_a_denial_wins_over_all_of_them() {
        let anna =
            powers(false, &[("*", "viewer"), ("lab", "operator"), ("lab", "developer"), ("vault", "denied")]);
        assert_eq!(anna.role_in(&project("lab")), Some(Role::Operator));
        assert_eq!(anna.role_in(&project("other")), Some(Role::Viewer));
        assert_eq!(anna.role_in(&project("vault")), None);
        assert_eq!(powers(false, &[("*", "denied"), ("lab", "admin")]).role_in(&project("lab")), None);
        assert_eq!(Powers::default().role_in(&project("lab")), None);
    }

    #[test]
    fn a_platform_administrator_is_admin_wherever_it_is_not_denied() {
        let root = powers(true, &[("vault", "denied"), ("lab", "viewer")]);
        assert_eq!(root.role_in(&project("lab")), Some(Role::Admin));
        assert_eq!(root.role_in(&project("vault")), None);
    }

    #[test]
    fn a_scope_is_a_name_or_a_star() {
        for bad in ["", "**", "Lab", "lab.*"] {
            assert!(serde_json::from_value::<ProjectScope>(bad.into()).is_err(), "{bad}");
        }
        let scope: ProjectScope = serde_json::from_value("*".into()).unwrap();
        assert_eq!(serde_json::to_value(scope).unwrap(), "*");
    }
}
