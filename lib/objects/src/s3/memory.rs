//! What all uploads together may hold in memory.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

// A permit counts so many bytes: permits are asked for by 32-bit numbers.
const UNIT_BYTES: u64 = 1024;

/// A bounded amount of memory, given out in the order of asking.
pub(super) struct Memory {
    units: u32,
    free: Arc<Semaphore>,
}

/// A share of it, given back when this is dropped.
pub(super) struct Share(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self { units, free: Arc::new(Semaphore::new(units as usize)) }
    }

    /// Waits for a share of so many bytes; what is more than all of it gets all of it.
    pub(super) async fn share(&self, bytes: usize) -> Share {
        let units = u32::try_from((bytes as u64).div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units);
        // It is never closed.
        Share(self.free.clone().acquire_many_owned(units).await.ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn shares_wait_for_each_other_and_a_giant_one_gets_all() {
        let memory = Memory::new(10 * UNIT_BYTES);
        let first = memory.share(6 * UNIT_BYTES as usize).await;
        assert!(memory.share(5 * UNIT_BYTES as usize).now_or_never().is_none());
        let small = memory.share(1).await;
        drop((first, small));
        let giant = memory.share(usize::MAX).now_or_never();
        assert!(giant.is_some() && memory.share(1).now_or_never().is_none());
    }
}
