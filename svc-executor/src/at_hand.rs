//! What this executor need not fetch: told in its heartbeats, so that a task comes where its image is.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emboflow_model::executor::{AtHand, artifact_hash, image_hash};
use tokio_util::sync::CancellationToken;

use crate::executor::Executor;

/// How often the engine is asked which images it has: somebody may remove them.
const LOOK: Duration = Duration::from_secs(60);

/// What was used last, the newest first.
#[derive(Default)]
pub(crate) struct Recent {
    images: Mutex<VecDeque<u32>>,
    artifacts: Mutex<VecDeque<u32>>,
}

impl Recent {
    /// An attempt has this image.
    pub(crate) fn note_image(&self, image: &str) {
        note(&self.images, image_hash(image));
    }

    /// An attempt has taken in the artifact of this manifest.
    pub(crate) fn note_artifact(&self, manifest_sha256: &str) {
        note(&self.artifacts, artifact_hash(manifest_sha256));
    }

    /// The engine has these images and no others.
    pub(crate) fn keep_images(&self, there: &[String]) {
        let there: Vec<u32> = there.iter().map(|image| image_hash(image)).collect();
        let mut images = lock(&self.images);
        images.retain(|known| there.contains(known));
        for hash in there {
            if images.len() < AtHand::MOST && !images.contains(&hash) {
                images.push_back(hash);
            }
        }
    }

    /// For a heartbeat.
    pub(crate) fn told(&self) -> AtHand {
        let told = |list| lock(list).iter().copied().collect();
        AtHand { images: told(&self.images), artifacts: told(&self.artifacts) }
    }
}

fn note(list: &Mutex<VecDeque<u32>>, hash: u32) {
    let mut list = lock(list);
    list.retain(|known| *known != hash);
    list.push_front(hash);
    list.truncate(AtHand::MOST);
}

fn lock(list: &Mutex<VecDeque<u32>>) -> MutexGuard<'_, VecDeque<u32>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the engine from time to time, and lets files go that nobody takes in any more, until the signal.
pub(crate) async fn look(executor: Arc<Executor>, stop: CancellationToken) {
    loop {
        match executor.runtime.images().await {
            Ok(there) => executor.recent.keep_images(&there),
            Err(error) => tracing::debug!(%error, "cannot ask which images there are"),
        }
        let (kept, full) = (executor.kept_files.clone(), executor.closed.load(Ordering::Relaxed));
        let _done = tokio::task::spawn_blocking(move || kept.trim(full)).await;
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
