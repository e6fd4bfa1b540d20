//! What the machine has: what an executor offers, how full its disk is, which start of the machine this is.

use std::path::Path;
use std::sync::LazyLock;

use emboflow_model::Resources;
use emboflow_model::executor::Disk;
use rustix::time::{ClockId, clock_gettime};

use crate::config::Capacity;
use crate::runtime::Engine;

const MEMORY_RESERVE_MIN: u64 = 512 << 20;
const DISK_RESERVE_MAX: u64 = 1 << 30;
const ARTIFACT_CACHE_MAX: u64 = 10 << 30;
const SLOTS_PER_CORE: u64 = 8;

/// What is offered to attempts: the engine's size less a reserve, unless the configuration says otherwise.
pub(crate) fn capacity(engine: &Engine, disk: Disk, devices: usize, wanted: &Capacity) -> Resources {
    let reserve = (engine.memory_bytes / 8).max(MEMORY_RESERVE_MIN);
    Resources {
        cpu_millis: wanted.cpu_millis.unwrap_or(engine.cpu_millis),
        memory_bytes: wanted.memory_bytes.unwrap_or(engine.memory_bytes.saturating_sub(reserve)),
        disk_bytes: wanted.disk_bytes.unwrap_or(disk.free_bytes / 10 * 9),
        gpu: devices as u64,
    }
}

/// Attempts at the same time when the configuration names no number.
pub(crate) fn slots(engine: &Engine) -> u32 {
    let cores = (engine.cpu_millis / 1_000).max(1);
    u32::try_from(cores * SLOTS_PER_CORE).unwrap_or(u32::MAX).min(10_000)
}

/// The disk under a folder; zeros when it cannot be asked.
pub(crate) fn disk(folder: &Path) -> Disk {
    match rustix::fs::statvfs(folder) {
        Ok(stat) => Disk {
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        },
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "cannot ask for the free space");
            Disk::default()
        }
    }
}

/// Bytes to keep free when the configuration names none: a share of the disk would idle an executor with
/// gigabytes to spare, and a fixed amount would idle one on a small disk.
pub(crate) fn disk_reserve(disk: Disk) -> u64 {
    (disk.total_bytes / 20).min(DISK_RESERVE_MAX)
}

/// Bytes of artifacts' files to keep when the configuration names none.
pub(crate) fn artifact_cache(disk: Disk) -> u64 {
    (disk.total_bytes / 10).min(ARTIFACT_CACHE_MAX)
}

/// Whether so little of the disk is left that no more work is taken.
pub(crate) fn is_full(disk: Disk, reserve_bytes: u64) -> bool {
    disk.total_bytes > 0 && disk.free_bytes < reserve_bytes
}

static BOOT_ID: LazyLock<String> = LazyLock::new(|| {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
});

/// Tells one start of the machine from another.
pub(crate) fn boot_id() -> &'static str {
    &BOOT_ID
}

/// Milliseconds since the machine was started, by a clock that nobody can set; none when it does not say.
pub(crate) fn uptime_ms() -> Option<u64> {
    let since = clock_gettime(ClockId::Boottime);
    let (seconds, nanoseconds) = (u64::try_from(since.tv_sec).ok()?, u64::try_from(since.tv_nsec).ok()?);
    Some(seconds * 1_000 + nanoseconds / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_unless_an_amount_is_configured() {
        let engine = Engine { version: String::new(), cpu_millis: 2_000, memory_bytes: 8 << 30 };
        let disk = Disk { free_bytes: 1_000, total_bytes: 2_000 };
        let offered = capacity(&engine, disk, 2, &Capacity::default());
        assert_eq!(offered, Resources { cpu_millis: 2_000, memory_bytes: 7 << 30, disk_bytes: 900, gpu: 2 });
        let wanted = Capacity { cpu_millis: Some(1), memory_bytes: Some(2), disk_bytes: Some(3) };
        let chosen = Resources { cpu_millis: 1, memory_bytes: 2, disk_bytes: 3, gpu: 0 };
        assert_eq!(capacity(&engine, disk, 0, &wanted), chosen);
        assert_eq!(slots(&engine), 16);
    }

    #[test]
    fn a_disk_is_full_below_its_reserve_and_an_unknown_one_never() {
        let disk = |free_bytes| Disk { free_bytes, total_bytes: 100 };
        assert_eq!(disk_reserve(disk(50)), 5);
        assert!(is_full(disk(4), 5) && !is_full(disk(5), 5));
        assert!(!is_full(Disk::default(), 5));
    }

    #[test]
    fn a_large_disk_takes_work_while_a_gibibyte_is_free() {
        let disk = |free_bytes| Disk { free_bytes, total_bytes: 252 << 30 };
        let reserve = disk_reserve(disk(0));
        assert!(!is_full(disk(12 << 30), reserve) && is_full(disk(1 << 29), reserve));
    }
}
