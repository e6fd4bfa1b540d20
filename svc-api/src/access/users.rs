//! People, and which of them are administrators of the platform.

use emboflow_bus::Bus;
use emboflow_model::access::{Admins, Powers, User, UserName};
use emboflow_protocol::ErrorCode;
use emboflow_records::SharedRecords;

use super::shelf::{Found, Shelf};
use crate::problem::{Failure, Outcome};

/// The one document about administrators.
const PLATFORM: &str = "platform";
/// How often a change of the administrators is tried while others are first.
const TRIES: u32 = 20;

/// All people.
pub(crate) struct Users {
    shelf: Shelf<User>,
    admins: Shelf<Admins>,
}

/// A user, and whether it is an administrator of the platform.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) user: Found<User>,
    pub(crate) platform_admin: bool,
}

impl Person {
    /// All that the user may.
    pub(crate) fn powers(&self) -> Powers {
        Powers { platform_admin: self.platform_admin, bindings: self.user.body.bindings.clone() }
    }
}

impl Users {
    /// Those in the records.
    pub(crate) fn new(records: SharedRecords, bus: &Bus) -> Self {
        let shelf = Shelf::new(records.clone(), "user").telling(bus);
        Self { shelf, admins: Shelf::new(records, "admins") }
    }

    /// A user.
    pub(crate) async fn get(&self, name: &UserName) -> Outcome<Option<Person>> {
        let Some(user) = self.shelf.get(name.as_str()).await? else { return Ok(None) };
        let platform_admin = self.admins().await?.names.contains(name);
        Ok(Some(Person { user, platform_admin }))
    }

    /// Whether there is a user whom this version cannot read.
    pub(crate) async fn has_unreadable(&self) -> Outcome<bool> {
        self.shelf.has_unreadable().await
    }

    /// A user that may be let in.
    pub(crate) async fn enabled(&self, name: &UserName) -> Outcome<Option<Person>> {
        Ok(self.get(name).await?.filter(|person| !person.user.body.disabled))
    }

    /// A user, or the refusal that says that there is none.
    pub(crate) async fn expect(&self, name: &UserName) -> Outcome<Person> {
        self.get(name).await?.ok_or_else(|| no_user(name))
    }

    /// Users after a name.
    pub(crate) async fn page(&self, after: &str, limit: u32) -> Outcome<Vec<Person>> {
        self.with_admins(self.shelf.after(after, limit).await?).await
    }

    /// Every user.
    pub(crate) async fn all(&self) -> Outcome<Vec<Person>> {
        self.with_admins(self.shelf.all().await?).await
    }

    async fn with_admins(&self, users: Vec<Found<User>>) -> Outcome<Vec<Person>> {
        let admins = self.admins().await?;
        let person =
            |user: Found<User>| Person { platform_admin: admins.names.contains(&user.body.name), user };
        Ok(users.into_iter().map(person).collect())
    }

    /// Makes a user. Errors: there is one with this name.
    pub(crate) async fn make(&self, user: &User, platform_admin: bool) -> Outcome<()> {
        if !self.shelf.make(user.name.as_str(), user).await? {
            let detail = format!("there is a user '{}' already", user.name);
            return Err(Failure::new(ErrorCode::UserExists, detail));
        }
        if platform_admin { self.set_admin(&user.name, true).await } else { Ok(()) }
    }

    /// Changes a user as it is at that moment. Errors: there is no such user, and those of `change`.
    pub(crate) async fn change(
        &self,
        name: &UserName,
        change: impl FnMut(&mut Found<User>) -> Outcome<()>,
    ) -> Outcome<Found<User>> {
        self.shelf.change(name.as_str(), change).await?.ok_or_else(|| no_user(name))
    }

    /// Removes a user who is no administrator any more, and whose keys, sessions and links have been ended.
    pub(crate) async fn remove(&self, name: &UserName) -> Outcome<()> {
        self.shelf.drop_name(name.as_str()).await
    }

    /// Makes a user an administrator of the platform, or no longer one. All of them are in one document that is changed
    /// only from the version that was read: of two administrators that remove each other, one comes second and stays.
    ///
    /// # Errors
    /// [`ErrorCode::UserLastAdmin`]: no other enabled user would be one.
    pub(crate) async fn set_admin(&self, name: &UserName, is_admin: bool) -> Outcome<()> {
        for _ in 0..TRIES {
            let found = self.admins.get(PLATFORM).await?;
            let version = found.as_ref().map(|found| found.version);
            let mut admins = found.map(|found| found.body).unwrap_or_default();
            if admins.names.contains(name) == is_admin {
                return Ok(());
            }
            if is_admin {
                admins.names.insert(name.clone());
            } else {
                admins.names.remove(name);
                self.check_one_remains(&admins, name).await?;
            }
            if self.admins.put(PLATFORM, version, &admins).await?.is_some() {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Only who can sign in counts.
    async fn check_one_remains(&self, admins: &Admins, leaving: &UserName) -> Outcome<()> {
        for name in &admins.names {
            if self.shelf.get_readable(name.as_str()).await?.is_some_and(|user| can_sign_in(&user.body)) {
                return Ok(());
            }
        }
        let detail = format!("'{leaving}' is the only administrator of the platform that can sign in");
        Err(Failure::new(ErrorCode::UserLastAdmin, detail))
    }

    /// The administrators of the platform.
    pub(crate) async fn admins(&self) -> Outcome<Admins> {
        Ok(self.admins.get(PLATFORM).await?.map(|found| found.body).unwrap_or_default())
    }
}

/// Whether a user can sign in, as far as is known: somebody whose link was never opened may never come.
pub(super) fn can_sign_in(user: &User) -> bool {
    let has_way_in = user.password.is_some() || !user.identities.is_empty() || user.last_sign_in_at.is_some();
    has_way_in && !user.disabled
}

/// There is no such user.
pub(crate) fn no_user(name: &UserName) -> Failure {
    Failure::new(ErrorCode::UserNotFound, format!("there is no user '{name}'"))
}

fn busy() -> Failure {
    Failure::new(ErrorCode::RequestPrecondition, "others change the users all the time")
}
