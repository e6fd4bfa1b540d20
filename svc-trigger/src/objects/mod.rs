//! Triggers on new objects. The listing of the store is the truth: each trigger looks through its part of the storage now
//! and then, and remembers every object that it has dealt with. What the storage gateway tells only makes it look at once.

mod examine;
mod look;
mod makers;
mod pieces;
mod shelf;
mod storage;

use std::time::Duration;

use emboflow_model::trigger::{ObjectFilter, ObjectPlace};
use emboflow_model::workflow::triggers::ObjectCreatedSpec;
use emboflow_protocol::object_created::ObjectCreated;
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

pub(crate) use shelf::{clean, forget};
pub use storage::Config;
pub(crate) use storage::{Ended, Storage};

use crate::hands::Hands;
use crate::kept::{Trigger, now};
use crate::measure;
use look::Look;
use makers::{LIST, Makers};
use shelf::Shelf;

/// A look through everything takes this part of the time at most: one tenth.
const REST: u32 = 10;
/// How long a notice waits for others.
const GATHER: Duration = Duration::from_millis(100);
/// Notices that are followed at a time; more are left to the next look through everything.
const MAX_NOTICES: usize = 256;

/// Starts a run for each new object, for ever. Errors: the storage, the records or NATS are away; what was not dealt with
/// is found again.
pub(crate) async fn watch(hands: &Hands, trigger: &Trigger, spec: &ObjectCreatedSpec) -> anyhow::Result<()> {
    let storage = hands.storage.as_ref().ok_or_else(|| {
        anyhow::anyhow!("the trigger service does not know where the storage gateway is: set its `storage`")
    })?;
    let filter = ObjectFilter::new(spec).map_err(|error| anyhow::anyhow!(error.message))?;
    let mut heard = storage.heard();
    let shelf = Shelf::new(hands, trigger);
    let mut place = begin(hands, trigger, &filter, &shelf).await?;
    // What runs made is remembered for one look only.
    let look_from = |new_from| {
        let makers = Makers::new(hands, storage, trigger);
        Look { hands, storage, trigger, filter: &filter, shelf: &shelf, new_from, makers }
    };
    loop {
        let began = now();
        let look = look_from(place.new_from());
        let started = Instant::now();
        let bounds = storage.in_turn(look.through_everything()).await?;
        measure::observe_sweep(started.elapsed());
        let rest = storage.look_each().max(started.elapsed() * REST);
        place.swept_at = Some(began);
        place.next_at = Some(emboflow_model::Timestamp(
            now().0.saturating_add(i64::try_from(rest.as_millis()).unwrap_or(i64::MAX)),
        ));
        hands.journal.looked(trigger, &place).await?;
        let until = Instant::now() + rest;
        while let Some(scopes) = told(&mut heard, trigger, &filter, until).await {
            let look = look_from(place.new_from());
            for scope in scopes {
                look.at(&bounds, &scope).await?;
            }
        }
    }
}

/// How far the trigger has come. With another filter than before it begins anew, at the moment of the change.
async fn begin(
    hands: &Hands,
    trigger: &Trigger,
    filter: &ObjectFilter,
    shelf: &Shelf<'_>,
) -> anyhow::Result<ObjectPlace> {
    let known = hands.journal.state(trigger).await?.objects;
    if let Some(place) = known.filter(|place| place.filter == filter.text()) {
        return Ok(place);
    }
    shelf.clear().await?;
    let place = ObjectPlace::new(filter, trigger.document.counts_from);
    hands.journal.looked(trigger, &place).await?;
    Ok(place)
}

/// What the next notices are about: beginnings of keys. None when it is time to look through everything.
async fn told(
    heard: &mut Receiver<ObjectCreated>,
    trigger: &Trigger,
    filter: &ObjectFilter,
    until: Instant,
) -> Option<Vec<String>> {
    let mut scopes = Vec::new();
    let mut close = until;
    // Whoever has overslept notices looks at everything when it is time.
    while let Ok(told) = tokio::time::timeout_at(close, heard.recv()).await {
        let Ok(told) = told else { continue };
        let scope = scope(told.key);
        let is_ours = told.project == trigger.project && filter.may_touch(&scope);
        if is_ours && scopes.len() < MAX_NOTICES && !scopes.contains(&scope) {
            close = close.min(Instant::now() + GATHER);
            scopes.push(scope);
        }
    }
    (!scopes.is_empty()).then_some(scopes)
}

/// The objects that a notice is about: the list of an artifact's files is about the files.
fn scope(key: String) -> String {
    match key.strip_suffix(LIST) {
        Some(artifact) => format!("{artifact}/"),
        None => key,
    }
}
