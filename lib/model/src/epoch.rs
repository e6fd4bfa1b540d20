//! Epochs of a decision log: the time between two restores.
//!
//! A restore makes the log shorter, and everything that was fenced by the places it loses must stay refused. So the
//! restored log goes on at the first place of the next epoch: whatever was fenced before is smaller.

/// Places of one epoch: 2^34, more than 2,000 decisions a second for 90 days. There is room for about 500 epochs before
/// a fence, which shifts the place by [`FENCE_BITS`], would need a 64th bit.
pub const PLACES: u64 = 1 << 34;

/// Bits of a fence behind the place in the log.
pub const FENCE_BITS: u32 = 20;

/// The epoch of a place in the log.
pub const fn of_place(seq: u64) -> u64 {
    seq / PLACES
}

/// The epoch of a fence.
pub const fn of_fence(fence: u64) -> u64 {
    of_place(fence >> FENCE_BITS)
}

/// The fence with the same count behind another place in the log.
pub const fn fence_at(seq: u64, fence: u64) -> u64 {
    (seq << FENCE_BITS) | (fence & ((1 << FENCE_BITS) - 1))
}

/// The place that counts as the last one of a log that was restored up to `seq`: its next entry is the first of an
/// epoch that no fence has been of.
pub const fn restored_after(seq: u64) -> u64 {
    (of_place(seq) + 1) * PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_log_goes_on_above_every_fence_of_before() {
        for seq in [0, 1, 41, PLACES - 2, PLACES, 3 * PLACES + 7] {
            let restored = restored_after(seq);
            let lost = (seq + PLACES / 2).min(restored - 1);
            assert!((restored + 1) << FENCE_BITS > (lost << FENCE_BITS) + ((1 << FENCE_BITS) - 1), "{seq}");
            assert!(of_fence((restored + 1) << FENCE_BITS) > of_fence(seq << FENCE_BITS), "{seq}");
        }
    }

    #[test]
    fn there_is_room_for_hundreds_of_restores() {
        let last = (0..500).fold(0, |seq, _| restored_after(seq + 1));
        assert_eq!(((last + PLACES - 1) << FENCE_BITS) >> FENCE_BITS, last + PLACES - 1);
        assert!(i64::try_from((last + PLACES) << FENCE_BITS).is_ok());
    }
}
