//! The decision.

use super::{Caller, Role};
use crate::name::ProjectName;

/// What an operation needs of who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// Nothing: it shows no data, or checks for itself who asks.
    Public,
    /// Any caller.
    SignedIn,
    /// A person; no key and no service.
    InPerson,
    /// At least this role in the project that the address names.
    InProject(Role),
    /// The same, by a person.
    InPersonInProject(Role),
    /// Administrator of the platform.
    Platform,
    /// The same, as a person.
    PlatformInPerson,
}

impl std::fmt::Display for Needs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Public => f.write_str("nothing"),
            Self::SignedIn => f.write_str("sign-in"),
            Self::InPerson => f.write_str("sign-in as a person"),
            Self::InProject(role) => write!(f, "{role} of the project"),
            Self::InPersonInProject(role) => write!(f, "{role} of the project, as a person"),
            Self::Platform => f.write_str("platform administrator"),
            Self::PlatformInPerson => f.write_str("platform administrator, as a person"),
        }
    }
}

/// What is answered to who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// Nobody has signed in: who are you?
    SignInFirst,
    /// As if there were no such project.
    Hidden,
    /// No.
    Refused,
}

/// Judges. `project` is the one that the operation is about; an operation in a project without one is hidden.
pub fn may(caller: Option<&Caller>, needs: Needs, project: Option<&ProjectName>) -> Verdict {
    if needs == Needs::Public {
        return Verdict::Allowed;
    }
    let Some(caller) = caller else { return Verdict::SignInFirst };
    // First whether the project can be seen at all: every other answer would tell that it is there.
    if let Some(project) = project
        && !caller.sees(project)
    {
        return Verdict::Hidden;
    }
    let has = |role: Role| match project.and_then(|project| caller.role_in(project)) {
        None => Verdict::Hidden,
        Some(own) if own >= role => Verdict::Allowed,
        Some(_) => Verdict::Refused,
    };
    let only_if = |allowed: bool| if allowed { Verdict::Allowed } else { Verdict::Refused };
    match needs {
        Needs::Public | Needs::SignedIn => Verdict::Allowed,
        Needs::InPerson => only_if(caller.is_person()),
        Needs::Platform => only_if(caller.is_platform_admin()),
        Needs::PlatformInPerson => only_if(caller.is_platform_admin() && caller.is_person()),
        Needs::InProject(role) => has(role),
        Needs::InPersonInProject(_) if !caller.is_person() => Verdict::Refused,
        Needs::InPersonInProject(role) => has(role),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Binding, Powers, ProjectScope, Standing, UserName};
    use super::*;

    fn project(name: &str) -> ProjectName {
        ProjectName::new(name).unwrap()
    }

    fn powers(role: Standing) -> Powers {
        let project = ProjectScope::One(project("lab"));
        Powers { platform_admin: false, bindings: vec![Binding { project, role }] }
    }

    #[test]
    fn a_role_reaches_from_itself_down_and_only_into_its_project() {
        for own in Role::ALL {
            let caller = Caller::user(UserName::new("anna").unwrap(), powers(own.into()));
            for needed in Role::ALL {
                let expected = if own >= needed { Verdict::Allowed } else { Verdict::Refused };
                let needs = Needs::InProject(needed);
                assert_eq!(may(Some(&caller), needs, Some(&project("lab"))), expected, "{own} {needed}");
                assert_eq!(may(Some(&caller), needs, Some(&project("other"))), Verdict::Hidden);
                assert_eq!(may(None, needs, Some(&project("lab"))), Verdict::SignInFirst);
                assert_eq!(may(Some(&caller), needs, None), Verdict::Hidden);
            }
        }
    }

    #[test]
    fn a_program_does_nothing_that_a_person_must_do() {
        let owner = UserName::new("anna").unwrap();
        let admin = Powers::of_platform_admin();
        let key = Caller::key(owner, "k".to_owned(), admin.clone(), admin);
        assert_eq!(may(Some(&key), Needs::InPerson, None), Verdict::Refused);
        assert_eq!(may(Some(&key), Needs::Platform, None), Verdict::Allowed);
        assert_eq!(may(Some(&key), Needs::PlatformInPerson, None), Verdict::Refused);
        assert_eq!(may(Some(&Caller::local()), Needs::PlatformInPerson, None), Verdict::Allowed);
        let lab = project("lab");
        assert_eq!(may(Some(&key), Needs::InPersonInProject(Role::Viewer), Some(&lab)), Verdict::Refused);
        assert_eq!(may(Some(&Caller::local()), Needs::InPerson, None), Verdict::Allowed);
    }

    #[test]
    fn an_operation_of_the_platform_on_a_denied_project_tells_nothing_of_it() {
        let mut root = powers(Standing::Denied);
        root.platform_admin = true;
        let root = Caller::user(UserName::new("root").unwrap(), root);
        assert_eq!(may(Some(&root), Needs::Platform, Some(&project("lab"))), Verdict::Hidden);
        assert_eq!(may(Some(&root), Needs::Platform, Some(&project("other"))), Verdict::Allowed);
    }
}
