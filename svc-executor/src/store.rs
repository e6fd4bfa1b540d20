//! Storage on behalf of one attempt: with the token of its claim, a new one when that has expired, and patience while
//! the gateway is away.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use emboflow_protocol::ErrorCode;
use emboflow_storage::{Client, Error, StoredObject};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::attempt::Desk;

/// How long one call waits for a gateway that is away.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
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
}

/// The storage as one attempt may use it.
pub(crate) struct Store {
    client: Client,
    desk: Desk,
    token: Mutex<Option<String>>,
}

impl Store {
    pub(crate) fn new(client: Client, desk: Desk) -> Self {
        Self { client, desk, token: Mutex::default() }
    }

    /// Claims the attempt. Errors: why it is refused.
    pub(crate) async fn claim(&self) -> Result<(), String> {
        let mut token = self.token.lock().await;
        *token = Some(self.desk.ask().await?);
        Ok(())
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
        let until = Instant::now() + PATIENCE;
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let error = match work(self.client.with_token(&token)).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if error.code() == Some(ErrorCode::StorageTokenInvalid) && !renewed {
                renewed = true;
                self.expired(&token).await;
            } else if !error.is_transient() {
                return Err(Trouble::Lasting(error.to_string()));
            } else if Instant::now() >= until {
                return Err(Trouble::Passing(error.to_string()));
            } else {
                tracing::warn!(%error, "waiting for the storage");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// The token at hand, or that of a new claim: an attempt that was adopted has none yet.
    async fn token(&self) -> Result<String, Trouble> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref() {
            return Ok(token.clone());
        }
        let refused =
            |reason| Trouble::Lasting(format!("the scheduler gives no access to the storage: {reason}"));
        Ok(token.insert(self.desk.ask().await.map_err(refused)?).clone())
    }

    async fn expired(&self, old: &str) {
        let mut token = self.token.lock().await;
        if token.as_deref() == Some(old) {
            *token = None;
        }
    }
}
