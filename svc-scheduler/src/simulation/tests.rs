//! The simulation as a test: many seeds, the same seed twice, and every defect noticed.

mod silence;
mod stories;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Seeds of a change; a night takes more, with `make simulate`.
const SEEDS: u64 = 2_000;
/// A defect shows within so many.
const SEEDS_OF_A_DEFECT: u64 = 6_000;

/// Works through the seeds on two threads until one gives something.
fn first<T: Send>(seeds: u64, look: impl Fn(u64) -> Option<T> + Sync) -> Option<T> {
    let (next, found) = (AtomicU64::new(1), Mutex::new(None));
    let is_found = || found.lock().unwrap().is_some();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_found() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    if let Some(seen) = look(seed) {
                        *found.lock().unwrap() = Some(seen);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn two_thousand_seeds_break_no_promise() {
    let counted = Mutex::new(BTreeMap::new());
    let broken = first(SEEDS, |seed| {
        let outcome = simulate(Plan::of_seed(seed));
        let mut counted = counted.lock().unwrap();
        outcome.counted.into_iter().for_each(|(what, often)| *counted.entry(what).or_insert(0) += often);
        let why = outcome.failure?;
        Some(format!("{}\n{why}\nagain with: make simulate SEED={seed}", outcome.trace.join("\n")))
    });
    if let Some(broken) = broken {
        panic!("{broken}");
    }
    // A fault that never happens is not survived.
    let counted = counted.into_inner().unwrap();
    for fault in fault::Fault::ALL.iter().map(|fault| fault.word()) {
        assert!(counted.contains_key(fault), "{fault} never happens: {counted:?}");
    }
    for what in [
        "torn batch",
        "executed and timed out",
        "log place taken",
        "claim refused",
        "exclusive attempt fenced",
    ] {
        assert!(counted.contains_key(what), "{what} never happens: {counted:?}");
    }
}

#[test]
fn the_same_seed_goes_the_same_way_bit_by_bit() {
    for seed in 1..=20 {
        let (one, two) = (simulate(Plan::of_seed(seed)), simulate(Plan::of_seed(seed)));
        assert_eq!((one.trace_hash, one.took_ms, &one.counted), (two.trace_hash, two.took_ms, &two.counted));
        assert_eq!(one.trace, two.trace, "seed {seed}");
    }
}

#[test]
fn every_defect_is_noticed() {
    assert!(Sabotage::ALL.len() >= 20);
    let mut unnoticed = Vec::new();
    for sabotage in Sabotage::ALL {
        let found =
            first(SEEDS_OF_A_DEFECT, |seed| simulate(Plan::of_seed(seed).sabotaged(*sabotage)).failure);
        if found.is_none() {
            unnoticed.push(sabotage);
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices {unnoticed:?}");
}
