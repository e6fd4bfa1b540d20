//! Writes the audit behind the answers, in batches, and keeps a flood of refusals from filling it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emboflow_model::Timestamp;
use emboflow_model::access::AuditEntry;
use emboflow_model::access::audit::AuditResult;
use emboflow_records::SharedRecords;
use emboflow_service::Shutdown;
use tokio::sync::mpsc;

use crate::app::now;

/// Lines that may wait to be written; then requests wait for room.
const WAITING: usize = 8_192;
/// Lines written in one go.
const BATCH: usize = 256;
/// How long a request waits for room before its line is given up, and said so in the logs.
const ROOM_WAIT: Duration = Duration::from_secs(2);
/// How long to wait before the records are asked again.
const RETRY: Duration = Duration::from_secs(1);
/// How often what was left out is summed up.
const SUM_UP: Duration = Duration::from_secs(60);
/// How long the last answers before the end may take to note themselves.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Refusals of an address in a minute that are noted one by one.
const REFUSALS: u64 = 30;
/// Addresses counted by themselves in a minute; all others count as one.
const ADDRESSES: usize = 2_000;
const TIDY_EVERY: Duration = Duration::from_secs(60 * 60);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const TIDY_BATCH: u32 = 1_000;

/// Where lines go. Clones share it.
#[derive(Clone)]
pub(crate) struct Audit {
    lines: mpsc::Sender<AuditEntry>,
    flood: Arc<Mutex<Flood>>,
}

/// A line that is about to be noted.
pub(crate) fn line(who: String, action: String, status: u16) -> AuditEntry {
    AuditEntry {
        id: uuid::Uuid::now_v7().simple().to_string(),
        at: now(),
        who,
        from: None,
        action,
        what: None,
        project: None,
        result: AuditResult::of_status(status),
        status,
        code: None,
        request_id: None,
        count: 1,
    }
}

impl Audit {
    /// Starts to write. Lines older than `days` are dropped.
    pub(crate) fn start(records: SharedRecords, days: u32, shutdown: &Shutdown) -> Self {
        let (lines, waiting) = mpsc::channel(WAITING);
        let audit = Self { lines, flood: Arc::default() };
        let (flood, stop) = (audit.flood.clone(), shutdown.clone());
        let writer = records.clone();
        shutdown.spawn("audit", async move { write(writer, waiting, flood, stop).await });
        let stop = shutdown.token();
        shutdown.spawn("audit retention", async move {
            loop {
                tidy(&records, days).await;
                if tokio::time::timeout(TIDY_EVERY, stop.cancelled()).await.is_ok() {
                    return;
                }
            }
        });
        audit
    }

    /// Notes a line; it is in the records soon. Of an address that is refused all the time only the number is kept.
    pub(crate) async fn note(&self, entry: AuditEntry) {
        let counts = entry.result == AuditResult::Ok || {
            let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
            flood.lets_through(entry.from.as_deref().unwrap_or_default())
        };
        if !counts {
            return;
        }
        if let Err(error) = self.lines.send_timeout(entry, ROOM_WAIT).await {
            let line = error.into_inner();
            tracing::error!(who = line.who, action = line.action, status = line.status, "not in the audit");
        }
    }
}

async fn write(
    records: SharedRecords,
    mut waiting: mpsc::Receiver<AuditEntry>,
    flood: Arc<Mutex<Flood>>,
    stop: Shutdown,
) {
    let mut sum_up = tokio::time::interval(SUM_UP);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let taken = tokio::select! {
            taken = waiting.recv_many(&mut batch, BATCH) => taken,
            _ = sum_up.tick() => {
                batch.extend(flood.lock().unwrap_or_else(PoisonError::into_inner).summed_up());
                batch.len()
            }
            () = stop.cancelled() => break,
        };
        if taken == 0 && waiting.is_closed() {
            return;
        }
        while !append(&records, &mut batch).await {
            if tokio::time::timeout(RETRY, stop.cancelled()).await.is_ok() {
                break;
            }
        }
    }
    // Requests that are being answered while all ends are done, and so they are noted.
    while let Ok(1..) = tokio::time::timeout(LAST_WORDS, waiting.recv_many(&mut batch, BATCH)).await {}
    batch.extend(flood.lock().unwrap_or_else(PoisonError::into_inner).summed_up());
    append(&records, &mut batch).await;
}

async fn append(records: &SharedRecords, batch: &mut Vec<AuditEntry>) -> bool {
    if batch.is_empty() {
        return true;
    }
    match records.append_audit(batch.clone()).await {
        Ok(()) => {
            batch.clear();
            true
        }
        Err(error) => {
            tracing::warn!(%error, lines = batch.len(), "the audit cannot be written; trying again");
            false
        }
    }
}

async fn tidy(records: &SharedRecords, days: u32) {
    let age_ms = u64::from(days) * DAY_MS;
    let before = Timestamp(now().0.saturating_sub_unsigned(age_ms));
    loop {
        match records.drop_audit(before, TIDY_BATCH).await {
            Ok(TIDY_BATCH) => {}
            Ok(_) => return,
            Err(error) => return tracing::warn!(%error, "old lines of the audit are still there"),
        }
    }
}

/// Refusals of the minute, by address.
#[derive(Default)]
struct Flood {
    refusals: HashMap<String, u64>,
    others: u64,
}

impl Flood {
    fn lets_through(&mut self, address: &str) -> bool {
        let is_known = self.refusals.contains_key(address) || self.refusals.len() < ADDRESSES;
        let count = match is_known {
            true => self.refusals.entry(address.to_owned()).or_default(),
            false => &mut self.others,
        };
        *count += 1;
        *count <= REFUSALS
    }

    /// A line for each address of which something was left out; the next minute begins.
    fn summed_up(&mut self) -> Vec<AuditEntry> {
        let others = std::mem::take(&mut self.others);
        let counted =
            self.refusals.drain().map(|(address, count)| (Some(address), count)).chain([(None, others)]);
        let left_out = counted.filter(|(_, count)| *count > REFUSALS);
        left_out
            .map(|(from, count)| AuditEntry {
                from,
                what: Some("more of the same, or from many addresses".to_owned()),
                count: count - REFUSALS,
                ..line("nobody".to_owned(), "refused".to_owned(), 429)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_becomes_a_few_lines_and_a_number() {
        let mut flood = Flood::default();
        let noted = (0..1_000).filter(|_| flood.lets_through("192.0.2.1")).count();
        assert_eq!(noted as u64, REFUSALS);
        assert!(flood.lets_through("192.0.2.2"));
        let sums = flood.summed_up();
        assert_eq!(sums.len(), 1);
        assert_eq!((sums[0].from.as_deref(), sums[0].count), (Some("192.0.2.1"), 1_000 - REFUSALS));
        assert!(flood.summed_up().is_empty() && flood.lets_through("192.0.2.1"), "a new minute");
    }

    #[test]
    fn many_addresses_are_counted_as_one() {
        let mut flood = Flood::default();
        let noted = (0..ADDRESSES * 3).filter(|n| flood.lets_through(&n.to_string())).count();
        assert_eq!(noted, ADDRESSES + REFUSALS as usize);
        let sums = flood.summed_up();
        assert_eq!((sums.len(), sums[0].from.as_deref()), (1, None));
        assert_eq!(sums[0].count, 2 * ADDRESSES as u64 - REFUSALS);
    }
}
