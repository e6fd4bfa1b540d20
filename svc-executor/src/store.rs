//! Storage on behalf of one attempt: with the token of its claim, and patience while the gateway is away.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::call::GivenSecret;
use emboflow_storage::{Client, Error, StoredObject};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::attempt::{Desk, NotGranted, Pass};

const PAUSE: Duration = Duration::from_secs(2);

/// Why something could not be stored or fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// Asking again would change nothing.
    #[error("{0}")]
    Lasting(String),
    /// It may work later, or elsewhere.
    #[error("{0}")]
    Passing(String),
    /// This machine's disk is full.
    #[error("{0}")]
    DiskFull(String),
}

impl Trouble {
    /// What an error of this machine's disk means.
    pub(crate) fn of_disk(doing: &str, error: &std::io::Error) -> Self {
        let text = format!("{doing}: {error}");
        if is_full(error) { Self::DiskFull(text) } else { Self::Passing(text) }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// The storage as one attempt may use it.
pub(crate) struct Store {
    client: Client,
    pass: Pass,
    /// How long one call waits for a gateway that is away.
    patience: Duration,
    waits_without_end: AtomicBool,
}

impl Store {
    pub(crate) fn new(client: Client, desk: Desk, patience: Duration) -> Self {
        Self { client, pass: Pass::new(desk), patience, waits_without_end: AtomicBool::new(false) }
    }

    /// Claims the attempt; gives the values of its secrets, if `with_secrets`. Errors: why it is not granted.
    pub(crate) async fn claim(&self, with_secrets: bool) -> Result<Vec<GivenSecret>, NotGranted> {
        self.pass.claim(with_secrets).await
    }

    /// Whether a gateway that is away is waited for as long as it takes: while the container runs, nobody needs what is
    /// stored meanwhile. Without it the time counts from then on.
    pub(crate) fn wait_without_end(&self, so: bool) {
        self.waits_without_end.store(so, Ordering::Relaxed);
    }

    /// Ends when the scheduler has refused to renew the token: the attempt is no longer this executor's.
    pub(crate) async fn fenced(&self) {
        self.pass.fenced().cancelled().await;
    }

    /// Cancelled then.
    pub(crate) fn refused(&self) -> &CancellationToken {
        self.pass.fenced()
    }

    /// Where the attempt is claimed.
    pub(crate) fn desk(&self) -> &Desk {
        self.pass.desk()
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.pass.fenced().is_cancelled()
    }

    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Trouble> {
        let put = |client: Client| {
            let bytes = bytes.clone();
            async move { client.put_bytes(key, bytes).await }.boxed()
        };
        self.call(put).await.map(drop)
    }

    pub(crate) async fn put_file(&self, key: &str, path: &Path) -> Result<StoredObject, Trouble> {
        self.call(|client| async move { client.put_file(key, path).await }.boxed()).await
    }

    pub(crate) async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes, Trouble> {
        self.call(|client| async move { client.get_bytes(key, limit_bytes).await }.boxed()).await
    }

    pub(crate) async fn get_to_file(&self, key: &str, path: &Path, sha256: &str) -> Result<(), Trouble> {
        let get = |client: Client| async move { client.get_to_file(key, path, Some(sha256)).await }.boxed();
        self.call(get).await.map(drop)
    }

    async fn call<'a, T>(
        &self,
        work: impl Fn(Client) -> BoxFuture<'a, Result<T, Error>>,
    ) -> Result<T, Trouble> {
        let mut away = Duration::ZERO;
        let mut renewed = false;
        loop {
            // Waiting for the scheduler is not waiting for the gateway: without it nothing ends anyway.
            let token = self.token().await?;
            let began = Instant::now();
            let error = match work(self.client.with_token(&token)).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if error.code() == Some(ErrorCode::StorageTokenInvalid) && !renewed {
                renewed = true;
                self.pass.expired(&token).await;
                continue;
            }
            if !error.is_transient() {
                return Err(lasting(&error));
            }
            renewed = false;
            tracing::warn!(%error, "waiting for the storage");
            tokio::time::sleep(PAUSE.min(self.patience)).await;
            if !self.waits_without_end.load(Ordering::Relaxed) {
                away += began.elapsed();
            }
            if away >= self.patience {
                let waited = self.patience.as_secs();
                return Err(Trouble::Passing(format!("{error} (waited {waited} s for it)")));
            }
        }
    }

    async fn token(&self) -> Result<String, Trouble> {
        let refused =
            |reason| Trouble::Lasting(format!("the scheduler gives no access to the storage: {reason}"));
        self.pass.token().await.map_err(refused)
    }
}

fn lasting(error: &Error) -> Trouble {
    match error {
        Error::File { source, .. } if is_full(source) => Trouble::DiskFull(error.to_string()),
        _ => Trouble::Lasting(error.to_string()),
    }
}
