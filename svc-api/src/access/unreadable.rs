//! Kept documents that this version cannot read: told once, counted each time, and passed over.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{LazyLock, Mutex, PoisonError};

use emboflow_records::Kept;
use prometheus::{IntCounterVec, opts, register_int_counter_vec};

/// Documents that are remembered as told; the logs of more would help nobody.
const REMEMBERED: usize = 1_000;

static COUNT: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = opts!(
        "emboflow_kept_unreadable_total",
        "Reads of kept documents that this version cannot read and passed over."
    );
    register_int_counter_vec!(options, &["kind"]).expect("registered only here")
});

/// Kind, scope, name and version of each that was told.
type Told = HashSet<(&'static str, String, String, u64)>;

static TOLD: LazyLock<Mutex<Told>> = LazyLock::new(Mutex::default);

/// Counts a document that cannot be read, and writes it to the logs when it is the first time for this version of it.
pub(crate) fn note(kind: &'static str, kept: &Kept, why: &dyn Display) {
    COUNT.with_label_values(&[kind]).inc();
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() < REMEMBERED && told.insert((kind, kept.scope.clone(), kept.name.clone(), kept.version)) {
        let (scope, name) = (&kept.scope, &kept.name);
        tracing::error!(kind, scope, name, %why, "a kept document cannot be read and is passed over");
    }
}
