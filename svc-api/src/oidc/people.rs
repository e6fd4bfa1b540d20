//! Who somebody from the provider is here.

use emboflow_model::access::{Binding, Identity, MAX_BINDINGS, Standing, User, UserName};
use emboflow_protocol::ErrorCode;

use super::config::Oidc;
use super::provider::Claims;
use crate::app::{App, now};
use crate::problem::{Failure, Outcome};

/// Names that are tried for a new user when the first is somebody else's.
const NAMES_TRIED: u32 = 100;
const NAME_MAX: usize = 64;

/// The user that the claims are of: known by issuer and subject alone, or made now. What groups give is up to date.
///
/// # Errors
/// The person is not let in.
pub(crate) async fn user_of(app: &App, config: &Oidc, claims: &Claims) -> Outcome<UserName> {
    if !is_allowed(config, claims) {
        return Err(no_account("you are in none of the groups that may sign in here"));
    }
    let identity = Identity { issuer: claims.issuer.clone(), subject: claims.subject.clone() };
    let all = app.access.users.all().await?;
    let known = all.into_iter().find(|person| person.user.body.identities.contains(&identity));
    let name = match known {
        Some(person) if person.user.body.disabled => {
            return Err(no_account("your account here is disabled"));
        }
        Some(person) => person.user.body.name,
        None if config.make_users => {
            let name = made(app, config, claims, identity.clone()).await?;
            only_one(app, &identity, name).await?
        }
        None => return Err(no_account("you have no account here, and none is made at the first sign-in")),
    };
    keep_up_to_date(app, config, claims, &name).await?;
    Ok(name)
}

fn is_allowed(config: &Oidc, claims: &Claims) -> bool {
    config.allowed_groups.is_empty()
        || claims.groups.iter().any(|group| config.allowed_groups.contains(group))
}

