//! The cells of the matrix: which records, which runtime.

/// Where the records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsKind {
    /// A file.
    Sqlite,
    /// A server that speaks MongoDB's wire protocol.
    Mongo,
}

/// What carries out attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// Inside the executor's process.
    Simulated,
    /// Real containers.
    Docker,
}

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Where the records are.
    pub records: RecordsKind,
    /// What carries out attempts.
    pub runtime: RuntimeKind,
}

impl Cell {
    /// SQLite, simulated.
    pub const SQLITE_SIMULATED: Self = Self { records: RecordsKind::Sqlite, runtime: RuntimeKind::Simulated };
    /// MongoDB, simulated.
    pub const MONGO_SIMULATED: Self = Self { records: RecordsKind::Mongo, runtime: RuntimeKind::Simulated };
    /// SQLite, Docker.
    pub const SQLITE_DOCKER: Self = Self { records: RecordsKind::Sqlite, runtime: RuntimeKind::Docker };
    /// MongoDB, Docker.
    pub const MONGO_DOCKER: Self = Self { records: RecordsKind::Mongo, runtime: RuntimeKind::Docker };
}

/// Makes one test of a story for each named cell: `on_cells!(story: SQLITE_SIMULATED, MONGO_DOCKER);`, or for every
/// cell: `on_cells!(story);`.
#[macro_export]
macro_rules! on_cells {
    ($story:ident) => { $crate::on_cells!($story: SQLITE_SIMULATED, MONGO_SIMULATED, SQLITE_DOCKER, MONGO_DOCKER); };
    ($story:ident: $($cell:ident),+) => {
        mod $story {
            $(#[allow(non_snake_case)]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $cell() {
                super::$story($crate::Cell::$cell).await;
            })+
        }
    };
}
