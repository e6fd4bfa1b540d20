//! Clients go on working while one process after the other is killed, stopped, cut off, emptied or left without a disk, by
//! lot. What is true in the end is judged by witnesses of their own: what the clients were told, the engine's record of every start, the stored
//! logs and artifacts.
//!
//! Every fault happens at least once, and scheduler, executor and gateway die once at each place that they name. `make nemesis` goes on
//! for longer, with another seed each time.

mod fault;
mod ground;
mod judge;
mod victims;
mod workload;

use std::time::{Duration, Instant};

use emboflow_bus::server::ServerOptions;
use emboflow_records::testing::MongoServer;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use system_tests::{Cell, Engine, RecordsKind, RuntimeKind, Stack, on_cells};

use fault::{Disk, Fault, Pace, Server, Victim};
use ground::Ground;
use victims::Victims;
use workload::{History, Workload};

/// How many clients work at the same time.
const CLIENTS: usize = 2;
/// The pause before a fault, in milliseconds.
const QUIET_MS: std::ops::RangeInclusive<u64> = 200..=1_500;
/// How long clients go on trying after what they need is there again.
const PATIENCE: Duration = Duration::from_secs(120);

/// A number that a person gave, or else.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no configuration; `make nemesis` passes two numbers"
)]
fn given(variable: &str, otherwise: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

async fn nothing_is_lost_or_doubled_whatever_is_killed(cell: Cell) {
    let seed = given("NEMESIS_SEED", 1);
    let minutes = given("NEMESIS_MINUTES", 0);
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let pace = if minutes == 0 { Pace::SHORT } else { Pace::LONG };
    let ground = Ground::new();
    let mut engine = match cell.runtime {
        RuntimeKind::Docker => Some(Engine::start(true).await),
        RuntimeKind::Simulated => None,
    };
    let mut mongo = match cell.records {
        RecordsKind::Mongo => {
            let data = ground.disk(Disk::Records).path().join("data");
            Some(MongoServer::start_at(ground.network().address().into(), Some(data)).await.unwrap())
        }
        RecordsKind::Sqlite => None,
    };
    let mut stack = start(cell, &ground, mongo.as_ref(), engine.as_ref()).await;
    // A part that was stopped for long is refused its answers to questions of before.
    stack.answers_come_late = true;
    stack.doing = format!("again with NEMESIS_SEED={seed}");
    let client = stack.client().with_patience(pace.away(Server::Records) + PATIENCE);
    let mut dice = StdRng::seed_from_u64(seed);
    let (history, carried_out) = {
        let mut victims = Victims::of(&mut stack, &ground, engine.as_mut(), mongo.as_mut(), pace);
        let workload = Workload::new(&client, victims.containers, seed);
        let work = workload.work(CLIENTS);
        let harm = async {
            let carried_out = harm(&mut victims, &mut dice, until).await;
            workload.ends();
            carried_out
        };
        let (histories, carried_out) = tokio::join!(work, harm);
        (histories.into_iter().flatten().collect::<Vec<History>>(), carried_out)
    };
    say(&format!("{cell:?} seed {seed}: {carried_out} faults, {} runs", history.len()));
    judge::judge(&stack, &client, &history).await;
}
on_cells!(nothing_is_lost_or_doubled_whatever_is_killed: SQLITE_DOCKER, MONGO_SIMULATED);

/// An installation that stands on this ground.
async fn start(cell: Cell, ground: &Ground, mongo: Option<&MongoServer>, engine: Option<&Engine>) -> Stack {
    let of_nats = |options: &mut ServerOptions| {
        options.host = ground.network().address().to_string();
        options.store_dir = ground.disk(Disk::Nats).path().join("store");
    };
    Stack::start_to_be_broken(cell, of_nats, mongo, |stack| {
        // Each kill of an executor may cost an attempt, and there are many.
        stack.scheduler.set("policy.infra_retries", 100);
        ground.carry(stack);
        if let Some(engine) = engine {
            stack.use_engine(engine);
        }
    })
    .await
}

/// Every fault once in an order of its own, and again until the time is over. How many there were.
async fn harm(victims: &mut Victims<'_>, dice: &mut StdRng, until: Instant) -> usize {
    let mut carried_out = 0;
    loop {
        let mut faults = Fault::all(victims, dice);
        let (places, mut died_at) = (Victim::places().len(), 0);
        while !faults.is_empty() {
            let fault = faults.swap_remove(dice.random_range(..faults.len()));
            tokio::time::sleep(Duration::from_millis(dice.random_range(QUIET_MS))).await;
            say(&format!("  {fault:?}"));
            died_at += usize::from(matches!(fault, Fault::DieAt(..)));
            victims.suffer(fault).await;
            carried_out += 1;
        }
        say(&format!("{died_at} of {places} named places were died at"));
        assert_eq!(died_at, places);
        if Instant::now() >= until {
            return carried_out;
        }
    }
}

fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "nemesis: {line}");
}
