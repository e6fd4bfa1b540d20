use std::collections::BTreeMap;

use crate::trigger::{CHAIN_LABEL, CHAIN_ROOM_LABEL, Chain, ChainEnd, MAX_CHAIN_RUNS, MAX_CHAIN_WIDTH};

fn of(labels: &[(&str, &str)]) -> Chain {
    let labels: BTreeMap<_, _> = labels.iter().copied().collect();
    Chain::of(|name| labels.get(name).copied())
}

/// All runs that come of one run, when the end of each starts `width` runs.
fn grown(width: usize) -> usize {
    let (mut open, mut made) = (vec![Chain::default()], 0);
    while let Some(run) = open.pop() {
        let next: Vec<_> = run.next(width).filter_map(Result::ok).collect();
        made += next.len();
        open.extend(next);
    }
    made
}

#[test]
fn whatever_the_width_a_run_leads_to_no_more_runs_than_it_may() {
    assert_eq!(grown(1), 32, "a line of runs ends by its length");
    for width in [2, 3, 7, 50, 500] {
        let made = grown(width);
        assert!(made <= MAX_CHAIN_RUNS as usize, "{width} triggers made {made} runs of one");
        assert!(made >= 900, "{width} triggers leave room unused: {made}");
    }
}

#[test]
fn the_end_of_one_run_starts_a_bounded_number_and_says_why_the_others_do_not_start() {
    let next: Vec<_> = Chain::default().next(MAX_CHAIN_WIDTH + 2).collect();
    assert!(next[..MAX_CHAIN_WIDTH].iter().all(Result::is_ok));
    assert_eq!(next[MAX_CHAIN_WIDTH..], [Err(ChainEnd::Width), Err(ChainEnd::Width)]);
    let last = of(&[(CHAIN_LABEL, "3"), (CHAIN_ROOM_LABEL, "1")]);
    let next: Vec<_> = last.next(2).collect();
    assert_eq!(next, [Ok(of(&[(CHAIN_LABEL, "4"), (CHAIN_ROOM_LABEL, "0")])), Err(ChainEnd::Runs)]);
    assert_eq!(of(&[(CHAIN_LABEL, "32")]).next(1).collect::<Vec<_>>(), [Err(ChainEnd::Length)]);
}

#[test]
fn a_place_goes_from_run_to_run_by_labels_and_nobody_writes_more_room() {
    let next = Chain::default().next(2).next().and_then(Result::ok).expect("there is room");
    let labels: BTreeMap<_, _> = next.labels().collect();
    assert_eq!((labels[CHAIN_LABEL].as_str(), labels[CHAIN_ROOM_LABEL].as_str()), ("1", "499"));
    assert_eq!(Chain::of(|name| labels.get(name).map(String::as_str)), next);
    assert_eq!(Chain::default().labels().count(), 0);
    assert_eq!(of(&[(CHAIN_ROOM_LABEL, "4000000000")]), Chain::default());
    assert_eq!(of(&[(CHAIN_LABEL, "-1"), (CHAIN_ROOM_LABEL, "much")]), Chain::default());
}
