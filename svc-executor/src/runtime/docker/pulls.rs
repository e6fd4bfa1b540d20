//! Pulls under way: attempts that wait for the same image share one, and each hears how far it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use emboflow_model::ImagePull;
use tokio::sync::watch;

use crate::runtime::RuntimeError;

type Outcome = Result<(), RuntimeError>;

/// The pulls of one engine by image. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Pulls(Arc<Mutex<HashMap<String, Weak<watch::Sender<State>>>>>);

/// Where a pull has come to.
#[derive(Default)]
struct State {
    pull: Option<ImagePull>,
    outcome: Option<Outcome>,
}

/// Tells all who wait for a pull how far it is.
pub(super) struct Teller(Arc<watch::Sender<State>>);

impl Teller {
    pub(super) fn tell(&self, pull: ImagePull) {
        self.0.send_if_modified(|state| {
            let differs = state.pull.as_ref() != Some(&pull);
            state.pull = Some(pull);
            differs
        });
    }
}

impl Pulls {
    /// Carries `pull` out, or waits for the one of this image that is under way. It ends with its outcome, or when
    /// nobody waits for it any more.
    pub(super) async fn share<F>(
        &self,
        image: &str,
        progress: &(dyn Fn(&ImagePull) + Send + Sync),
        pull: impl FnOnce(Teller) -> F,
    ) -> Outcome
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut state = self.join(image, pull);
        loop {
            {
                let state = state.borrow_and_update();
                if let Some(outcome) = &state.outcome {
                    return outcome.clone();
                }
                if let Some(pull) = &state.pull {
                    progress(pull);
                }
            }
            if state.changed().await.is_err() {
                let detail = format!("the pull of {image} broke off");
                return Err(RuntimeError::Failed { doing: "fetching an image", detail });
            }
        }
    }

    fn join<F>(&self, image: &str, pull: impl FnOnce(Teller) -> F) -> watch::Receiver<State>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut under_way = self.lock();
        if let Some(known) = under_way.get(image).and_then(Weak::upgrade) {
            return known.subscribe();
        }
        let (sender, receiver) = watch::channel(State::default());
        let sender = Arc::new(sender);
        under_way.retain(|_, other| other.strong_count() > 0);
        under_way.insert(image.to_owned(), Arc::downgrade(&sender));
        let pull = pull(Teller(sender.clone()));
        tokio::spawn(self.clone().carry(image.to_owned(), sender, pull));
        receiver
    }

    async fn carry(
        self,
        image: String,
        sender: Arc<watch::Sender<State>>,
        pull: impl Future<Output = Outcome>,
    ) {
        let outcome = tokio::select! {
            outcome = pull => outcome,
            () = self.unwanted(&image, &sender) => return,
        };
        // Who comes from now on begins anew.
        self.lock().remove(&image);
        sender.send_modify(|state| state.outcome = Some(outcome));
    }

    /// Ends when nobody waits, and from then on nobody can join.
    async fn unwanted(&self, image: &str, sender: &watch::Sender<State>) {
        loop {
            sender.closed().await;
            let mut under_way = self.lock();
            if sender.is_closed() {
                under_way.remove(image);
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<watch::Sender<State>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::{oneshot, watch};

    fn pull(bytes_done: u64) -> ImagePull {
        ImagePull { bytes_done, ..ImagePull::of("a:1") }
    }

    #[tokio::test]
    async fn attempts_that_wait_for_the_same_image_share_one_pull_and_each_hears_of_it() {
        let (pulls, begun) = (Pulls::default(), AtomicUsize::new(0));
        let (go, gone) = watch::channel(false);
        let heard: [Mutex<Vec<u64>>; 3] = Default::default();
        let waits = heard.each_ref().map(|heard| {
            let (pulls, begun, mut gone) = (&pulls, &begun, gone.clone());
            async move {
                let told = |pull: &ImagePull| heard.lock().unwrap().push(pull.bytes_done);
                let work = |teller: Teller| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    async move {
                        teller.tell(pull(7));
                        gone.wait_for(|gone| *gone).await.unwrap();
                        Ok(())
                    }
                };
                pulls.share("a:1", &told, work).await
            }
        });
        let heard_all = async {
            while heard.iter().any(|heard| heard.lock().unwrap().is_empty()) {
                tokio::task::yield_now().await;
            }
            go.send_replace(true);
        };
        let (outcomes, ()) = tokio::join!(futures::future::join_all(waits), heard_all);
        assert_eq!((outcomes, begun.load(Ordering::Relaxed)), (vec![Ok(()); 3], 1));
        assert_eq!(heard.map(|heard| heard.into_inner().unwrap()), [[7], [7], [7]]);
        assert!(pulls.lock().is_empty());
    }

    #[tokio::test]
    async fn a_pull_that_nobody_waits_for_any_more_is_broken_off() {
        let pulls = Pulls::default();
        let (begun, has_begun) = oneshot::channel();
        let (held, ended) = oneshot::channel::<()>();
        let work = |_: Teller| async move {
            let _held_until_broken_off = held;
            begun.send(()).unwrap();
            std::future::pending().await
        };
        tokio::select! {
            outcome = pulls.share("a:1", &|_| {}, work) => panic!("{outcome:?}"),
            begun = has_begun => begun.unwrap(),
        }
        assert!(ended.await.is_err(), "the work is dropped");
        assert_eq!(pulls.share("a:1", &|_| {}, |_| async { Ok(()) }).await, Ok(()));
    }

    #[tokio::test]
    async fn a_failure_is_everybodys_and_the_next_one_asks_anew() {
        let pulls = Pulls::default();
        let refused = RuntimeError::ImageNotFound { image: "a:1".into(), detail: "no".into() };
        let fails = |_: Teller| {
            let refused = refused.clone();
            async move { Err(refused) }
        };
        let both = tokio::join!(pulls.share("a:1", &|_| {}, fails), pulls.share("a:1", &|_| {}, fails));
        assert_eq!(both, (Err(refused.clone()), Err(refused.clone())));
        assert_eq!(pulls.share("a:1", &|_| {}, |_| async { Ok(()) }).await, Ok(()));
    }
}
