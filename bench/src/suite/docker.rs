//! `docker`: real containers that do nothing, through the platform and through a bare loop over the engine.

use std::time::{Duration, Instant};

use futures::FutureExt;

use crate::benchmark::{Benchmark, POWER_SAFE};
use crate::figure::{Figure, Unit, milliseconds};
use crate::floor::containers;
use crate::place::Place;
use crate::platform::{Platform, Runtime};
use crate::workflow;

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "docker",
    about: "40 runs of one container, 1, 2 and 4 at once; floor: create, start, wait, log, remove with the same settings",
    durability: POWER_SAFE,
    aims: &[
        ("1 at once, a task", "≤ floor + 50 ms"),
        ("2 at once, a task", "≤ 1.10 × floor"),
        ("4 at once, a task", "≤ 1.10 × floor"),
    ],
    ours: |place| ours(place).boxed_local(),
    floor: Some(|place| floor(place).boxed_local()),
};

const TASKS: usize = 40;
const SIDE_BY_SIDE: [usize; 3] = [1, 2, 4];

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Docker).await?;
    let source = workflow::command("container", "[\"/bin/busybox\", \"true\"]");
    let tasks = place.amount(TASKS);
    let mut figures = Vec::new();
    for side_by_side in SIDE_BY_SIDE {
        let mut events = platform.events(None).await?;
        let (mut submitted, mut ended) = (0, 0);
        let began = Instant::now();
        while ended < tasks {
            if submitted < tasks && submitted - ended < side_by_side {
                platform.submit(&source).await?;
                submitted += 1;
            } else {
                events.next_end().await?;
                ended += 1;
            }
        }
        figures.push(figure(side_by_side, tasks, began.elapsed()));
    }
    platform.stop().await?;
    Ok(figures)
}

async fn floor(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let (folder, tasks) = (place.scratch()?, place.amount(TASKS));
    let mut figures = Vec::new();
    for side_by_side in SIDE_BY_SIDE {
        let began = Instant::now();
        containers::run(folder.path(), &["/bin/busybox", "true"], tasks, side_by_side).await?;
        figures.push(figure(side_by_side, tasks, began.elapsed()));
    }
    Ok(figures)
}

fn figure(side_by_side: usize, tasks: usize, took: Duration) -> Figure {
    let each = milliseconds(took) / tasks as f64;
    Figure::new(format!("{side_by_side} at once, a task"), Unit::Milliseconds, each)
}
