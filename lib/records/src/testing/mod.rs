//! For tests of this and other crates: a real MongoDB-wire server as a child process.

mod mongo_server;

pub use mongo_server::{MongoServer, NoMongoServer};
