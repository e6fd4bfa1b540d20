//! Simulates the scheduler with many seeds, or with one: `make simulate SEEDS=2000`, `make simulate SEED=17`.
//!
//! The first seed that breaks a promise is printed with what happened last; it goes the same way each time.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever has started it")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use svc_scheduler::simulation::{Outcome, Plan, Sabotage, judge_forecasts, simulate};

/// What the arguments ask for: `--seeds N`, `--from SEED`, `--seed SEED`, `--sabotage NAME`.
struct Asked {
    from: u64,
    seeds: u64,
    sabotage: Option<Sabotage>,
    shows_all: bool,
}

fn main() -> ExitCode {
    let asked = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\nusage: simulate [--seeds N] [--from SEED] [--seed SEED] [--sabotage NAME]");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let (next, is_broken) = (AtomicU64::new(asked.from), AtomicBool::new(false));
    let counted = Mutex::new(BTreeMap::<&'static str, u64>::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    // A defect that panics is told with its seed; the panic's own words would only stand between.
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(asked.seeds as usize) {
            scope.spawn(|| {
                while !is_broken.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= asked.from.saturating_add(asked.seeds) {
                        return;
                    }
                    let defect = asked.sabotage.map(|sabotage| Plan::of_defect(seed, sabotage));
                    let outcome = simulate(defect.unwrap_or_else(|| Plan::of_seed(seed)));
                    if asked.shows_all
                        || outcome.failure.is_some() && !is_broken.swap(true, Ordering::Relaxed)
                    {
                        show(seed, &outcome);
                    }
                    let mut all = counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    outcome.counted.iter().for_each(|(what, often)| *all.entry(what).or_insert(0) += often);
                    *all.entry("simulated seconds").or_insert(0) += outcome.took_ms / 1_000;
                }
            });
        }
    });
    let counted = counted.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    counted.iter().for_each(|(what, often)| println!("{often:>12} {what}"));
    let seeds = next.load(Ordering::Relaxed).saturating_sub(asked.from).min(asked.seeds);
    println!("{seeds} seeds in {:.1} s", began.elapsed().as_secs_f64());
    let forecasts = judge_forecasts(&counted);
    if let Err(why) = &forecasts {
        println!("{why}");
    }
    if is_broken.load(Ordering::Relaxed) || forecasts.is_err() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn show(seed: u64, outcome: &Outcome) {
    outcome.trace.iter().for_each(|line| println!("{line}"));
    match &outcome.failure {
        Some(why) => println!("\nseed {seed}: {why}\nagain with: make simulate SEED={seed}"),
        None => println!("\nseed {seed}: every promise was kept; trace {:016x}", outcome.trace_hash),
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { from: 1, seeds: 2_000, sabotage: None, shows_all: false };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} {value} is no number"));
        match name.as_str() {
            "--seeds" => asked.seeds = number()?,
            "--from" => asked.from = number()?,
            "--seed" => (asked.from, asked.seeds, asked.shows_all) = (number()?, 1, true),
            "--sabotage" => {
                let known = Sabotage::ALL.iter().find(|known| format!("{known:?}") == value);
                asked.sabotage =
                    Some(*known.ok_or_else(|| format!("no defect {value}: {:?}", Sabotage::ALL))?);
            }
            _ => return Err(format!("nobody knows {name}")),
        }
    }
    Ok(asked)
}
