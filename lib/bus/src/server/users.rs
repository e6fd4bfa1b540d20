//! The users of a server with their rights, as text of the server's configuration language.

use std::fmt::Write as _;

use emboflow_protocol::rights::{NatsUser, Rights, rights};

use super::quoted;

/// How long a question may be answered, and how often: by the one who was asked, in the inbox that was named.
const ANSWERS: &str = "allow_responses: { max: 1, expires: \"2m\" }";

/// A user that may connect.
#[derive(Clone, Debug)]
pub struct ServerUser {
    /// Who it is, and so what it may do.
    pub user: NatsUser,
    /// How it shows that.
    pub login: Login,
}

/// How a user shows who it is.
#[derive(Clone)]
pub enum Login {
    /// It signs with the seed of this public key.
    Key(String),
    /// It sends its name and this password.
    Password(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(public) => f.debug_tuple("Key").field(public).finish(),
            Self::Password(_) => f.write_str("Password(…)"),
        }
    }
}

/// The file that names users and rights. All are users of the one account, whose streams are the platform's; the
/// server's own account has none. Without users nobody may connect, which is not what an empty list would say.
pub fn users_config(users: &[ServerUser]) -> String {
    let mut text =
        String::from("# Written by emboflow: what is changed here is lost. See `emboflow nats user`.\n");
    text.push_str("authorization {\n  timeout: 5\n  users: [\n");
    for user in users {
        let login = match &user.login {
            Login::Key(public) => format!("nkey: {}", quoted(public)),
            Login::Password(password) => {
                format!("user: {}, password: {}", quoted(user.user.name.as_str()), quoted(password))
            }
        };
        let _ = writeln!(text, "    # {}: {}\n    {{ {login}", user.user.name, user.user.part);
        write_rights(&mut text, &rights(&user.user));
        text.push_str("    }\n");
    }
    if users.is_empty() {
        // A key whose seed nobody has.
        let nobody = nkeys::KeyPair::new_user().public_key();
        let _ = writeln!(
            text,
            "    {{ nkey: {}, permissions: {{ publish: \"_INBOX_nobody\" }} }}",
            quoted(&nobody)
        );
    }
    text.push_str("  ]\n}\n");
    text
}

fn write_rights(text: &mut String, rights: &Rights) {
    text.push_str("      permissions: {\n");
    for (verb, subjects) in [("publish", &rights.publish), ("subscribe", &rights.subscribe)] {
        let list: Vec<_> = subjects.iter().map(|subject| quoted(subject)).collect();
        let _ = writeln!(
            text,
            "        {verb}: {{ allow: [\n          {}\n        ] }}",
            list.join("\n          ")
        );
    }
    if rights.answers {
        let _ = writeln!(text, "        {ANSWERS}");
    }
    text.push_str("      }\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{NatsUserName, ProjectName};
    use emboflow_protocol::rights::Part;

    #[test]
    fn a_server_without_users_lets_nobody_in() {
        let text = users_config(&[]);
        assert!(text.contains("nkey: \"U"), "{text}");
    }

    #[test]
    fn a_user_has_allow_lists_only_and_shows_no_password_in_debug_output() {
        let project = ProjectName::new("lab").unwrap();
        let part = Part::Outside { project, publish_only: false, decides: false, feeds: Vec::new() };
        let user = NatsUser { name: NatsUserName::new("robots").unwrap(), part };
        let user = ServerUser { user, login: Login::Password("hush\"".to_owned()) };
        let text = users_config(std::slice::from_ref(&user));
        assert!(text.contains(r#"user: "robots", password: "hush\"""#), "{text}");
        assert!(text.contains(r#""emboflow.request.lab.submit""#) && !text.contains("deny"), "{text}");
        assert!(!text.contains("allow_responses"), "it answers nobody");
        assert!(!format!("{user:?}").contains("hush"));
    }
}