/// Makes the user. A name that somebody has is never taken over: the new one gets a number.
async fn made(app: &App, config: &Oidc, claims: &Claims, identity: Identity) -> Outcome<UserName> {
    if app.access.users.has_unreadable().await? {
        // It may be this person, who may have been kept out.
        return Err(no_account("a user cannot be read at the moment, and nobody new is let in meanwhile"));
    }
    let wanted = plain_name(claims);
    for number in 1..=NAMES_TRIED {
        let name = numbered(&wanted, number);
        let user = User {
            name: name.clone(),
            display: claims.display.clone(),
            email: claims.email.clone(),
            password: None,
            identities: vec![identity.clone()],
            bindings: bindings(config, claims),
            disabled: false,
            created_at: now(),
            last_sign_in_at: None,
        };
        match app.access.users.make(&user, false).await {
            Ok(()) => {
                tracing::info!(user = %name, issuer = identity.issuer, "a user is made at the first sign-in");
                return Ok(name);
            }
            Err(failure) if failure.code() == ErrorCode::UserExists.code() => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(no_account(&format!("there are too many users called '{wanted}'")))
}

/// Of users that first sign-ins side by side have made of one person, the first by name stays.
async fn only_one(app: &App, identity: &Identity, own: UserName) -> Outcome<UserName> {
    let all = app.access.users.all().await?;
    let same =
        all.into_iter().map(|person| person.user.body).filter(|user| user.identities.contains(identity));
    let first = same.map(|user| user.name).min();
    match first {
        Some(first) if first < own => {
            app.access.users.remove(&own).await?;
            Ok(first)
        }
        _ => Ok(own),
    }
}

/// Roles follow the groups as of each sign-in, where there are rules for them.
async fn keep_up_to_date(app: &App, config: &Oidc, claims: &Claims, name: &UserName) -> Outcome<()> {
    let bindings = bindings(config, claims);
    app.access
        .users
        .change(name, |user| {
            if !config.roles.is_empty() {
                user.body.bindings.clone_from(&bindings);
            }
            if claims.display.is_some() {
                user.body.display.clone_from(&claims.display);
            }
            Ok(())
        })
        .await?;
    if config.admin_groups.is_empty() {
        return Ok(());
    }
    let is_admin = claims.groups.iter().any(|group| config.admin_groups.contains(group));
    match app.access.users.set_admin(name, is_admin).await {
        Err(failure) if failure.code() == ErrorCode::UserLastAdmin.code() => {
            tracing::warn!(user = %name, "stays an administrator although no group says so: there is no other");
            Ok(())
        }
        other => other,
    }
}

fn bindings(config: &Oidc, claims: &Claims) -> Vec<Binding> {
    let given = config.roles.iter().filter(|rule| claims.groups.contains(&rule.group));
    let given = given.map(|rule| Binding { project: rule.project.clone(), role: rule.role });
    let (mut all, roles): (Vec<_>, Vec<_>) = given.partition(|binding| binding.role == Standing::Denied);
    // What several groups give adds up; what one denies is denied, so that denials come first where there are too many.
    all.extend(roles);
    all.truncate(MAX_BINDINGS);
    all
}

/// What the provider calls the person, as far as names here can say it.
fn plain_name(claims: &Claims) -> String {
    let said = claims.name.as_deref().or(claims.email.as_deref()).unwrap_or(&claims.subject).to_lowercase();
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@+-".contains(c);
    let plain: String = said.chars().map(|c| if is_good(c) { c } else { '-' }).collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let plain: String = plain.chars().take(NAME_MAX - 4).collect();
    if plain.is_empty() { "user".to_owned() } else { plain }
}

fn numbered(wanted: &str, number: u32) -> UserName {
    let text = if number == 1 { wanted.to_owned() } else { format!("{wanted}-{number}") };
    UserName::new(text).expect("a plain name has the form of a name")
}

fn no_account(why: &str) -> Failure {
    Failure::new(ErrorCode::AuthNoAccount, why).with_hint("ask an administrator of this installation")
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::access::{Powers, Role};
    use serde_json::json;

    fn config(extra: serde_json::Value) -> Oidc {
        let mut config = json!({ "issuer": "https://id.example", "client_id": "emboflow" });
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    fn of(name: &str) -> Claims {
        Claims { name: Some(name.to_owned()), subject: "4711".into(), ..Claims::default() }
    }

    #[test]
    fn whatever_a_provider_calls_people_becomes_a_name() {
        let odd = "x".repeat(200);
        for (said, plain) in [
            ("Ada", "ada"),
            ("ada@example.org", "ada@example.org"),
            ("DOMAIN\\ada l.", "domain-ada-l."),
            ("--ada", "ada"),
            ("\u{430}\u{434}\u{430}", "user"),
            (odd.as_str(), &odd[..60]),
        ] {
            let name = plain_name(&of(said));
            assert_eq!(name, plain, "{said}");
            for number in [1, 2, NAMES_TRIED] {
                assert!(numbered(&name, number).as_str().starts_with(plain));
            }
        }
        assert_eq!(plain_name(&Claims { subject: "4711".into(), ..Claims::default() }), "4711");
    }

    #[test]
    fn what_groups_give_adds_up_and_what_one_denies_is_denied() {
        let config = config(json!({ "roles": [
            { "group": "dev", "project": "lab", "role": "viewer" },
            { "group": "ops", "project": "lab", "role": "operator" },
            { "group": "ops", "project": "*", "role": "viewer" },
            { "group": "boss", "project": "lab", "role": "admin" },
            { "group": "suspended", "project": "*", "role": "denied" },
        ] }));
        let role = |groups: &[&str], project: &str| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let bindings = bindings(&config, &Claims { groups, ..of("ada") });
            Powers { platform_admin: false, bindings }.role_in(&project.parse().unwrap())
        };
        assert_eq!(role(&["dev", "ops", "else"], "lab"), Some(Role::Operator));
        assert_eq!((role(&["ops"], "other"), role(&["dev"], "other")), (Some(Role::Viewer), None));
        assert_eq!(role(&["boss", "suspended"], "lab"), None);
        assert_eq!(role(&[], "lab"), None);
    }

    #[test]
    fn only_people_in_an_allowed_group_are_let_in() {
        let config = config(json!({ "allowed_groups": ["lab"] }));
        assert!(!is_allowed(&config, &of("ada")));
        assert!(is_allowed(&config, &Claims { groups: vec!["x".into(), "lab".into()], ..of("ada") }));
    }
}
