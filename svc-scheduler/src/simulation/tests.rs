//! The simulation as a test: many seeds, the same seed twice, and every defect noticed.

mod silence;
mod stories;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use stories::leading::what_an_old_memory_starts;

/// Seeds of a change; a night takes more, with `make simulate`.
const SEEDS: u64 = 2_000;
/// Lives under load, beside those that are among the seeds of a change.
const LIVES_UNDER_LOAD: u64 = 6;
/// Lives whose forecasts are compared with what came.
const LIVES_FORETOLD: u64 = 40;
/// A defect shows within so many, or within so many lives under load.
const SEEDS_OF_A_DEFECT: u64 = 6_000;
const LIVES_OF_A_DEFECT: u64 = 20;

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
        "started beside a cordoned executor",
        "batch asked",
        "meddled with another project",
        "shares compared",
        "start foretold",
        "end foretold",
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

/// What is foretold, and what came, in so many lives of bursts.
fn foretold(lives: u64, sabotage: Option<Sabotage>) -> Result<(), String> {
    let counted = Mutex::new(BTreeMap::new());
    let broken = first(lives, |seed| {
        let outcome = simulate(Plan { sabotage, ..Plan::under(Load::Burst, seed) });
        let mut counted = counted.lock().unwrap();
        outcome.counted.into_iter().for_each(|(what, often)| *counted.entry(what).or_insert(0) += often);
        outcome.failure
    });
    let counted = counted.into_inner().unwrap();
    broken.map_or(Ok(()), Err)?;
    assert!(counted["start foretold"] >= foretold::POPULATION, "too few to be judged: {counted:?}");
    judge_forecasts(&counted)
}

fn shows_in_population(sabotage: Sabotage) -> Option<String> {
    foretold(LIVES_FORETOLD, Some(sabotage)).err()
}

#[test]
fn nine_of_ten_come_by_the_p90_that_was_foretold() {
    foretold(LIVES_FORETOLD, None).unwrap();
}

/// The lives of this load that break a promise.
fn broken_under(load: Load, lives: u64) -> Vec<String> {
    let broken = Mutex::new(Vec::new());
    first(lives, |seed| {
        let failure = simulate(Plan::under(load, seed)).failure;
        broken.lock().unwrap().extend(failure.map(|why| format!("{seed}: {why}")));
        None::<()>
    });
    broken.into_inner().unwrap()
}

#[test]
fn queues_projects_and_keys_hold_their_parts_over_a_thousand_decisions() {
    assert_eq!(broken_under(Load::Shares, LIVES_UNDER_LOAD), [""; 0]);
}

#[test]
fn everything_has_its_turn_beside_a_stream_of_small_urgent_tasks() {
    assert_eq!(broken_under(Load::Stream, LIVES_UNDER_LOAD), [""; 0]);
}

#[test]
fn every_defect_is_noticed() {
    assert!(Sabotage::ALL.len() >= 20);
    let mut unnoticed = Vec::new();
    for sabotage in Sabotage::ALL {
        let found = match sabotage.load() {
            // It takes so much to come together that chance needs thousands of lives for it.
            _ if *sabotage == Sabotage::EverybodyLeads => what_an_old_memory_starts(Some(*sabotage)),
            Some(Load::Burst) => shows_in_population(*sabotage),
            Some(_) => first(LIVES_OF_A_DEFECT, |seed| simulate(Plan::of_defect(seed, *sabotage)).failure),
            None => first(SEEDS_OF_A_DEFECT, |seed| simulate(Plan::of_defect(seed, *sabotage)).failure),
        };
        if found.is_none() {
            unnoticed.push(sabotage);
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices {unnoticed:?}");
}
