//! How far a pull is, from what the engine says of each layer; pure.

use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;
use emboflow_model::ImagePull;

/// The layers of an image that is being pulled.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<String, Layer>);

#[derive(Clone, Copy, Default)]
struct Layer {
    fetched: u64,
    size: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    /// It comes, or waits to.
    #[default]
    Coming,
    /// It has come and is to be unpacked.
    Fetched,
    /// It is there.
    Done,
    /// It was there before.
    Kept,
}

impl Layers {
    /// Takes in one step. Statuses that are not about a layer change nothing; the sizes of an unpacking are not those
    /// of the packed layer.
    pub(super) fn take(&mut self, step: &CreateImageInfo) {
        let (Some(id), Some(status)) = (&step.id, &step.status) else { return };
        let detail = step.progress_detail.as_ref();
        let amount = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
        let state = match status.as_str() {
            "Pulling fs layer" | "Waiting" | "Downloading" => State::Coming,
            "Verifying Checksum" | "Download complete" | "Extracting" => State::Fetched,
            "Pull complete" => State::Done,
            "Already exists" => State::Kept,
            _ => return,
        };
        let layer = self.0.entry(id.clone()).or_default();
        layer.state = state;
        if status == "Downloading" {
            layer.fetched = amount(detail.and_then(|detail| detail.current)).unwrap_or(layer.fetched);
            let size = amount(detail.and_then(|detail| detail.total)).filter(|size| *size > 0);
            layer.size = size.or(layer.size);
        }
        if state != State::Coming {
            layer.fetched = *layer.size.get_or_insert(layer.fetched);
        }
    }

    /// The pull as it is now; none while there is no layer that has to be fetched.
    pub(super) fn pull(&self, image: &str) -> Option<ImagePull> {
        let layers = || self.0.values();
        if layers().all(|layer| layer.state == State::Kept) {
            return None;
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Some(ImagePull {
            image: image.to_owned(),
            layers_done: count(
                layers().filter(|layer| matches!(layer.state, State::Done | State::Kept)).count(),
            ),
            layers_total: count(self.0.len()),
            bytes_done: layers().fold(0, |sum, layer| sum.saturating_add(layer.fetched)),
            bytes_total: layers()
                .try_fold(0, |sum: u64, layer| layer.size.map(|size| sum.saturating_add(size))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ProgressDetail;

    fn step(id: &str, status: &str, amounts: Option<(i64, i64)>) -> CreateImageInfo {
        let progress_detail =
            amounts.map(|(current, total)| ProgressDetail { current: Some(current), total: Some(total) });
        let (id, status) = (Some(id.to_owned()), Some(status.to_owned()));
        CreateImageInfo { id, status, progress_detail, ..CreateImageInfo::default() }
    }

    fn figures(layers: &Layers) -> Option<(u32, u32, u64, Option<u64>)> {
        let pull = layers.pull("debian:12")?;
        Some((pull.layers_done, pull.layers_total, pull.bytes_done, pull.bytes_total))
    }

    #[test]
    fn layers_add_up_and_the_whole_is_known_once_each_of_them_is() {
        let mut layers = Layers::default();
        for (id, status, amounts, told) in [
            ("12", "Pulling from library/debian", None, None),
            ("kept", "Already exists", None, None),
            ("a", "Pulling fs layer", None, Some((1, 2, 0, None))),
            ("b", "Pulling fs layer", None, Some((1, 3, 0, None))),
            ("b", "Waiting", None, Some((1, 3, 0, None))),
            ("a", "Downloading", Some((30, 100)), Some((1, 3, 30, None))),
            ("b", "Downloading", Some((5, 50)), Some((1, 3, 35, Some(150)))),
            ("a", "Verifying Checksum", None, Some((1, 3, 105, Some(150)))),
            ("a", "Download complete", None, Some((1, 3, 105, Some(150)))),
            ("a", "Extracting", Some((1, 900)), Some((1, 3, 105, Some(150)))),
            ("a", "Pull complete", None, Some((2, 3, 105, Some(150)))),
            ("b", "Download complete", None, Some((2, 3, 150, Some(150)))),
            ("b", "Pull complete", None, Some((3, 3, 150, Some(150)))),
            ("12", "Digest: sha256:00", None, Some((3, 3, 150, Some(150)))),
        ] {
            layers.take(&step(id, status, amounts));
            assert_eq!(figures(&layers), told, "{id} {status}");
        }
    }

    #[test]
    fn a_layer_without_a_size_has_what_came_of_it() {
        let mut layers = Layers::default();
        layers.take(&step("a", "Downloading", Some((70, -1))));
        assert_eq!(figures(&layers), Some((0, 1, 70, None)));
        layers.take(&step("a", "Download complete", None));
        assert_eq!(figures(&layers), Some((0, 1, 70, Some(70))));
    }

    #[test]
    fn nothing_is_told_of_an_image_that_is_up_to_date() {
        let mut layers = Layers::default();
        layers.take(&step("12", "Pulling from library/debian", None));
        layers.take(&CreateImageInfo {
            status: Some("Status: Image is up to date".into()),
            ..Default::default()
        });
        assert_eq!(figures(&layers), None);
    }
}
