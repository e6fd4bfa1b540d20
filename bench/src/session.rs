//! One call of the program: which benchmarks, each floor – ours – floor, and what came out of it.

use anyhow::{Context, bail};

use crate::benchmark::Benchmark;
use crate::figure::Figure;
use crate::machine::{self, Machine};
use crate::options::Options;
use crate::place::Place;
use crate::programs::Programs;
use crate::report::{Line, Report};
use crate::suite::ALL;

/// Measures what was asked for. A benchmark that fails is told of and the others go on; the error comes at the end.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    if options.list {
        return crate::report::say(
            &ALL.iter().map(|one| format!("{:14}{}\n", one.name, one.about)).collect::<String>(),
        );
    }
    let chosen = choose(&options.names)?;
    let place = Place::new(Programs::find()?, options.records, options.quick)?;
    let mut report = Report::open(place.results(), Machine::look(), options.records, options.quick)?;
    let mut failed = Vec::new();
    for benchmark in chosen {
        match measure(benchmark, &place).await {
            Ok(lines) => report.add(lines)?,
            Err(error) => {
                report.failed(benchmark.name, &error)?;
                failed.push(benchmark.name);
            }
        }
    }
    report.close()?;
    if failed.is_empty() { Ok(()) } else { bail!("could not be measured: {}", failed.join(", ")) }
}

fn choose(names: &[String]) -> anyhow::Result<Vec<&'static Benchmark>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let known = || ALL.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| ALL.iter().copied().find(|one| one.name == name);
    names
        .iter()
        .map(|name| find(name).with_context(|| format!("no benchmark {name}; there are {}", known())))
        .collect()
}

async fn measure(benchmark: &Benchmark, place: &Place) -> anyhow::Result<Vec<Line>> {
    let floor = async |when: &str| match benchmark.floor {
        Some(floor) => floor(place).await.with_context(|| format!("the floor {when}")),
        None => Ok(Vec::new()),
    };
    let load_before = machine::load();
    let before = floor("before").await?;
    let ours = (benchmark.ours)(place).await.context("ours")?;
    let after = floor("after").await?;
    let load = (load_before, machine::load());
    let of =
        |figures: &[Figure], name: &str| figures.iter().find(|one| one.name == name).map(|one| one.value);
    let line = |figure: Figure| {
        let floors = of(&before, &figure.name).zip(of(&after, &figure.name));
        Line::new(benchmark, figure, floors, load)
    };
    Ok(ours.into_iter().map(line).collect())
}
