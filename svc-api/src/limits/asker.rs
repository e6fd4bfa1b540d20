//! Whose share a request takes.

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use emboflow_model::access::Caller;

use super::buckets::network_of;
use crate::access::{Client, Known};
use crate::app::App;
use crate::problem::Failure;

/// A client: whoever has signed in, whatever key or session is used; before that, an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    /// Names the client in the limits' words.
    pub(crate) name: String,
    /// Whether anybody has signed in.
    pub(crate) is_known: bool,
}

impl Asker {
    /// What the guard found out. None: the request has not come through it.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        if let Some(known) = extensions.get::<Known>() {
            return Some(Self { name: name_of(&known.caller), is_known: true });
        }
        let client = extensions.get::<Client>()?;
        Some(Self { name: format!("the address {}", network_of(client.address)), is_known: false })
    }

    /// Nobody that is known by any name.
    pub(crate) fn nobody() -> Self {
        Self { name: "nobody".to_owned(), is_known: false }
    }
}

/// The keys of a person are not further clients.
fn name_of(caller: &Caller) -> String {
    caller.user_name().map_or_else(|| caller.who.to_string(), |name| format!("user:{name}"))
}

impl FromRequestParts<App> for Asker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        Ok(Self::of(&parts.extensions).unwrap_or_else(Self::nobody))
    }
}

impl aide::OperationInput for Asker {}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::access::{Powers, UserName};

    #[test]
    fn a_person_is_one_client_whatever_keys_are_used() {
        let asker = |caller| {
            let mut extensions = Extensions::new();
            extensions.insert(Known { caller, session: None });
            Asker::of(&extensions)
        };
        let anna = || "anna".parse::<UserName>().unwrap();
        let powers = Powers::of_platform_admin;
        let person = asker(Caller::user(anna(), powers()));
        for id in ["one", "two"] {
            let key = Caller::key(anna(), id.to_owned(), powers(), powers());
            assert_eq!(asker(key), person);
        }
        assert_ne!(asker(Caller::local()), person);
        assert_eq!(Asker::of(&Extensions::new()), None);
    }
}
