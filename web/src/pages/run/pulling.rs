//! How far the image of an attempt is.

use dioxus::prelude::*;
use emboflow_model::ImagePull;

use crate::look::Tone;
use crate::parts::meter::{Meter, Share};

/// The words, and a bar where the whole is known.
#[component]
pub(super) fn Pulling(pull: ImagePull) -> Element {
    let words = sentence(&pull);
    rsx! {
        div { class: "stack pulling",
            p { class: "soft", "{words}" }
            if let Some(percent) = percent(&pull) {
                Meter { shares: vec![Share { percent, tone: Tone::Run }], label: words }
            }
        }
    }
}

/// As the line of a panel.
pub(super) fn sentence(pull: &ImagePull) -> String {
    let words = pull.to_string();
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Of the bytes while they come, then of the layers that are unpacked.
fn percent(pull: &ImagePull) -> Option<f64> {
    if pull.is_fetched() {
        return Some(f64::from(pull.layers_done) * 100.0 / f64::from(pull.layers_total.max(1)));
    }
    pull.percent().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_is_measured_by_bytes_and_its_unpacking_by_layers() {
        let mut pull = ImagePull { layers_total: 4, layers_done: 1, ..ImagePull::of("debian:12") };
        assert_eq!(
            (sentence(&ImagePull::of("debian:12")).as_str(), percent(&pull)),
            ("Pulling debian:12", None)
        );
        (pull.bytes_done, pull.bytes_total) = (40, Some(80));
        assert_eq!(percent(&pull), Some(50.0));
        pull.bytes_done = 80;
        assert_eq!(
            (sentence(&pull).as_str(), percent(&pull)),
            ("Unpacking debian:12, 1 of 4 layers", Some(25.0))
        );
    }
}
