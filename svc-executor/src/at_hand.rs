//! What this executor need not fetch: told in its heartbeats, so that a task comes where its image is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emboflow_model::executor::{AtHand, image_hash};
use tokio_util::sync::CancellationToken;

use crate::executor::Executor;

/// How often the engine is asked which images it has: somebody may remove them.
const LOOK: Duration = Duration::from_secs(60);

/// The images that were used last, the newest first.
#[derive(Default)]
pub(crate) struct Recent {
    images: Mutex<VecDeque<u32>>,
}

impl Recent {
    /// An attempt has this image.
    pub(crate) fn note_image(&self, image: &str) {
        let hash = image_hash(image);
        let mut images = self.lock();
        images.retain(|known| *known != hash);
        images.push_front(hash);
        images.truncate(AtHand::MOST);
    }

    /// The engine has these images and no others.
    pub(crate) fn keep_images(&self, there: &[String]) {
        let there: Vec<u32> = there.iter().map(|image| image_hash(image)).collect();
        let mut images = self.lock();
        images.retain(|known| there.contains(known));
        for hash in there {
            if images.len() < AtHand::MOST && !images.contains(&hash) {
                images.push_back(hash);
            }
        }
    }

    /// For a heartbeat.
    pub(crate) fn told(&self) -> AtHand {
        AtHand { images: self.lock().iter().copied().collect(), ..AtHand::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the engine from time to time, until the signal.
pub(crate) async fn look(executor: Arc<Executor>, stop: CancellationToken) {
    loop {
        match executor.runtime.images().await {
            Ok(there) => executor.recent.keep_images(&there),
            Err(error) => tracing::debug!(%error, "cannot ask which images there are"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_are_gone_are_not_told_and_used_ones_are_told_first() {
        let recent = Recent::default();
        recent.note_image("a");
        recent.note_image("b");
        recent.keep_images(&["b:latest".to_owned(), "c".to_owned()]);
        let told = recent.told().images;
        assert!(told.contains(&image_hash("b")) && told.contains(&image_hash("c")));
        assert!(!told.contains(&image_hash("a")));
        for number in 0..AtHand::MOST {
            recent.note_image(&format!("used:{number}"));
        }
        let told = recent.told().images;
        assert_eq!(told.len(), AtHand::MOST);
        assert!(told.contains(&image_hash("used:0")) && !told.contains(&image_hash("c")));
    }
}
