//! The users of the database, at a server that lets nobody in without one.

use emboflow_records::testing::MongoServer;
use emboflow_records::{Config, Duty, RecordsError, UserError, make_mongo_user, open, open_as_is};
use mongodb::Client;
use mongodb::bson::{Document, doc};

const DATABASE: &str = "emboflow";

fn config(uri: &str) -> Config {
    Config::Mongo { uri: uri.to_owned(), database: DATABASE.to_owned() }
}

async fn write(uri: &str, database: &str) -> Result<(), mongodb::error::Error> {
    let client = Client::with_uri_str(uri).await?;
    client.database(database).collection::<Document>("log").insert_one(doc! { "run": "x" }).await.map(drop)
}

#[tokio::test]
async fn services_have_their_database_and_backups_only_read_it() {
    let (server, root) = MongoServer::start_guarded().await.unwrap();
    let services = server.uri_of("services", "one");
    let backups = server.uri_of("backups", "two");
    assert!(
        matches!(open(&config(&services)).await, Err(RecordsError::Unavailable { .. })),
        "nobody made it yet"
    );

    for (uri, duty, name) in [(&services, Duty::Services, "services"), (&backups, Duty::Backups, "backups")] {
        assert_eq!(make_mongo_user(&root, DATABASE, uri, duty).await.unwrap(), name);
        assert_eq!(
            make_mongo_user(&root, DATABASE, uri, duty).await.unwrap(),
            name,
            "once more changes nothing"
        );
    }

    let records = open(&config(&services)).await.unwrap();
    let version = records.keep("probe", "", "document", None, "{}".into()).await.unwrap();
    write(&services, "emboflow_b").await.expect("a restore fills the database beside it");
    write(&services, "somebodys").await.expect_err("another database is not theirs");
    write(&services, "admin").await.expect_err("users are made by who manages the server alone");

    // A backup reads, and keeps the word that holds removals back; it changes neither schema nor indexes.
    let read = open_as_is(&config(&backups)).await.unwrap();
    assert_eq!(read.kept("probe", "", "document").await.unwrap().map(|kept| kept.version), version);
    let hold = read.keep("probe", "", "hold", None, "{}".into()).await.unwrap().expect("it is the first");
    assert!(read.drop_kept("probe", "", "hold", hold).await.unwrap());
    assert!(open(&config(&backups)).await.is_err(), "bringing the schema up to date is not for a backup");
    write(&backups, "somebodys").await.expect_err("another database is not a backup's");
}

#[tokio::test]
async fn a_user_that_is_there_gets_the_password_of_the_connection_string() {
    let (server, root) = MongoServer::start_guarded().await.unwrap();
    let (before, after) = (server.uri_of("services", "before"), server.uri_of("services", "after"));
    make_mongo_user(&root, DATABASE, &before, Duty::Services).await.unwrap();
    make_mongo_user(&root, DATABASE, &after, Duty::Services).await.unwrap();
    write(&after, DATABASE).await.unwrap();
    write(&before, DATABASE).await.expect_err("the password of before is good no more");
}

#[tokio::test]
async fn a_connection_string_without_a_user_is_refused_before_anything_is_asked() {
    let nameless =
        make_mongo_user("mongodb://127.0.0.1:9/", DATABASE, "mongodb://127.0.0.1:9/", Duty::Services).await;
    assert!(matches!(nameless, Err(UserError::Nameless)), "{nameless:?}");
}
