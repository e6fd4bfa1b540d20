//! Figures about backups, for Prometheus.

use std::path::Path;
use std::sync::LazyLock;

use prometheus::{
    IntCounter, IntCounterVec, IntGauge, Opts, TextEncoder, register_int_counter, register_int_counter_vec,
    register_int_gauge,
};

use crate::heal::Healed;
use crate::manifest::Manifest;

static LAST_SUCCESS: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "emboflow_backup_last_success_timestamp_seconds",
        "Moment that the newest whole backup is of; 0 when there is none.",
    )
});
static LAST_ADDED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "emboflow_backup_last_added_bytes",
        "Bytes that the newest backup added to the place of the backups.",
    )
});
static LAST_OBJECTS: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("emboflow_backup_last_object_bytes", "Bytes of all objects in the newest backup.")
});
static LAST_SECONDS: LazyLock<IntGauge> =
    LazyLock::new(|| gauge("emboflow_backup_last_duration_seconds", "Seconds that the newest backup took."));
static LAST_DAMAGED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "emboflow_backup_last_source_damages",
        "What the installation itself had lost when the newest backup was taken.",
    )
});
static LAST_FAILED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("emboflow_backup_last_failed", "1 when the last try to take a backup failed, else 0.")
});
static LAST_PRUNE_FAILED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "emboflow_backup_last_prune_failed",
        "1 when old backups could not be removed after the newest one, else 0.",
    )
});
static CONTENTS_READ: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("emboflow_backup_contents_read_total", "Shared contents that were read to prove them.")
});
static CONTENTS_DAMAGED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "emboflow_backup_contents_damaged_total",
        "Shared contents that were damaged where they lay, and were set aside.",
    )
});
static TRIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_backup_tries_total", "Backups that were begun, by how they ended.");
    let tries = register_int_counter_vec!(options, &["result"]).expect("registered only here");
    for result in ["ok", "failed"] {
        tries.with_label_values(&[result]);
    }
    tries
});

fn counter(name: &str, help: &str) -> IntCounter {
    register_int_counter!(name, help).expect("registered only here")
}

fn gauge(name: &str, help: &str) -> IntGauge {
    register_int_gauge!(name, help).expect("registered only here")
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Makes every series appear, with what is known of the newest backup.
pub fn begin(newest: Option<&Manifest>) {
    LazyLock::force(&TRIES);
    LazyLock::force(&CONTENTS_READ);
    LazyLock::force(&CONTENTS_DAMAGED);
    LAST_FAILED.set(0);
    LAST_PRUNE_FAILED.set(0);
    LAST_SUCCESS.set(0);
    if let Some(newest) = newest {
        note(newest);
    }
}

/// A backup was taken.
pub fn succeeded(manifest: &Manifest) {
    TRIES.with_label_values(&["ok"]).inc();
    LAST_FAILED.set(0);
    note(manifest);
}

/// Old backups were to be removed.
pub fn pruned(is_done: bool) {
    LAST_PRUNE_FAILED.set((!is_done).into());
}

/// Shared contents were read.
pub fn proved(healed: &Healed) {
    CONTENTS_READ.inc_by(healed.read);
    CONTENTS_DAMAGED.inc_by(healed.set_aside.len() as u64);
}

/// None was taken.
pub fn failed() {
    TRIES.with_label_values(&["failed"]).inc();
    LAST_FAILED.set(1);
}

fn note(manifest: &Manifest) {
    LAST_SUCCESS.set(manifest.created_at.0 / 1_000);
    LAST_ADDED.set(number(manifest.added_bytes()));
    LAST_OBJECTS.set(number(manifest.objects.size_bytes));
    LAST_SECONDS.set(number(manifest.took_ms / 1_000));
    LAST_DAMAGED.set(number(manifest.damaged.len() as u64));
}

/// Writes the figures about backups into a file, in one step.
pub fn write(path: &Path) -> std::io::Result<()> {
    let families = prometheus::gather();
    let own: Vec<_> = families.into_iter().filter(|one| one.name().starts_with("emboflow_backup_")).collect();
    let text = TextEncoder::new().encode_to_string(&own).map_err(std::io::Error::other)?;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    std::fs::write(&fresh, text)?;
    std::fs::rename(&fresh, path)
}
