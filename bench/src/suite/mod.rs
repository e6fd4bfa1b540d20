//! Every benchmark there is.

mod chain;
mod depth;
mod docker;
mod fan;
mod fanout;
mod gateway;
mod idle;
mod kill;
mod list;
mod logs;
mod noop;
mod page;
mod submit;
mod wide;

use crate::benchmark::Benchmark;

/// In the order in which they are run.
pub(crate) const ALL: &[&Benchmark] = &[
    &submit::BENCHMARK,
    &noop::ALONE,
    &noop::BURST,
    &noop::SINGLES,
    &noop::CPU,
    &chain::BENCHMARK,
    &fan::BENCHMARK,
    &wide::BENCHMARK,
    &kill::BENCHMARK,
    &depth::BENCHMARK,
    &docker::BENCHMARK,
    &logs::WRITE,
    &logs::DOWNLOAD,
    &gateway::BENCHMARK,
    &fanout::BENCHMARK,
    &list::BENCHMARK,
    &idle::BENCHMARK,
    &page::BENCHMARK,
];
