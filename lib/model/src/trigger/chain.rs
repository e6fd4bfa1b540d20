//! How far ended runs lead to each other: workflows that start each other would go on for ever, and two triggers on each
//! end would double the runs each time.

use std::fmt;

/// Ended runs that lead to each other, one after the other, at most.
pub const MAX_CHAIN_LENGTH: u32 = 32;
/// Runs that the end of one run starts at most: as many as a file has triggers at most.
pub const MAX_CHAIN_WIDTH: usize = 50;
/// Runs that one run leads to in all, at most, however they start each other.
pub const MAX_CHAIN_RUNS: u32 = 1_000;

/// The label that says how many ended runs, one after the other, have led to a run.
pub const CHAIN_LABEL: &str = "emboflow/chain";
/// The label that says how many more runs a run may lead to.
pub const CHAIN_ROOM_LABEL: &str = "emboflow/chain-room";

/// A run's place among runs that lead to each other. Runs share the room of the run that started them, so that nobody has
/// to count: no number of triggers makes more than [`MAX_CHAIN_RUNS`] runs of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    length: u32,
    room: u32,
}

/// Why the end of a run starts no more runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainEnd {
    /// Too many runs, one after the other, have led here.
    Length,
    /// The end of this run has started as many runs as it may.
    Width,
    /// The run at the beginning has led to as many runs as it may.
    Runs,
}

impl Default for Chain {
    /// A run that no other one has led to.
    fn default() -> Self {
        Self { length: 0, room: MAX_CHAIN_RUNS }
    }
}

impl Chain {
    /// The place of a run with these labels. Whoever writes labels of their own gets no more room than a first run.
    pub fn of<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Self {
        let number = |name: &str| label(name).and_then(|text| text.parse::<u32>().ok());
        let length = number(CHAIN_LABEL).unwrap_or(0);
        Self {
            length,
            room: number(CHAIN_ROOM_LABEL).map_or(MAX_CHAIN_RUNS, |room| room.min(MAX_CHAIN_RUNS)),
        }
    }

    /// The places of `wanted` runs that the end of this one is to start, in their order. They share the room evenly; the
    /// same question has the same answer.
    pub fn next(self, wanted: usize) -> impl Iterator<Item = Result<Self, ChainEnd>> {
        self.next_of(wanted, MAX_CHAIN_WIDTH)
    }

    /// The places of `wanted` runs that the objects of this one are to start, in their order; only the room bounds how
    /// many.
    pub fn next_by_objects(self, wanted: usize) -> impl Iterator<Item = Result<Self, ChainEnd>> {
        self.next_of(wanted, usize::MAX)
    }

    fn next_of(self, wanted: usize, width: usize) -> impl Iterator<Item = Result<Self, ChainEnd>> {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        let started = wanted.min(width).min(room);
        let left = room - started;
        (0..wanted).map(move |index| {
            if self.length >= MAX_CHAIN_LENGTH {
                return Err(ChainEnd::Length);
            }
            if index >= started {
                return Err(if index >= width { ChainEnd::Width } else { ChainEnd::Runs });
            }
            let share = left / started + usize::from(index < left % started);
            Ok(Self { length: self.length + 1, room: u32::try_from(share).unwrap_or(0) })
        })
    }

    /// The labels that say so; none for a run that no other one has led to.
    pub fn labels(self) -> impl Iterator<Item = (String, String)> {
        let labels = [(CHAIN_LABEL, self.length), (CHAIN_ROOM_LABEL, self.room)];
        let is_led_to = self.length > 0;
        labels
            .into_iter()
            .filter(move |_| is_led_to)
            .map(|(name, value)| (name.to_owned(), value.to_string()))
    }
}

impl fmt::Display for ChainEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "{MAX_CHAIN_LENGTH} runs, one after the other, have led to each other"),
            Self::Width => write!(f, "the end of a run starts {MAX_CHAIN_WIDTH} runs at most"),
            Self::Runs => {
                write!(f, "a run leads to {MAX_CHAIN_RUNS} runs at most, however they start each other")
            }
        }
    }
}
