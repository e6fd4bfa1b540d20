//! Who asks.

use std::fmt;

use super::{Powers, ProjectScope, Role, Standing, UserName};
use crate::name::{ProjectName, ServiceName};

/// Somebody or something that has shown who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person, in a browser.
    User(UserName),
    /// A program with an API key of a person.
    Key {
        /// Whose key it is.
        owner: UserName,
        /// The key's public id.
        id: String,
    },
    /// A program with a token of its own account.
    Service(ServiceName),
    /// Whoever has the installation's token: the person at the machine itself.
    Local,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Key { owner, id } => write!(f, "key:{owner}/{id}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Local => f.write_str("local"),
        }
    }
}

/// Who asks, and what they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub who: Who,
    powers: Powers,
    /// For a key: what its owner may now. A key never reaches further.
    within: Option<Powers>,
}

impl Caller {
    /// A person who has signed in.
    pub fn user(name: UserName, powers: Powers) -> Self {
        Self { who: Who::User(name), powers, within: None }
    }

    /// A key with powers of its own, within those that its owner has now.
    pub fn key(owner: UserName, id: String, powers: Powers, within: Powers) -> Self {
        Self { who: Who::Key { owner, id }, powers, within: Some(within) }
    }

    /// A service.
    pub fn service(name: ServiceName, powers: Powers) -> Self {
        Self { who: Who::Service(name), powers, within: None }
    }

    /// Whoever has the installation's token.
    pub fn local() -> Self {
        Self { who: Who::Local, powers: Powers::of_platform_admin(), within: None }
    }

    /// The role in a project.
    pub fn role_in(&self, project: &ProjectName) -> Option<Role> {
        let own = self.powers.role_in(project)?;
        match &self.within {
            None => Some(own),
            Some(within) => Some(own.min(within.role_in(project)?)),
        }
    }

    /// Whether the caller may know that there is such a project.
    pub fn sees(&self, project: &ProjectName) -> bool {
        self.role_in(project).is_some()
    }

    /// Administrator of the platform.
    pub fn is_platform_admin(&self) -> bool {
        self.powers.platform_admin && self.within.as_ref().is_none_or(|within| within.platform_admin)
    }

    /// Whether the caller may give these powers to a user or a service. A program makes no administrator of the platform,
    /// and gives nothing where it is denied itself: through a user of its own it would reach further than it was made for.
    pub fn may_give(&self, powers: &Powers) -> bool {
        if self.is_person() {
            return true;
        }
        let own = [Some(&self.powers), self.within.as_ref()].into_iter().flatten();
        let mut denials = own.flat_map(|own| &own.bindings).filter(|own| own.role == Standing::Denied);
        let reaches = |denied: &ProjectScope| match denied {
            ProjectScope::All => powers.bindings.iter().any(|given| given.role != Standing::Denied),
            ProjectScope::One(project) => powers.role_in(project).is_some(),
        };
        !powers.platform_admin && !denials.any(|denied| reaches(&denied.project))
    }

    /// A person, not a program that acts for one.
    pub fn is_person(&self) -> bool {
        matches!(self.who, Who::User(_) | Who::Local)
    }

    /// The user that this is, or whose key it is.
    pub fn user_name(&self) -> Option<&UserName> {
        match &self.who {
            Who::User(name) | Who::Key { owner: name, .. } => Some(name),
            Who::Service(_) | Who::Local => None,
        }
    }

    /// What the caller was given; for a key without what its owner lacks.
    pub fn powers(&self) -> &Powers {
        &self.powers
    }
}

#[cfg(test)]
mod tests {
    use super::super::Binding;
    use super::*;

    fn powers(platform_admin: bool, role: Standing) -> Powers {
        Powers { platform_admin, bindings: vec![Binding { project: ProjectScope::All, role }] }
    }

    #[test]
    fn a_program_gives_nobody_more_than_it_has() {
        let (vault, lab) = (ProjectName::new("vault").unwrap(), ProjectName::new("lab").unwrap());
        let one = |project: &ProjectName, role| Binding { project: ProjectScope::One(project.clone()), role };
        let given = |binding| Powers { platform_admin: false, bindings: vec![binding] };
        let denied = Powers { platform_admin: true, bindings: vec![one(&vault, Standing::Denied)] };
        let everywhere = powers(false, Standing::Viewer);
        let caller = |own: &Powers, within: &Powers| {
            Caller::key(UserName::new("anna").unwrap(), "k1".to_owned(), own.clone(), within.clone())
        };
        let admin = Powers::of_platform_admin();
        for key in [caller(&denied, &admin), caller(&admin, &denied)] {
            assert!(key.may_give(&given(one(&lab, Standing::Admin))));
            assert!(!key.may_give(&given(one(&vault, Standing::Viewer))));
            assert!(!key.may_give(&everywhere) && !key.may_give(&admin));
        }
        let nowhere = caller(&powers(true, Standing::Denied), &admin);
        assert!(!nowhere.may_give(&given(one(&lab, Standing::Viewer))));
        assert!(nowhere.may_give(&given(one(&lab, Standing::Denied))));
        assert!(caller(&admin, &admin).may_give(&everywhere));
        assert!(!caller(&admin, &admin).may_give(&admin), "an administrator is made by a person");
        assert!(Caller::local().may_give(&admin));
    }

    #[test]
    fn a_key_never_reaches_further_than_its_owner_does_now() {
        let project = ProjectName::new("lab").unwrap();
        let key = |own: Powers, within: Powers| {
            Caller::key(UserName::new("anna").unwrap(), "k1".to_owned(), own, within)
        };
        let admin = powers(true, Standing::Admin);
        let strong = key(admin.clone(), powers(false, Standing::Viewer));
        assert_eq!((strong.role_in(&project), strong.is_platform_admin()), (Some(Role::Viewer), false));
        let weak = key(powers(false, Standing::Viewer), admin.clone());
        assert_eq!((weak.role_in(&project), weak.is_platform_admin()), (Some(Role::Viewer), false));
        assert!(!key(admin.clone(), powers(true, Standing::Denied)).sees(&project));
        assert!(!key(admin.clone(), Powers::default()).sees(&project));
        assert!(key(admin.clone(), admin).is_platform_admin());
    }
}
