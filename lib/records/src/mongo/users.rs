//! Who may do what in the database of the records: the services read and write it, backups read it. Whoever manages the
//! server makes both users; nobody of EmboFlow works as that one.

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};

use super::schema::KEPT;
use super::stage::OTHER;
use super::{SELECTION_TIMEOUT, in_time};
use crate::error::RecordsError;

/// The server's codes for a user and a role that are there.
const ALREADY_THERE: [i32; 2] = [51003, 51002];
/// Where users and roles are kept.
const ADMIN: &str = "admin";

/// What a user of the records' database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Scheduler, API and trigger service, and a restore: they read and write everything.
    Services,
    /// Taking backups: it reads everything, and writes only kept documents, among which is its word that nothing may be
    /// removed meanwhile.
    Backups,
}

/// Why a user was not made.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The connection string has no user, or no password.
    #[error(
        "the connection string names no user with a password: mongodb://USER:PASSWORD@HOST:PORT/?authSource=admin"
    )]
    Nameless,
    /// The server did not do it.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Makes the user that a connection string names, with the rights of its duty in the records' `database` and in the one
/// beside it that a restore fills. One that is there gets that password and those rights. Gives the user's name.
///
/// `admin` is the connection string of whoever manages the server's users.
pub async fn make_mongo_user(
    admin: &str,
    database: &str,
    uri: &str,
    duty: Duty,
) -> Result<String, UserError> {
    let (name, password) = named(uri).await?;
    let mut options = ClientOptions::parse(admin).await.map_err(RecordsError::from)?;
    options.server_selection_timeout = Some(SELECTION_TIMEOUT);
    options.connect_timeout = Some(SELECTION_TIMEOUT);
    let server = Client::with_options(options).map_err(RecordsError::from)?.database(ADMIN);
    let both = [database.to_owned(), format!("{database}{OTHER}")];
    let roles = match duty {
        Duty::Services => both.map(|database| doc! { "role": "readWrite", "db": database }).to_vec(),
        Duty::Backups => {
            let role = format!("{database}-backup");
            let privileges: Vec<Document> = both.iter().flat_map(|database| to_back_up(database)).collect();
            let rest = doc! { "privileges": privileges, "roles": [] };
            in_time("make_role", make(&server, "Role", &role, rest)).await?;
            vec![doc! { "role": role, "db": ADMIN }]
        }
    };
    let rest = doc! { "pwd": password, "roles": roles };
    in_time("make_user", make(&server, "User", &name, rest)).await?;
    Ok(name)
}

async fn named(uri: &str) -> Result<(String, String), UserError> {
    let options = ClientOptions::parse(uri).await.map_err(RecordsError::from)?;
    let credential = options.credential.ok_or(UserError::Nameless)?;
    credential.username.zip(credential.password).ok_or(UserError::Nameless)
}

fn to_back_up(database: &str) -> [Document; 2] {
    [
        doc! { "resource": { "db": database, "collection": "" }, "actions": ["find"] },
        doc! { "resource": { "db": database, "collection": KEPT }, "actions": ["insert", "update", "remove"] },
    ]
}

/// `createUser` and the like; where it is there, `updateUser` with the same.
async fn make(server: &Database, what: &str, name: &str, rest: Document) -> Result<(), RecordsError> {
    let command = |verb: &str| {
        let mut command = Document::from_iter([(format!("{verb}{what}"), Bson::from(name))]);
        command.extend(rest.clone());
        command
    };
    match server.run_command(command("create")).await {
        Ok(_) => Ok(()),
        Err(error) if is_there(&error) => Ok(server.run_command(command("update")).await.map(drop)?),
        Err(error) => Err(error.into()),
    }
}

fn is_there(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(command) if ALREADY_THERE.contains(&command.code))
}
