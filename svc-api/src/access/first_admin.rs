//! The first administrator of a server: a user without a password, and a link in the logs that signs in once.

use emboflow_model::access::{User, UserName};

use super::Access;
use super::users::can_sign_in;
use crate::app::now;
use crate::problem::Outcome;

/// How the first administrator is called.
const NAME: &str = "admin";

/// Makes the first administrator where nobody is known, and writes its link to the logs; at each start a new one, until
/// somebody can sign in.
pub(crate) async fn invite_first_admin(access: &Access, address: std::net::SocketAddr) -> Outcome<()> {
    let people = access.users.all().await?;
    let somebody = people.iter().any(|person| person.platform_admin && can_sign_in(&person.user.body));
    // Whoever cannot be read may be an administrator, whom a newer version lets in.
    if somebody || access.users.has_unreadable().await? {
        return Ok(());
    }
    let name = UserName::new(NAME).expect("`admin` has the form of a user's name");
    if people.is_empty() {
        let user = User {
            name: name.clone(),
            display: None,
            email: None,
            password: None,
            identities: Vec::new(),
            bindings: Vec::new(),
            disabled: false,
            created_at: now(),
            last_sign_in_at: None,
        };
        access.users.make(&user, true).await?;
    } else if people.iter().all(|person| person.user.body.name != name || !person.platform_admin) {
        // Others were made on purpose, with the installation's token; whoever has it makes links, too.
        return Ok(());
    }
    let (code, expires_at) = access.links.make(&name).await?;
    let local = format!("http://{address}/");
    let base = access.public_url.as_deref().unwrap_or(&local).trim_end_matches('/');
    tracing::warn!(
        link = format!("{base}/session?code={code}"),
        %expires_at,
        "nobody administers this installation yet: the link signs one browser in as `{NAME}`, then choose a password"
    );
    Ok(())
}
