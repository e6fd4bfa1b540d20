//! How much each project stores: counted in the store itself, so that no figure is wrong for long, and kept for a while with
//! what has come since.

use emboflow_objects::{Counted, KeyPrefix, ObjectStore, StoreError};
use emboflow_protocol::storage_token::StoredQuota;
use emboflow_protocol::{ErrorCode, Problem};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::measure;

/// How long a count may take; what it has found by then is the least there is.
const COUNTING_TIME: Duration = Duration::from_secs(20);
/// Before somebody is refused it is counted again, if the figure is older: something may have been removed.
const BEFORE_A_REFUSAL: Duration = Duration::from_secs(60);

/// The figures of all projects that were asked for. Clones share them.
#[derive(Clone)]
pub(crate) struct Ledger {
    store: Arc<dyn ObjectStore>,
    /// How old a figure may be.
    age: Duration,
    accounts: Arc<Mutex<HashMap<String, Arc<Account>>>>,
}

#[derive(Default)]
struct Account {
    /// One count at a time; whoever needs the figure waits for it.
    counting: tokio::sync::Mutex<()>,
    figure: Mutex<Figure>,
}

#[derive(Default)]
struct Figure {
    /// What was counted, with what has been stored since; and when.
    counted: Option<(Instant, Counted)>,
    /// Bytes that are being put now.
    coming: u64,
}

/// What lies below a prefix, and how old the figure is.
pub(crate) struct Known {
    pub(crate) counted: Counted,
    pub(crate) age: Duration,
}

/// Room that is taken for one object. Dropped before it is [`Booking::filled`], the room is free again.
pub(crate) struct Booking {
    account: Arc<Account>,
    /// Bytes that may come.
    pub(crate) room: u64,
    booked: u64,
}

/// Why there is no room.
pub(crate) enum NoRoom {
    /// The quota is used up.
    Full(Box<Problem>),
    /// It cannot be counted.
    Unknown(StoreError),
}

impl Ledger {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, age: Duration) -> Self {
        Self { store, age, accounts: Arc::default() }
    }

    /// What a project stores; counted anew when the figure is older than it may be. Errors: the store does not answer.
    pub(crate) async fn known(&self, project: &str) -> Result<Known, StoreError> {
        let account = self.account(project);
        self.count(project, &account, self.age).await?;
        let known = account.figure().known();
        Ok(known)
    }

    /// Takes room for an object of so many bytes; for one of unknown size, all that is left may come. Errors: [`NoRoom`].
    pub(crate) async fn book(&self, quota: &StoredQuota, size: Option<u64>) -> Result<Booking, NoRoom> {
        let account = self.account(quota.project.as_str());
        for oldest in [self.age, BEFORE_A_REFUSAL.min(self.age)] {
            self.count(quota.project.as_str(), &account, oldest).await.map_err(NoRoom::Unknown)?;
            let mut figure = account.figure();
            let left = quota.bytes.saturating_sub(figure.used());
            let room = size.unwrap_or(left);
            if room <= left && left > 0 {
                let booked = size.unwrap_or(0);
                figure.coming += booked;
                drop(figure);
                return Ok(Booking { account, room, booked });
            }
        }
        let used = account.figure().used();
        Err(NoRoom::Full(Box::new(refusal(quota, used, size))))
    }

    /// An object came for which no room was taken.
    pub(crate) fn note(&self, key: &str, size_bytes: u64) {
        let project = key.split('/').next().unwrap_or_default();
        let account = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(project).cloned();
        if let Some(account) = account {
            account.figure().add(size_bytes);
        }
    }

    async fn count(&self, project: &str, account: &Account, oldest: Duration) -> Result<(), StoreError> {
        let _one = account.counting.lock().await;
        let is_fresh = |(at, _): &(Instant, Counted)| at.elapsed() < oldest;
        if account.figure().counted.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let prefix = KeyPrefix::parse(format!("{project}/")).expect("the name of a project begins a key");
        let counting = self.store.count(prefix, Instant::now() + COUNTING_TIME);
        let mut counted = measure::operation(self.store.kind(), "count", counting).await?;
        let mut figure = account.figure();
        if let (false, Some((_, before))) = (counted.complete, figure.counted) {
            counted.size_bytes = counted.size_bytes.max(before.size_bytes);
            counted.objects = counted.objects.max(before.objects);
        }
        figure.counted = Some((Instant::now(), counted));
        measure::stored(project, counted.size_bytes);
        Ok(())
    }

    fn account(&self, project: &str) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(project.to_owned()).or_default().clone()
    }
}

impl Account {
    fn figure(&self) -> MutexGuard<'_, Figure> {
        self.figure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Figure {
    fn used(&self) -> u64 {
        self.known().counted.size_bytes.saturating_add(self.coming)
    }

    fn add(&mut self, size_bytes: u64) {
        if let Some((_, counted)) = &mut self.counted {
            counted.size_bytes = counted.size_bytes.saturating_add(size_bytes);
            counted.objects += 1;
        }
    }

    fn known(&self) -> Known {
        let (at, counted) = self.counted.unwrap_or_else(|| (Instant::now(), Counted::default()));
        Known { counted, age: at.elapsed() }
    }
}

impl Booking {
    /// The object is there, and has so many bytes.
    pub(crate) fn filled(self, size_bytes: u64) {
        self.account.figure().add(size_bytes);
    }
}

impl Drop for Booking {
    fn drop(&mut self) {
        self.account.figure().coming -= self.booked;
    }
}

fn refusal(quota: &StoredQuota, used: u64, size: Option<u64>) -> Problem {
    let StoredQuota { project, bytes } = quota;
    let wanted = size.map_or("another object".to_owned(), |size| format!("{size} bytes more"));
    let detail = format!(
        "project {project} stores {used} bytes; its quota is {bytes}, which leaves no room for {wanted}"
    );
    let code = ErrorCode::QuotaStoredBytes;
    Problem::new(code, detail).with_hint(code.advice())
}
