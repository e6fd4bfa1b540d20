//! Chance that can be repeated: what is drawn depends on what it is drawn for, not on what was drawn before. So a walk in
//! which something is changed draws the same for everything else.

use emboflow_model::AttemptId;

/// The chance of one walk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Luck {
    pub(super) seed: u64,
    pub(super) walk: u32,
}

impl Luck {
    /// A number for an attempt.
    pub(super) fn of(self, attempt: &AttemptId) -> u64 {
        let run = attempt.run.bits();
        let (high, low) = ((run >> 64) as u64, run as u64);
        let task = attempt.task.name.as_str().bytes().fold(0, |mixed, byte| mix(mixed ^ u64::from(byte)));
        let index = attempt.task.index.map_or(0, |index| u64::from(index) + 1);
        let parts = [self.seed, u64::from(self.walk), high, low, task, index, u64::from(attempt.number)];
        parts.into_iter().fold(0, |mixed, part| mix(mixed ^ part))
    }
}

/// SplitMix64: every bit of the result depends on every bit of the number.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
