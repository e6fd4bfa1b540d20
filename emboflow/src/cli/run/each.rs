//! `emboflow run FILE --each LIST`: a run for each line of inputs.

use std::path::Path;

use emboflow_protocol::batch::{BatchBody, BatchRequest, MAX_BATCH_REQUESTS};
use emboflow_protocol::http::{BatchItem, BatchView, RequestStatus};
use emboflow_protocol::request::SubmitBody;
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use reqwest::Method;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::sending::{insist, made_up_key};
use super::submit::{Named, rejected, undecided};
use crate::cli::workflow::read_file;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Bytes that a request adds to a batch besides its key and body, about.
const FRAME: usize = 64;

/// The runs to start.
pub(super) struct Sweep<'s> {
    pub(super) named: &'s Named,
    /// A request for one of them, without inputs.
    pub(super) body: SubmitBody,
    /// `NAME=VALUE` for all of them.
    pub(super) inputs: &'s [String],
    pub(super) key: Option<&'s str>,
}

impl Sweep<'_> {
    /// Checks every line before it sends the first one. A line that the server refuses leaves the others as they are.
    pub(super) async fn submit(&self, list: &Path, output: &mut Output) -> Result<(), Failure> {
        let key = self.key.map_or_else(made_up_key, str::to_owned);
        let requests = self.requests(&key, &read_file(list)?, output)?;
        if self.key.is_none() {
            output.message(&format!("the same command with --key {key} starts none of these runs twice"));
        }
        let mut items = Vec::new();
        let sent = self.send_all(&key, requests, &mut items, output).await;
        if matches!(output.format, Format::Json | Format::Yaml) {
            output.json(&items)?;
        }
        sent?;
        let any = |wanted: fn(&RequestStatus) -> bool| items.iter().any(|item| wanted(&item.status));
        if any(|status| matches!(status, RequestStatus::Rejected { .. })) {
            return Err(Failure::Said);
        }
        if any(|status| matches!(status, RequestStatus::Pending)) { Err(undecided(&key)) } else { Ok(()) }
    }

    fn requests(&self, key: &str, list: &str, output: &mut Output) -> Result<Vec<BatchRequest>, Failure> {
        let lines = list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let requests = lines.map(|(index, line)| {
            let number = index + 1;
            let before: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
                Failure::usage(format!("line {number} of the list is no JSON object of inputs: {error}"))
            })?;
            let inputs = self.named.inputs(before, self.inputs, output).inspect_err(|_| {
                output.message(&format!("line {number} of the list has such inputs; nothing was sent"));
            })?;
            let body = raw(&SubmitBody { inputs, ..self.body.clone() });
            Ok(BatchRequest { key: format!("{key}-{number}"), body, traceparent: None })
        });
        let requests: Vec<BatchRequest> = requests.collect::<Result<_, Failure>>()?;
        if requests.is_empty() {
            return Err(Failure::usage("the list is empty; each line of it is a JSON object of inputs"));
        }
        Ok(requests)
    }

    /// Sends batch after batch, and tells what became of each request as soon as it is known.
    async fn send_all(
        &self,
        key: &str,
        requests: Vec<BatchRequest>,
        items: &mut Vec<BatchItem>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let client = &self.named.client;
        let url = client.in_project(&["runs", "batch"]);
        for requests in packed(requests) {
            let batch = BatchBody { requests };
            let post = async || client.json(client.request(Method::POST, url.clone()).json(&batch)).await;
            let answered: BatchView = insist(key, post).await?;
            answered.items.iter().try_for_each(|item| print(item, output))?;
            items.extend(answered.items);
        }
        Ok(())
    }
}

fn raw(body: &SubmitBody) -> Box<RawValue> {
    to_raw_value(body).expect("a request's body is plain data")
}

/// As many requests in one batch as the server takes.
fn packed(requests: Vec<BatchRequest>) -> Vec<Vec<BatchRequest>> {
    let mut batches: Vec<Vec<BatchRequest>> = Vec::new();
    let mut room = 0;
    for request in requests {
        let size = FRAME + 2 * request.key.len() + request.body.get().len();
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_BATCH_REQUESTS && size <= room => {
                room -= size;
                batch.push(request);
            }
            _ => {
                room = MAX_REQUEST_BYTES.saturating_sub(FRAME + size);
                batches.push(vec![request]);
            }
        }
    }
    batches
}

fn print(item: &BatchItem, output: &mut Output) -> std::io::Result<()> {
    if let RequestStatus::Rejected { errors } = &item.status {
        rejected(format!("{} was rejected", item.key), errors.clone()).print(output);
    }
    match (output.format, &item.status) {
        (Format::Jsonl, _) => output.json(item),
        (Format::Json | Format::Yaml, _) | (_, RequestStatus::Rejected { .. }) => Ok(()),
        (Format::Name, RequestStatus::Accepted { run_id }) => output.line(&run_id.to_string()),
        (Format::Name, RequestStatus::Pending) => Ok(()),
        (_, RequestStatus::Accepted { run_id }) => output.line(&format!("{}  {run_id}", item.key)),
        (_, RequestStatus::Pending) => output.line(&format!("{}  safely taken, not decided yet", item.key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: usize) -> BatchRequest {
        let body = RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap();
        BatchRequest { key: "k".to_owned(), body, traceparent: None }
    }

    #[test]
    fn a_batch_has_no_more_requests_and_bytes_than_the_server_takes() {
        let counts = |sizes: Vec<usize>| -> Vec<usize> {
            packed(sizes.into_iter().map(request).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(counts(vec![9; 1_001]), [500, 500, 1]);
        assert_eq!(counts(vec![200_000, 100_000, 100_000]), [1, 2]);
        assert_eq!(counts(vec![]), Vec::<usize>::new());
    }
}
