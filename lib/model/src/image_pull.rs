//! How far the pull of an attempt's image is: shown while it lasts, and no part of a run's history.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// A pull under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImagePull {
    /// The image, as the task names it.
    pub image: String,
    /// Layers that are there and unpacked.
    pub layers_done: u32,
    /// Layers of the image; 0 before the registry has named them.
    pub layers_total: u32,
    /// Bytes that have come, as they are packed.
    pub bytes_done: u64,
    /// Bytes that come in all; none until the size of every layer is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
}

impl ImagePull {
    /// A pull whose registry has not answered yet.
    pub fn of(image: &str) -> Self {
        Self { image: image.to_owned(), ..Self::default() }
    }

    /// Everything has come; what is left is to unpack it.
    pub fn is_fetched(&self) -> bool {
        self.layers_total > 0 && self.bytes_total.is_some_and(|total| self.bytes_done >= total)
    }

    /// How much has come, 0 to 100; none until the whole is known.
    pub fn percent(&self) -> Option<u8> {
        let total = self.bytes_total?;
        let percent = u128::from(self.bytes_done) * 100 / u128::from(total.max(1));
        Some(u8::try_from(percent.min(100)).unwrap_or(100))
    }

    /// In few words, where the image is known: `pulling 34 of 80 MiB`.
    pub fn brief(&self) -> String {
        let doing = self.doing();
        self.figures().map_or(doing.to_owned(), |figures| format!("{doing} {figures}"))
    }

    fn doing(&self) -> &'static str {
        if self.is_fetched() { "unpacking" } else { "pulling" }
    }

    fn figures(&self) -> Option<String> {
        if self.layers_total == 0 {
            return None;
        }
        let layers = format!("{} of {} layers", self.layers_done, self.layers_total);
        if self.is_fetched() {
            return Some(layers);
        }
        let unit = unit_of(self.bytes_total.unwrap_or(self.bytes_done));
        let shown = |bytes| amount(bytes, self.bytes_total.unwrap_or(self.bytes_done), unit);
        let (done, unit) = (shown(self.bytes_done), UNITS[unit]);
        Some(match self.bytes_total {
            Some(total) => format!("{done} of {} {unit}", shown(total)),
            None => format!("{done} {unit}, {layers}"),
        })
    }
}

/// In words: `pulling debian:12, 34 of 80 MiB`, and `unpacking debian:12, 3 of 5 layers` once all of it has come.
impl fmt::Display for ImagePull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (doing, image) = (self.doing(), &self.image);
        match self.figures() {
            Some(figures) => write!(f, "{doing} {image}, {figures}"),
            None => write!(f, "{doing} {image}"),
        }
    }
}

fn unit_of(bytes: u64) -> usize {
    (1..UNITS.len()).rev().find(|unit| bytes >> (10 * unit) > 0).unwrap_or(0)
}

/// So many of the unit, with a decimal where the whole has a single digit before it.
fn amount(bytes: u64, whole: u64, unit: usize) -> String {
    let tenths = |bytes: u64| (u128::from(bytes) * 10) >> (10 * unit);
    match tenths(bytes) {
        tenths_done if unit > 0 && tenths(whole) < 100 => {
            format!("{}.{}", tenths_done / 10, tenths_done % 10)
        }
        tenths_done => format!("{}", tenths_done / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(layers: (u32, u32), bytes_done: u64, bytes_total: Option<u64>) -> ImagePull {
        let image = "debian:12".to_owned();
        ImagePull { image, layers_done: layers.0, layers_total: layers.1, bytes_done, bytes_total }
    }

    #[test]
    fn a_pull_is_told_in_the_unit_of_the_whole() {
        const MIB: u64 = 1 << 20;
        for (pull, words) in [
            (ImagePull::of("debian:12"), "pulling debian:12"),
            (pull((0, 5), 0, None), "pulling debian:12, 0 B, 0 of 5 layers"),
            (pull((2, 5), 34 * MIB, None), "pulling debian:12, 34 MiB, 2 of 5 layers"),
            (pull((1, 5), 34 * MIB, Some(80 * MIB)), "pulling debian:12, 34 of 80 MiB"),
            (pull((0, 1), 700 * 1024, Some(3 * MIB)), "pulling debian:12, 0.6 of 3.0 MiB"),
            (pull((0, 1), 12, Some(34)), "pulling debian:12, 12 of 34 B"),
            (pull((3, 5), 80 * MIB, Some(80 * MIB)), "unpacking debian:12, 3 of 5 layers"),
            (pull((0, 1), 1, Some(u64::MAX)), "pulling debian:12, 0 of 16777215 TiB"),
        ] {
            assert_eq!(pull.to_string(), words);
            assert_eq!(pull.brief(), words.replace(" debian:12,", "").replace(" debian:12", ""));
        }
    }

    #[test]
    fn the_share_is_unknown_until_the_whole_is() {
        let shares = [pull((0, 2), 5, None), pull((0, 2), 1, Some(3)), pull((0, 2), 0, Some(0))];
        assert_eq!(shares.map(|pull| pull.percent()), [None, Some(33), Some(0)]);
        assert_eq!(pull((0, 1), u64::MAX, Some(1)).percent(), Some(100));
    }
}
