//! What every command that makes a run of another one takes.

use reqwest::Url;
use serde::Serialize;

use super::{submit, watch};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// How the new run is asked for, and whether it is followed.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// Idempotency key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Follow the new run to its end
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    how: watch::How,
}

impl Asked {
    /// Sends the request, and shows the run or follows it.
    pub(super) async fn make(
        &self,
        client: Client,
        url: Url,
        body: &impl Serialize,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let new = submit::send(&client, url, body, self.key.clone()).await?;
        submit::finish(client, new, self.watch.then_some(&self.how), output).await
    }
}
